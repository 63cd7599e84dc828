"""kopf's own examples, as its authors ship them, against the test cluster.

Left out: 17-admission, whose certificates need oscrypto, which does not load beside OpenSSL 3.0.10 and later; and
99-all-at-once, which repeats the others.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepy.api.resources import CRDS, PODS
from kubepy.machinery.gvk import GVR
from kubepy.testing import SyncCluster

_SOURCE = Path(sys.prefix) / "clients" / "kopf"
_EXAMPLES = GVR("kopf.dev", "v1", "kopfexamples")
_NAME = "kopf-example-1"
_PATIENCE = 60.0

pytest.importorskip("kopf", reason="the stock clients are not installed (make clients)")
pytest.importorskip("pykube", reason="the stock clients are not installed (make clients)")
if not _SOURCE.is_dir():
    pytest.skip("kopf's examples are not here (make clients)", allow_module_level=True)


def _environment(cluster: SyncCluster, home: Path) -> dict[str, str]:
    config = home / ".kube" / "config"
    config.parent.mkdir(exist_ok=True)
    shutil.copyfile(cluster.kubeconfig, config)
    paths = [str(Path(sys.prefix) / "clients"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return os.environ | {
        "KUBECONFIG": str(config),
        "HOME": str(home),
        "PATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
    }


class Operator:
    """A running `kopf run` and what it has said."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def says(self, *patterns: str) -> str:
        """Wait until each pattern was in its output; the output."""
        _eventually(
            lambda: all(re.search(pattern, self.output) for pattern in patterns),
            lambda: f"not all of {patterns} in:\n{self.output[-6000:]}",
        )
        return self.output

    def end(self) -> str:
        """Ask it to end; all its output."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=_PATIENCE) == 0, self.output[-4000:]
        return self.output


def _eventually(check: Callable[[], Any], tell: Callable[[], str] = lambda: "") -> Any:
    deadline = time.monotonic() + _PATIENCE
    while not (found := check()):
        assert time.monotonic() < deadline, tell()
        time.sleep(0.05)
    return found


@contextmanager
def _running(cluster: SyncCluster, home: Path, command: list[str], log: str) -> Iterator[Operator]:
    file = home / log
    with file.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=_environment(cluster, home), cwd=_SOURCE
        )
    try:
        yield Operator(process, file)
    finally:
        process.kill()
        process.wait()


class Stage:
    """The test's cluster with kopf's custom resource, and operators on it."""

    def __init__(self, cluster: SyncCluster, home: Path) -> None:
        self.cluster = cluster
        self.client = cluster.client
        self.home = home
        self.install(_SOURCE / "examples" / "crd.yaml")

    def install(self, file: Path) -> None:
        """Apply the custom resource definitions of a file."""
        for definition in yaml.safe_load_all(file.read_text()):
            if not definition or definition["kind"] != "CustomResourceDefinition":
                continue
            self.client.create(CRDS, definition)
            self.cluster.wait_for("crd", definition["metadata"]["name"], condition="Established")

    @contextmanager
    def operator(self, example: str, *arguments: str, log: str = "operator.log") -> Iterator[Operator]:
        program = str(_SOURCE / "examples" / example / "example.py")
        options = arguments or ("--standalone",)
        command = [sys.executable, "-m", "kopf", "run", "--all-namespaces", "--verbose", *options, program]
        with _running(self.cluster, self.home, command, log) as operator:
            yield operator

    def create(self, **spec: Any) -> dict[str, Any]:
        example = yaml.safe_load((_SOURCE / "examples" / "obj.yaml").read_text())
        example["spec"] |= spec
        created: dict[str, Any] = self.client.create(_EXAMPLES, example, namespace="default")
        return created

    def patch(self, **spec: Any) -> None:
        self.client.patch(_EXAMPLES, _NAME, {"spec": spec}, namespace="default")

    def wait(self, until: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The example object, once it is so."""
        return self.cluster.wait_for("kopfexamples.kopf.dev", _NAME, until=until, timeout=_PATIENCE)

    def delete(self) -> None:
        """Delete the example object and wait until its finalizers have let it go."""
        self.client.delete(_EXAMPLES, _NAME, namespace="default")
        self.cluster.wait_for("kopfexamples.kopf.dev", _NAME, absent=True, timeout=_PATIENCE)


