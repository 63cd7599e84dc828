"""CronJobs: schedules in time zones, and a day of them in milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kubepy.api.resources import CRON_JOBS, JOBS
from kubepy.controllers.cronjob import controller, core
from kubepy.machinery import cron, errors, meta
from tests.controllers.world import World

pytestmark = pytest.mark.anyio

UNTIL = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday; FakeClock's start


def times(text: str, after: datetime, count: int = 3, zone: str = "UTC") -> list[str]:
    found = []
    for _ in range(count):
        moment = cron.parse(text, ZoneInfo(zone)).next(after)
        assert moment is not None
        after = moment
        found.append(moment.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M%z"))
    return [f.removesuffix("+0000") for f in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/20 * * * *", ["01-01 00:20", "01-01 00:40", "01-01 01:00"]),
        ("5-10/5,59 3 * * *", ["01-01 03:05", "01-01 03:10", "01-01 03:59"]),
        ("50/5 0 * * *", ["01-01 00:50", "01-01 00:55", "01-02 00:50"]),
        ("0 12 * JAN-Feb Mon", ["01-05 12:00", "01-12 12:00", "01-19 12:00"]),
        ("0 0 13 * fri", ["01-02 00:00", "01-09 00:00", "01-13 00:00"]),
        ("0 0 ? * 0", ["01-04 00:00", "01-11 00:00", "01-18 00:00"]),
        ("0 0 */2 * mon", ["01-05 00:00", "01-19 00:00", "02-09 00:00"]),
        ("@daily", ["01-02 00:00", "01-03 00:00", "01-04 00:00"]),
        ("@hourly", ["01-01 01:00", "01-01 02:00", "01-01 03:00"]),
        ("@weekly", ["01-04 00:00", "01-11 00:00", "01-18 00:00"]),
        ("@every 1h30m", ["01-01 01:30", "01-01 03:00", "01-01 04:30"]),
        ("0 0 29 2 *", ["02-29 00:00", "02-29 00:00", "02-29 00:00"]),
    ],
)
def test_schedules(text: str, expected: list[str]) -> None:
    assert times(text, UNTIL) == expected


def test_summer_time_skips_and_repeats() -> None:
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert times("30 2 * * *", spring, 2, "Europe/Berlin") == ["03-30 02:30+0200", "03-31 02:30+0200"]
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = times("30 2 * * *", autumn, 3, "Europe/Berlin")
    assert found == ["10-25 02:30+0200", "10-25 02:30+0100", "10-26 02:30+0100"]


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "@often", "x * * * *"]
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        cron.parse(text)


def test_the_most_recent_time_is_found_without_walking_through_a_year() -> None:
    every_minute = cron.parse("* * * * *")
    now = UNTIL + timedelta(days=365, seconds=30)
    assert core.most_recent(every_minute, UNTIL, now) == (now - timedelta(seconds=30), 365 * 24 * 60)
    office = cron.parse("30 6-16/4 * * 1-5")
    saturday = datetime(2026, 1, 10, 9, tzinfo=UTC)
    assert core.most_recent(office, UNTIL, saturday)[0] == datetime(2026, 1, 9, 14, 30, tzinfo=UTC)


def cron_job(schedule: str = "0 * * * *", **spec: Any) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": pod}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "tick", "namespace": "d", "uid": "tick"},
        "spec": {"schedule": schedule, "jobTemplate": template, **spec},
    }


def _set_status(status: dict[str, Any], job: dict[str, Any]) -> None:
    job["status"] = status


def end(world: World, kind: str = "Complete", hold: int = 0) -> None:
    """All Jobs but the ``hold`` newest end."""
    for name in world.names(JOBS)[: len(world.names(JOBS)) - hold]:
        job = world.one(JOBS, name)
        if (job.get("status") or {}).get("conditions"):
            continue
        status = {"startTime": meta.creation_timestamp(job), "conditions": [{"type": kind, "status": "True"}]}
        if kind == "Complete":
            status["completionTime"] = world.now()
        world.change(JOBS, name, partial(_set_status, status))


def status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.one(CRON_JOBS, "tick").get("status") or {}
    return found


async def test_a_day() -> None:
    world = World()
    started = []
    async with world.running(controller.new):
        world.add(CRON_JOBS, cron_job())
        await world.settle()
        assert world.names(JOBS) == []
        for _ in range(24):
            await world.pass_time(3600)
            await world.pass_time(1)
            started.append(max(world.names(JOBS)))
            assert len(status(world)["active"]) == 1
            end(world)
            await world.settle()
    assert len(set(started)) == 24
    assert len(world.names(JOBS)) == 3, "successfulJobsHistoryLimit"
    assert "active" not in status(world)
    assert status(world)["lastScheduleTime"] == "2026-01-02T00:00:00Z"
    assert status(world)["lastSuccessfulTime"] > "2026-01-02T00:00:00Z"
    assert world.recorder.reasons.count("SuccessfulCreate") == 24
    assert world.recorder.reasons.count("SawCompletedJob") == 24
    assert world.recorder.reasons.count("SuccessfulDelete") == 21
    assert "UnexpectedJob" not in world.recorder.reasons


async def test_the_job_is_named_after_its_minute_and_labelled_by_the_template() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(CRON_JOBS, cron_job("30 1 * * *", timeZone="Europe/Berlin"))
        await world.pass_time(1802)
    (job,) = world.all(JOBS)
    due = UNTIL + timedelta(minutes=30)
    assert meta.name(job) == f"tick-{int(due.timestamp()) // 60}"
    assert meta.annotations(job)[core.SCHEDULED_AT] == "2026-01-01T01:30:00+01:00"
    assert meta.labels(job)["a"] == "b"
    assert meta.controller_of(job)["uid"] == "tick"  # type: ignore[index]
    (active,) = status(world)["active"]
    assert (active["name"], active["kind"], active["apiVersion"]) == (meta.name(job), "Job", "batch/v1")


@pytest.mark.parametrize(("policy", "running"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
async def test_concurrency_policy(policy: str, running: int) -> None:
    world = World()
    async with world.running(controller.new):
        world.add(CRON_JOBS, cron_job(concurrencyPolicy=policy))
        await world.pass_time(3 * 3600 + 1)
        assert len(world.names(JOBS)) == len(status(world)["active"]) == running
        reasons = world.recorder.reasons
        assert (
            reasons.count("JobAlreadyActive") >= 2
            if policy == "Forbid"
            else "JobAlreadyActive" not in reasons
        )
        first = f"tick-{(int(UNTIL.timestamp()) + 3600) // 60}"
        assert (first in world.names(JOBS)) is (policy != "Replace")


async def test_suspended() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(CRON_JOBS, cron_job(suspend=True))
        await world.pass_time(7200)
        assert world.names(JOBS) == []
        world.change(CRON_JOBS, "tick", lambda c: c["spec"].update(suspend=False))
        await world.settle()
        assert len(world.names(JOBS)) == 1, "the last of the missed times is made up for"


@pytest.mark.parametrize(("deadline", "made_up"), [(None, 1), (1000, 0), (2000, 1)])
async def test_after_a_long_absence_at_most_one_missed_time_is_made_up_for(
    deadline: int | None, made_up: int
) -> None:
    world = World()
    spec: dict[str, Any] = {} if deadline is None else {"startingDeadlineSeconds": deadline}
    world.add(CRON_JOBS, cron_job(**spec))
    world.clock.advance(200 * 3600 + 1800)
    async with world.running(controller.new):
        await world.settle()
        assert len(world.names(JOBS)) == made_up
    assert ("TooManyMissedTimes" in world.recorder.reasons) is (deadline is None)


async def test_a_kill_between_job_and_status_makes_no_second_job() -> None:
    world = World()
    world.add(CRON_JOBS, cron_job())
    async with world.running(controller.new):
        world.refuse = lambda verb, gvr, obj: errors.internal_error("killed") if gvr == CRON_JOBS else None
        await world.pass_time(3601)
    assert (len(world.names(JOBS)), status(world)) == (1, {})
    world.refuse = lambda verb, gvr, obj: None
    async with world.running(controller.new):
        await world.pass_time(5)
    assert [meta.name(job) for job in world.all(JOBS)] == [a["name"] for a in status(world)["active"]]


async def test_failed_jobs_have_a_limit_of_their_own() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(CRON_JOBS, cron_job())
        for _ in range(3):
            await world.pass_time(3601)
            end(world, "Failed")
            await world.settle()
        assert len(world.names(JOBS)) == 1
        assert "lastSuccessfulTime" not in status(world)


async def test_an_active_job_that_went_missing_is_forgotten() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(CRON_JOBS, cron_job())
        await world.pass_time(3601)
        (name,) = world.names(JOBS)
        world.remove(JOBS, name)
        await world.settle()
        assert "active" not in status(world)
        assert ("Normal", "MissingJob", f"Active job went missing: {name}") in world.recorder.events
