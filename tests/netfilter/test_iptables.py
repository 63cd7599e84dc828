"""The real kernel: rules written through python-iptables are what iptables-legacy-save then shows."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import anyio
import pytest

from kubepy.netfilter.interface import FilterError, Hook, Match, Rule, Ruleset, Table, comment, option
from kubepy.netfilter.iptables.client import IptablesFilter
from kubepy.util.clock import SystemClock

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
    pytest.mark.skipif(shutil.which("iptables-legacy-save") is None, reason="iptables is not installed"),
]

TABLE = Table(
    {
        "KUBE-SERVICES": (
            Rule(
                "KUBE-SVC-A",
                destination="10.96.0.1/32",
                protocol="tcp",
                matches=(
                    comment("default/kubernetes:https cluster IP"),
                    Match("tcp", option("dport", "443")),
                ),
            ),
        ),
        "KUBE-SVC-A": (Rule("KUBE-SEP-A"),),
        "KUBE-SEP-A": (Rule("DNAT", option("to-destination", "10.244.1.2:6443"), protocol="tcp"),),
    },
    (Hook("PREROUTING", Rule("KUBE-SERVICES", matches=(comment("kubernetes service portals"),))),),
)


@pytest.fixture
def in_namespace() -> Iterator[Callable[..., str]]:
    """Runs a function of this module in a fresh network namespace, in a process of its own."""
    name = f"kubepy-test-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)

    def run(function: str) -> str:
        here = os.path.dirname(__file__)
        code = f"import sys; sys.path.insert(0, {here!r}); import test_iptables as t; t.{function}()"
        enter = ["nsenter", f"--net=/run/netns/{name}"]
        done = subprocess.run(
            [*enter, sys.executable, "-c", code], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        saved = subprocess.run(
            [*enter, "iptables-legacy-save", "-t", "nat"], capture_output=True, text=True, check=True
        )
        return saved.stdout

    yield run
    subprocess.run(["ip", "netns", "del", name], check=True)


def steps(*rulesets: Ruleset) -> IptablesFilter:
    packet_filter = IptablesFilter(SystemClock())

    async def apply() -> None:
        for ruleset in rulesets:
            await packet_filter.apply(ruleset)
            assert await packet_filter.verify()
        await packet_filter.aclose()

    anyio.run(apply)
    return packet_filter


def apply_once() -> None:
    steps({"nat": TABLE})


def apply_then_shrink() -> None:
    apply_once()
    smaller = Table({"KUBE-SERVICES": ()}, TABLE.hooks)
    steps({"nat": TABLE}, {"nat": smaller})


def keep_what_others_wrote() -> None:
    foreign = ["-A", "PREROUTING", "-d", "192.0.2.1", "-j", "RETURN"]
    subprocess.run(["iptables-legacy", "-t", "nat", *foreign], check=True)
    apply_once()
    apply_once()


def notice_foreign_hands() -> None:
    async def run() -> None:
        packet_filter = IptablesFilter(SystemClock())
        await packet_filter.apply({"nat": TABLE})
        subprocess.run(["iptables-legacy", "-t", "nat", "-F", "KUBE-SVC-A"], check=True)
        assert not await packet_filter.verify()
        await packet_filter.apply({"nat": TABLE})
        assert await packet_filter.verify()
        await packet_filter.aclose()

    anyio.run(run)


def refuse_and_keep() -> None:
    async def run() -> None:
        packet_filter = IptablesFilter(SystemClock())
        await packet_filter.apply({"nat": TABLE})
        bad = Table({"KUBE-SVC-A": (Rule("DNAT", option("no-such-option", "1"), protocol="tcp"),)})
        with pytest.raises(FilterError):
            await packet_filter.apply({"nat": bad})
        await packet_filter.apply({"nat": TABLE})
        await packet_filter.aclose()

    anyio.run(run)


def test_rules_arrive_as_written(in_namespace: Callable[[str], str]) -> None:
    saved = in_namespace("apply_once")
    assert '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES' in saved
    assert "-d 10.96.0.1/32 -p tcp -m comment" in saved
    assert "-A KUBE-SEP-A -p tcp -j DNAT --to-destination 10.244.1.2:6443" in saved


def test_chains_that_are_no_longer_wanted_go(in_namespace: Callable[[str], str]) -> None:
    saved = in_namespace("apply_then_shrink")
    assert ":KUBE-SERVICES" in saved
    assert "KUBE-SVC-A" not in saved
    assert saved.count("-A PREROUTING") == 1


def test_rules_of_others_stay(in_namespace: Callable[[str], str]) -> None:
    saved = in_namespace("keep_what_others_wrote")
    assert "-A PREROUTING -d 192.0.2.1/32 -j RETURN" in saved
    assert saved.count("-j KUBE-SERVICES") == 1


def test_foreign_changes_are_noticed_and_mended(in_namespace: Callable[[str], str]) -> None:
    assert "-A KUBE-SVC-A -j KUBE-SEP-A" in in_namespace("notice_foreign_hands")


def test_a_bad_rule_changes_nothing(in_namespace: Callable[[str], str]) -> None:
    assert "-A KUBE-SVC-A -j KUBE-SEP-A" in in_namespace("refuse_and_keep")