def _handled(example: dict[str, Any]) -> bool:
    return "kopf.zalando.org/last-handled-configuration" in example["metadata"]["annotations"]


@pytest.fixture
def stage(kube_cluster: SyncCluster, tmp_path: Path) -> Stage:
    return Stage(kube_cluster, tmp_path)


def test_01_minimal_writes_what_the_handler_returns_into_the_status(stage: Stage) -> None:
    with stage.operator("01-minimal"):
        stage.create()
        found = stage.wait(lambda o: "create_fn" in (o.get("status") or {}))
        assert found["status"]["create_fn"] == {"message": "hello world"}


def test_02_children_go_with_their_parent(stage: Stage) -> None:
    with stage.operator("02-children"):
        owner = stage.create()
        found = stage.wait(lambda o: "create_fn" in (o.get("status") or {}))
        [pod] = stage.client.list(PODS, namespace="default")["items"]
        assert found["status"]["create_fn"]["children"] == [pod["metadata"]["uid"]]
        assert pod["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
        stage.cluster.wait_for("pods", pod["metadata"]["name"], condition="Ready")
        stage.delete()
        stage.cluster.wait_for("pods", pod["metadata"]["name"], absent=True, timeout=_PATIENCE)


def test_03_exceptions_are_retried_or_final(stage: Stage) -> None:
    with stage.operator("03-exceptions") as operator:
        stage.create()
        output = operator.says(
            "'instant_failure_with_only_a_message' failed permanently: Fail once and for all",
            "'eventual_success_with_a_few_messages' succeeded",
            "'eventual_failure_with_tracebacks' failed with an exception and will stop",
            "'instant_failure_with_traceback' failed with an exception and will stop",
        )
        assert output.count("'eventual_success_with_a_few_messages' failed temporarily") == 3
        stage.wait(lambda o: not any("kopf.zalando.org/even" in a for a in o["metadata"]["annotations"]))


def test_04_events_are_recorded(stage: Stage) -> None:
    with stage.operator("04-events"):
        stage.create()
        found = _eventually(
            lambda: len(events := stage.cluster.events(reason="SomeReason")) >= 4 and events,
            lambda: str(stage.cluster.events()),
        )
        assert {event.type for event in found} == {"SomeType", "Normal", "Warning", "Error"}
        assert {event.object for event in found} == {f"KopfExample/{_NAME}"}
        assert "Some exception: Exception text." in {event.message for event in found}


def test_05_handlers_follow_the_life_of_an_object(stage: Stage) -> None:
    with stage.operator("05-handlers") as operator:
        stage.create()
        operator.says("CREATED 1st", "CREATED 2nd", "FIELD CHANGED: None -> value")
        stage.wait(_handled)
        stage.patch(field="other")
        operator.says("UPDATED", "FIELD CHANGED: value -> other")
        stage.delete()
        operator.says("DELETED 1st", "DELETED 2nd")
    with stage.operator("05-handlers", log="second.log") as operator:
        stage.create()
        assert "RESUMED" not in operator.says("CREATED 2nd")
        stage.wait(_handled)
    with stage.operator("05-handlers", log="third.log") as operator:
        assert "CREATED" not in operator.says("RESUMED 1st", "RESUMED 2nd")


def test_06_peering_lets_the_higher_priority_work(stage: Stage) -> None:
    stage.install(_SOURCE / "peering.yaml")
    peerings = GVR("kopf.dev", "v1", "clusterkopfpeerings")
    head = {"apiVersion": "kopf.dev/v1", "kind": "ClusterKopfPeering", "metadata": {"name": "example"}}
    stage.client.create(peerings, head)
    low = ("--peering=example", "--priority=1")
    high = ("--peering=example", "--priority=2")
    with stage.operator("06-peering", *low, log="low.log") as lower:
        _eventually(lambda: stage.client.get(peerings, "example").get("status"), lambda: lower.output)
        with stage.operator("06-peering", *high, log="high.log") as higher:
            lower.says("Pausing operations in favou?r of")
            stage.create()
            higher.says(r"\[default/kopf-example-1\] Creation is in progress")
            higher.end()
        assert "Creation is in progress" not in lower.says("Resuming operations after the pause")
    stage.client.delete(peerings, "example")


def test_07_subhandlers_run_for_each_item(stage: Stage) -> None:
    with stage.operator("07-subhandlers") as operator:
        stage.create(items=["item1", "item2"])
        output = operator.says("Creation is processed: .* succeeded")
        for item in ("item1", "item2"):
            assert output.count(f"=== Handling creation for {item}. ===") == 1


def test_08_events_of_the_watch_reach_the_handler_that_does_not_fail(stage: Stage) -> None:
    with stage.operator("08-events") as operator:
        operator.says("Starting the watch-stream for kopfexamples")
        stage.create()
        operator.says("Oops!", "Event received: .*'type': 'ADDED'")
        stage.patch(field="other")
        operator.says("Event received: .*'type': 'MODIFIED'")
        stage.delete()
        operator.says("Event received: .*'type': 'DELETED'")


@pytest.mark.parametrize("example", ["09-testing", "10-builtins", "11-filtering-handlers"])
def test_the_tests_that_kopf_gives_its_examples_pass(
    kube_cluster: SyncCluster, tmp_path: Path, example: str
) -> None:
    if not (Path(sys.prefix) / "clients" / "kubectl").is_file() and shutil.which("kubectl") is None:
        pytest.skip("no kubectl on this machine")
    folder = _SOURCE / "examples" / example
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--rootdir", str(folder), str(folder)],
        env=_environment(kube_cluster, tmp_path),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "1 passed" in done.stdout


def test_12_embedded_operator_sees_what_its_host_does(stage: Stage) -> None:
    command = [sys.executable, str(_SOURCE / "examples" / "12-embedded" / "example.py")]
    with _running(stage.cluster, stage.home, command, "embedded.log") as program:
        assert program.process.wait(timeout=_PATIENCE) == 0, program.output[-4000:]
        for step in range(3):
            assert f"Hello, kopf-example-{step}!" in program.output
            assert f"Good bye, kopf-example-{step}!" in program.output
    assert stage.client.list(_EXAMPLES)["items"] == []


def test_13_hooks_start_log_in_and_clean_up(stage: Stage) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    stage.client.create(PODS, pod, namespace="default")
    with stage.operator("13-hooks") as operator:
        operator.says("Going to succeed in 1s", "Starting retried", "Logging in in 2s")
        operator.says("Served by the background task")
        assert "All pod-tasks are requested to stop" in operator.end()


def test_14_daemons_live_as_long_as_their_object(stage: Stage) -> None:
    with stage.operator("14-daemons") as operator:
        stage.create()
        stage.wait(lambda o: (o.get("status") or {}).get("message") == "Failed 3 times.")
        operator.says("Ping from a sync daemon: field='value', retry=3", "Ping from an async daemon")
        stage.delete()
        pings = operator.output.count("=> Ping")
        time.sleep(6)
        assert operator.output.count("=> Ping") == pings


def test_15_timers_tick_once_the_object_is_idle(stage: Stage) -> None:
    with stage.operator("15-timers") as operator:
        stage.create()
        operator.says("Ping from a sync timer: field='value'", "Ping from an async timer: field='value'")
        stage.delete()


def test_16_indexing_shows_the_running_pods(stage: Stage) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    stage.client.create(PODS, pod, namespace="default")
    stage.cluster.wait_for("pods", "p", condition="Ready")
    with stage.operator("16-indexing"):
        stage.create()
        stage.wait(lambda o: (o.get("status") or {}).get("running-pods") == ["default::p"])
        stage.client.delete(PODS, "p", namespace="default")
        stage.wait(lambda o: (o.get("status") or {}).get("running-pods") == [])
