"""The process that holds iptc: reads requests on an inherited socket, answers there, ends at its end.

Started as ``python -m kubepy.netfilter.iptables.worker FD`` by ``client``; single-threaded.
"""

from __future__ import annotations

import socket
import sys

from kubepy.netfilter.interface import FilterError
from kubepy.netfilter.iptables.compiler import Compiler
from kubepy.netfilter.iptables.kernel import KernelTable
from kubepy.netfilter.iptables.wire import Message, decode, encode, rule_from


def main(descriptor: int) -> None:
    compiler = Compiler()
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rwb") as stream:
        for line in stream:
            try:
                answer = handle(decode(line), compiler)
            except FilterError as error:
                answer = {"error": str(error)}
            stream.write(encode(answer))
            stream.flush()


def handle(request: Message, compiler: Compiler) -> Message:
    """Carry out one request. Raises FilterError."""
    table = KernelTable(request["table"], compiler)
    if request["op"] == "inspect":
        return {"ok": True, "chains": table.owned_chains(), "hooks": sorted(table.hooked())}
    chains = {name: [rule_from(r) for r in rules] for name, rules in request["chains"].items()}
    hooks = [(chain, rule_from(rule)) for chain, rule in request["hooks"]]
    table.replace(chains, hooks, request["remove"])
    return {"ok": True}


if __name__ == "__main__":
    main(int(sys.argv[1]))
