"""Lines of a description: levels of two spaces, names and values between tabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kubepy.kubectl.printers.tabwriter import tabbed
from kubepy.machinery import meta, timestamps
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.session import Session

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ANNOTATION = 140


class Writer:
    """Collects lines; `text` is the description, its columns aligned."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def line(self, level: int, text: str) -> None:
        """One line (or several) at a level."""
        self._parts.append("  " * level + text + "\n")

    def text(self) -> str:
        return tabbed("".join(self._parts))

    def unaligned(self) -> str:
        """The description with the tabs left in it."""
        return "".join(self._parts)

    def raw(self, text: str) -> None:
        """What has its own form: no level, no newline added."""
        self._parts.append(text)


def time(text: str | None) -> str:
    """A timestamp as Go's RFC1123Z: `Sat, 21 Nov 2026 11:30:16 +0000`."""
    return timestamps.parse(text).strftime("%a, %d %b %Y %H:%M:%S %z") if text else ""


def bool_text(value: object) -> str:
    return "true" if value else "false"


def name_and_namespace(out: Writer, obj: Obj) -> None:
    out.line(0, f"Name:\t{meta.name(obj)}")
    out.line(0, f"Namespace:\t{meta.namespace(obj)}")


def labels(out: Writer, title: str, found: Mapping[str, str] | None, *, level: int = 0) -> None:
    """`Labels:` and one pair a line."""
    lines = [f"{key}={(found or {})[key]}" for key in sorted(found or {})]
    if not lines:
        out.line(level, f"{title}:\t<none>")
        return
    out.line(level, f"{title}:\t{lines[0]}")
    # Labels keep one column together with their title, whatever the level.
    indent = "  " * level
    for line in lines[1:]:
        out.raw(f"{indent}\t{line}\n")


def annotation_lines(out: Writer, obj: Obj, *, title: str = "Annotations", level: int = 0) -> None:
    """`Annotations:`, long ones on lines of their own; the configuration last applied is left out."""
    found = {key: value for key, value in meta.annotations(obj).items() if key != LAST_APPLIED}
    if not found:
        out.line(level, f"{title}:\t<none>")
        return
    lead = f"{title}:\t"
    for key in sorted(found):
        value = found[key].removesuffix("\n")
        out.raw("  " * level + lead)
        if len(value) + len(key) + 2 > MAX_ANNOTATION or "\n" in value:
            out.raw(f"{key}:\n")
            for part in value.split("\n"):
                out.raw(f"{'  ' * level}\t  {_shortened(part)}\n")
        else:
            out.raw(f"{key}: {value}\n")
        lead = "\t"


def _shortened(text: str) -> str:
    return f"{text[: MAX_ANNOTATION - 2]}..." if len(text) > MAX_ANNOTATION - 2 else text


async def events_of(session: Session, obj: Obj, *, namespace: str | None = None) -> list[Obj]:
    """The events about an object."""
    where = meta.namespace(obj) if namespace is None else namespace
    uid = meta.uid(obj)
    selector = [f"involvedObject.name={meta.name(obj)}", f"involvedObject.namespace={where}"]
    if obj.get("kind"):
        selector.append(f"involvedObject.kind={obj['kind']}")
    if uid:
        selector.append(f"involvedObject.uid={uid}")
    return await query_events(session, where, selector)


async def query_events(session: Session, namespace: str, selector: Sequence[str]) -> list[Obj]:
    """Events by field selector; empty parts are dropped."""
    terms = ",".join(term for term in selector if not term.endswith("="))
    path = f"/api/v1/namespaces/{namespace}/events" if namespace else "/api/v1/events"
    answer = await session.request("GET", path, params={"fieldSelector": terms, "limit": "500"})
    return answer.get("items") or []


def events(out: Writer, found: Sequence[Obj], now: datetime) -> None:
    """The table of events, oldest first."""
    if not found:
        out.line(0, "Events:\t<none>")
        return
    out.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage")
    out.line(1, "----\t------\t----\t----\t-------")
    for event in sorted(found, key=_last_seen):
        source = (event.get("source") or {}).get("component") or event.get("reportingComponent") or ""
        message = str(event.get("message") or "").strip()
        cells = (event.get("type", ""), event.get("reason", ""), _interval(event, now), source, message)
        out.line(1, "\t".join(cells))


def _last_seen(event: Obj) -> str:
    series: Obj = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")


def _interval(event: Obj, now: datetime) -> str:
    first = timestamps.human_age(event.get("firstTimestamp") or event.get("eventTime"), now)
    series: Obj = event.get("series") or {}
    if series:
        last = timestamps.human_age(series.get("lastObservedTime"), now)
        return f"{last} (x{series.get('count')} over {first})"
    count = int(event.get("count") or 0)
    if count > 1:
        return f"{timestamps.human_age(event.get('lastTimestamp'), now)} (x{count} over {first})"
    return first


def controlled_by(out: Writer, obj: Obj, *, title: str = "Controlled By") -> None:
    controller = meta.controller_of(obj)
    if controller is not None:
        out.line(0, f"{title}:\t{controller.get('kind')}/{controller.get('name')}")


def pod_status_counts(pods: Sequence[Obj]) -> dict[str, int]:
    """How many pods are in each phase."""
    counts = dict.fromkeys(("Running", "Pending", "Succeeded", "Failed"), 0)
    for pod in pods:
        phase = (pod.get("status") or {}).get("phase")
        if phase in counts:
            counts[phase] += 1
    return counts


async def controlled_pods(session: Session, owner: Obj, selector: Obj | None) -> list[Obj]:
    """The pods that a selector chooses and the owner controls."""
    from kubepy.kubectl.selecting import as_query

    params = {"labelSelector": as_query(selector), "limit": "500"}
    path = f"/api/v1/namespaces/{meta.namespace(owner)}/pods"
    answer = await session.request("GET", path, params=params)
    return [pod for pod in answer.get("items") or [] if meta.is_controlled_by(pod, owner)]


def pods_status(out: Writer, pods: Sequence[Obj]) -> None:
    counts = pod_status_counts(pods)
    out.line(
        0,
        f"Pods Status:\t{counts['Running']} Running / {counts['Pending']} Waiting / "
        f"{counts['Succeeded']} Succeeded / {counts['Failed']} Failed",
    )


def tolerations(out: Writer, found: Sequence[Obj], *, level: int = 0) -> None:
    lines = sorted(map(_toleration, found), key=lambda pair: pair[0])
    title = "  " * level + "Tolerations:\t"
    if not lines:
        out.raw(f"{title}<none>\n")
        return
    for _, line in lines:
        out.raw(f"{title}{line}\n")
        title = "  " * level + "\t"


def _toleration(found: Obj) -> tuple[str, str]:
    key: str = found.get("key") or ""
    text = key
    if found.get("value"):
        text += f"={found['value']}"
    if found.get("effect"):
        text += f":{found['effect']}"
    if found.get("operator") == "Exists" and not found.get("value"):
        text += " op=Exists" if key or found.get("effect") else "op=Exists"
    if found.get("tolerationSeconds") is not None:
        text += f" for {found['tolerationSeconds']}s"
    return key, text


def go_list(items: Sequence[Any]) -> str:
    return f"[{' '.join(map(str, items))}]"
