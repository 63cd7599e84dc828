"""What a reset takes out of the packet rules, and what it leaves to others."""

from __future__ import annotations

from kubepy.bootstrap.resetting import without_our_chains

SAVED = """*nat
:PREROUTING ACCEPT [0:0]
:MINE - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ABC - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -p tcp --dport 80 -j MINE
-A PREROUTING -m comment --comment "not KUBE-SERVICES" -j MINE
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -j KUBE-SVC-ABC
-A MINE -j ACCEPT
COMMIT
"""


def test_ours_go_and_others_stay() -> None:
    assert without_our_chains(SAVED).splitlines() == [
        "*nat",
        ":PREROUTING ACCEPT [0:0]",
        ":MINE - [0:0]",
        "-A PREROUTING -p tcp --dport 80 -j MINE",
        '-A PREROUTING -m comment --comment "not KUBE-SERVICES" -j MINE',
        "-A MINE -j ACCEPT",
        "COMMIT",
    ]


def test_nothing_of_ours() -> None:
    assert without_our_chains("*nat\nCOMMIT\n") == "*nat\nCOMMIT\n"
