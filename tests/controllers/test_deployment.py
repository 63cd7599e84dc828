"""Rollouts, step by step, against a small world that only keeps replica counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepy.controllers.deployment import revisions, rollout, status
from kubepy.controllers.deployment.rollout import Limits

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def deployment(
    replicas: int = 10, surge: Any = "25%", unavailable: Any = "25%", **spec: Any
) -> dict[str, Any]:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "v2"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "d", "uid": "dep", "generation": 1},
        "spec": {
            "replicas": replicas,
            "strategy": strategy,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template,
            **spec,
        },
    }


def replica_set(name: str, size: int, available: int | None = None, **more: Any) -> dict[str, Any]:
    count = size if available is None else available
    return {
        "metadata": {"name": name, "creationTimestamp": more.pop("created", "2025-01-01T00:00:00Z"), **more},
        "spec": {"replicas": size},
        "status": {"replicas": size, "availableReplicas": count, "readyReplicas": count},
    }


@pytest.mark.parametrize(
    ("surge", "unavailable", "expected"),
    [("25%", "25%", (3, 2)), (1, 0, (1, 0)), ("0%", "0%", (0, 1)), (0, "1%", (0, 1)), ("100%", 0, (10, 0))],
)
def test_limits_round_surge_up_and_unavailable_down(surge: Any, unavailable: Any, expected: Any) -> None:
    limits = Limits.of(deployment(10, surge, unavailable))
    assert (limits.max_surge, limits.max_unavailable) == expected


@given(
    replicas=st.integers(1, 30),
    surge=st.integers(0, 10),
    unavailable=st.integers(0, 10),
    broken=st.booleans(),
)
def test_rolling_update_keeps_its_bounds_and_ends(
    replicas: int, surge: int, unavailable: int, broken: bool
) -> None:
    """Every step: at most replicas + surge pods, at least replicas - unavailable available."""
    limits = Limits.of(deployment(replicas, surge, unavailable))
    old, new = replica_set("old", replicas), replica_set("new", 0)
    for _ in range(4 * replicas + 10):
        wanted = rollout.scale_new(limits, new, [old, new], recreate=False)
        if wanted != rollout.size(new):
            new["spec"]["replicas"] = new["status"]["replicas"] = wanted
        else:
            shrunk = rollout.scale_down_old(limits, new, [old])
            if shrunk:
                size = shrunk["old"]
                old["spec"]["replicas"] = old["status"]["replicas"] = size
                old["status"]["availableReplicas"] = min(old["status"]["availableReplicas"], size)
            elif not broken:
                new["status"]["availableReplicas"] = rollout.size(new)
        total = rollout.size(old) + rollout.size(new)
        available = rollout.available(old) + rollout.available(new)
        assert total <= limits.maximum
        assert available >= limits.min_available
    if not broken:
        assert (rollout.size(old), rollout.size(new)) == (0, replicas)


def test_unhealthy_old_pods_go_first() -> None:
    limits = Limits.of(deployment(10, 2, 2))
    sick = replica_set("sick", 5, 0)
    healthy = replica_set("healthy", 5, created="2025-02-01T00:00:00Z")
    new = replica_set("new", 2, 2)
    assert rollout.scale_down_old(limits, new, [sick, healthy])["sick"] < 5
    assert "healthy" not in rollout.scale_down_old(limits, new, [sick, healthy])


def test_scaling_in_mid_rollout_is_proportional() -> None:
    """The example of the Kubernetes documentation: 8 and 5 of 10 (maximum 13) scaled to 15."""
    scaled = deployment(15, 3, 2)
    annotated = {"annotations": {revisions.MAX_REPLICAS: "13"}}
    old = replica_set("old", 8, **annotated)
    new = replica_set("new", 5, created="2025-02-01T00:00:00Z", **annotated)
    assert rollout.proportional(Limits.of(scaled), [old, new]) == {"old": 11, "new": 7}


def test_hash_ignores_nothing_but_itself() -> None:
    template = deployment()["spec"]["template"]
    hashed = revisions.replica_set_for(deployment(), 1, 3, 4)["spec"]["template"]
    assert revisions.same_template(template, hashed)
    other = {**template, "spec": {"containers": [{"name": "c", "image": "v3"}]}}
    assert not revisions.same_template(other, hashed)
    assert revisions.template_hash(template) != revisions.template_hash(other)
    assert revisions.template_hash(template, 1) != revisions.template_hash(template)


def test_new_set_carries_revision_history() -> None:
    known = {"metadata": {"annotations": {revisions.REVISION: "1"}}}
    annotations = revisions.new_annotations(deployment(), known, 3)
    assert annotations[revisions.REVISION] == "3"
    assert annotations[revisions.REVISION_HISTORY] == "1"


def test_progress_deadline_passes_and_progress_resets_it() -> None:
    slow = deployment(2, progressDeadlineSeconds=60)
    new = replica_set("new", 2, 0)
    computed = status.compute(slow, new, [new], NOW)
    status.judge_progress(slow, computed, new, NOW)
    assert computed["conditions"][-1]["reason"] == "ReplicaSetUpdated"
    slow["status"] = computed
    later = status.compute(slow, new, [new], NOW + timedelta(seconds=61))
    status.judge_progress(slow, later, new, NOW + timedelta(seconds=61))
    progress = next(c for c in later["conditions"] if c["type"] == "Progressing")
    assert (progress["status"], progress["reason"]) == ("False", "ProgressDeadlineExceeded")
    done = replica_set("new", 2)
    slow["status"] = later
    finished = status.compute(slow, done, [done], NOW + timedelta(seconds=70))
    status.judge_progress(slow, finished, done, NOW + timedelta(seconds=70))
    progress = next(c for c in finished["conditions"] if c["type"] == "Progressing")
    assert (progress["status"], progress["reason"]) == ("True", "NewReplicaSetAvailable")
    assert progress["message"] == 'ReplicaSet "new" has successfully progressed.'
