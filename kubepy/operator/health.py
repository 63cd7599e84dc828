"""Health checks and metrics of a manager, over HTTP."""

from collections.abc import Callable, Mapping

from kubepy.operator.metrics import Registry
from kubepy.operator.serving import Endpoint, Handler, Reply

#: Why something is not well; None or "" when it is.
Check = Callable[[], str | None]
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def probe(checks: Mapping[str, Check], name: str) -> Handler:
    """200 "ok" when all checks pass, else 500 with a line for each check, as Kubernetes' servers do."""

    async def answer(_: bytes) -> Reply:
        lines, failed = [], False
        for check_name, check in checks.items():
            reason = check()
            failed = failed or bool(reason)
            lines.append(f"[-]{check_name} failed: {reason}" if reason else f"[+]{check_name} ok")
        if not failed:
            return Reply(200, b"ok")
        return Reply(500, "\n".join([*lines, f"{name} check failed\n"]).encode())

    return answer


def metrics(registry: Registry) -> Handler:
    async def answer(_: bytes) -> Reply:
        return Reply(200, registry.text().encode(), METRICS_TYPE)

    return answer


def endpoints(
    health_address: str | None,
    metrics_address: str | None,
    healthz: Mapping[str, Check],
    readyz: Mapping[str, Check],
    registry: Registry,
) -> list[Endpoint]:
    """/healthz and /readyz on one address, /metrics on the other; one server when they are the same."""
    paths: dict[str, dict[str, Handler]] = {}
    if health_address:
        health = paths.setdefault(health_address, {})
        health["/healthz"] = probe(healthz, "healthz")
        health["/readyz"] = probe(readyz, "readyz")
    if metrics_address:
        paths.setdefault(metrics_address, {})["/metrics"] = metrics(registry)
    return [Endpoint(address, get=get) for address, get in paths.items()]
