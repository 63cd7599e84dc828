"""How long failed pods hold up new ones: 10 s, 20 s, 40 s ... 6 min since the last failure. Pure.

Read off the pods, not remembered: it survives a restart of the controller.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubepy.controllers import pods
from kubepy.controllers.job.indexes import failure_count, ignored_failure_count
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse

FIRST, MAXIMUM = 10.0, 360.0


def finished_at(pod: Obj, now: datetime) -> datetime:
    """When its last container ended, as well as can be told."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ends = [((s.get("state") or {}).get("terminated") or {}).get("finishedAt") for s in statuses]
    if ends and all(ends):
        return max(parse(str(end)) for end in ends)
    ready = conditions.get(pod, "Ready")
    if ready is not None and ready.get("status") == "False" and ready.get("lastTransitionTime"):
        return parse(ready["lastTransitionTime"])
    if meta.is_terminating(pod):
        return parse(meta.deletion_timestamp(pod))
    return now


def remaining(finished: Iterable[Obj], now: datetime) -> float:
    """Seconds that the Job's failures since its last success make it wait."""
    ordered = sorted(
        ((finished_at(pod, now), pods.phase(pod) == "Succeeded") for pod in finished),
        key=lambda item: (item[0], not item[1]),
    )
    failures, last = 0, now
    for moment, succeeded in ordered:
        failures = 0 if succeeded else failures + 1
        last = moment
    return _left(failures, last, now)


def remaining_for_index(last_failed: Obj, now: datetime) -> float:
    """The same for one index with a back-off limit of its own."""
    failures = failure_count(last_failed) + ignored_failure_count(last_failed) + 1
    return _left(failures, finished_at(last_failed, now), now)


def _left(failures: int, last: datetime, now: datetime) -> float:
    if not failures:
        return 0.0
    wait = min(FIRST * 2.0 ** min(failures - 1, 16), MAXIMUM)
    return max(0.0, wait - (now - last).total_seconds())
