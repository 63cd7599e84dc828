"""A webhook of a configuration, compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubepy.apiserver.admission.expressions import MatchConditions
from kubepy.apiserver.admission.matching import Constraints
from kubepy.machinery.meta import Obj

_TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class Hook:
    """One entry of `webhooks`."""

    configuration: str
    name: str
    client_config: Obj
    constraints: Constraints
    conditions: MatchConditions | None
    ignores_failures: bool
    timeout: float
    supports_dry_run: bool
    reinvoked: bool
    versions: tuple[str, ...]

    @property
    def id(self) -> tuple[str, str]:
        """Unique among all webhooks of the kind."""
        return self.configuration, self.name


def compile_hooks(configuration: Obj) -> Iterator[Hook]:
    """The webhooks of a configuration, in its order."""
    for webhook in configuration.get("webhooks") or ():
        conditions = webhook.get("matchConditions") or ()
        ignores = webhook.get("failurePolicy") == "Ignore"
        yield Hook(
            configuration=configuration["metadata"]["name"],
            name=webhook.get("name") or "",
            client_config=webhook.get("clientConfig") or {},
            constraints=Constraints.of(webhook, "rules"),
            conditions=MatchConditions(conditions, ignore_errors=ignores) if conditions else None,
            ignores_failures=ignores,
            timeout=float(webhook.get("timeoutSeconds") or _TIMEOUT),
            supports_dry_run=webhook.get("sideEffects") in ("None", "NoneOnDryRun"),
            reinvoked=webhook.get("reinvocationPolicy") == "IfNeeded",
            versions=tuple(webhook.get("admissionReviewVersions") or ()),
        )
