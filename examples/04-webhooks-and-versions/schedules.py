"""An operator whose kind has two versions: webhooks default, validate and convert.

v1 says when as cron does, v2 in fields. v2 is what is stored and what the operator works with.
"""

import sys
from dataclasses import dataclass, field
from typing import Annotated

from kubepy.api.resources import CRON_JOBS
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.operator import Applier, Controller, Manager, Request, Status, run
from kubepy.operator.crd import Conditions, CustomResource, Field, Printed, Version, install
from kubepy.operator.webhook import AdmissionRequest, Conversion, Denied, SecretStore, WebhookServer

ANY = "*"
REST = "example.com/cron-rest"
"""Where v2 keeps what it has no fields for: a round trip must not lose it."""


@dataclass
class ScheduleV1:
    """When, as cron writes it: minute and hour, then day of month, month and day of week."""

    cron: Annotated[str, Printed(), Field(pattern=r"^\S+ \S+ \S+ \S+ \S+$")]
    command: list[str] = field(default_factory=list)


@dataclass
class ScheduleV2:
    """When, in fields."""

    hour: Annotated[str, Printed()] = ANY
    minute: Annotated[str, Printed()] = "0"
    command: list[str] = field(default_factory=list)
    image: str = ""


@dataclass
class ScheduleStatus:
    cron_job: str = ""
    observed_generation: int = 0
    conditions: Conditions = field(default_factory=list)


SCHEDULES = CustomResource(
    "example.com",
    "Schedule",
    Version(
        "v1", ScheduleV1, ScheduleStatus, deprecated=True, deprecation_warning="example.com/v1 ends soon"
    ),
    Version("v2", ScheduleV2, ScheduleStatus, storage=True),
)
conversion = Conversion()


@conversion.step("v1", "v2")
def to_v2(obj: Obj) -> Obj:
    minute, hour, *rest = obj["spec"]["cron"].split()
    annotations = dict(meta.annotations(obj))
    image = annotations.pop("example.com/image", "")
    if rest != [ANY, ANY, ANY]:
        annotations[REST] = " ".join(rest)
    spec = {"hour": hour, "minute": minute, "command": obj["spec"].get("command", []), "image": image}
    return obj | {"spec": spec, "metadata": obj["metadata"] | {"annotations": annotations}}


@conversion.step("v2", "v1")
def to_v1(obj: Obj) -> Obj:
    annotations = dict(meta.annotations(obj))
    rest = annotations.pop(REST, f"{ANY} {ANY} {ANY}")
    spec = obj["spec"]
    if spec.get("image"):
        annotations["example.com/image"] = spec["image"]
    changed = {"cron": f"{spec.get('minute', '0')} {spec.get('hour', ANY)} {rest}"}
    changed |= {"command": spec.get("command", [])}
    return obj | {"spec": changed, "metadata": obj["metadata"] | {"annotations": annotations}}


def default(request: AdmissionRequest) -> None:
    """What a schema's default cannot say: it depends on other fields."""
    assert request.obj is not None
    spec = request.obj["spec"]
    if not spec.get("image"):
        spec["image"] = "python:3" if spec.get("command", [""])[:1] == ["python"] else "busybox"


def validate(request: AdmissionRequest) -> None:
    assert request.obj is not None
    spec = request.obj["spec"]
    for name, bound in (("hour", 23), ("minute", 59)):
        value = spec.get(name, ANY)
        if value != ANY and not (value.isdigit() and int(value) <= bound):
            raise ValueError(f"spec.{name}: Invalid value: {value!r}: must be * or 0 to {bound}")
    if spec.get("hour") == ANY and spec.get("minute") == ANY:
        raise Denied("a schedule for every minute is not allowed here")
    if spec.get("hour") == ANY:
        request.warn("this runs every hour")


class ScheduleReconciler:
    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.schedules = manager.lister(SCHEDULES.gvr)
        self.applier = Applier(manager.client, "schedule-operator")

    async def reconcile(self, request: Request) -> None:
        obj = self.schedules.get(request.name, request.namespace)
        if obj is None or meta.is_terminating(obj):
            return
        made = await self.applier.apply(cron_job(obj), owner=obj)
        status = Status(obj, self.manager.clock)
        status["cronJob"] = meta.name(made)
        status.set_condition("Ready", True, "Scheduled")
        await status.write(self.manager.client, SCHEDULES.gvr)


def cron_job(obj: Obj) -> Obj:
    spec = SCHEDULES.read(obj).spec
    container = {"name": "command", "image": spec.image, "command": spec.command}
    pod = {"spec": {"restartPolicy": "OnFailure", "containers": [container]}}
    rest = meta.annotations(obj).get(REST, f"{ANY} {ANY} {ANY}")
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": meta.name(obj), "namespace": meta.namespace(obj)},
        "spec": {
            "schedule": f"{spec.minute} {spec.hour} {rest}",
            "jobTemplate": {"spec": {"template": pod}},
        },
    }


def webhooks(manager: Manager, *, in_cluster: bool) -> WebhookServer:
    """In a cluster behind a Service, with keys that all replicas share; else in this process alone."""
    if in_cluster:
        keys = SecretStore(manager.client, "schedules", "webhook-keys")
        server = WebhookServer(
            manager.client, "schedules.example.com", service=("schedules", "webhooks"), store=keys
        )
    else:
        server = WebhookServer(manager.client, "schedules.example.com", address="127.0.0.1:0")
    server.mutating(SCHEDULES.gvr, default)
    server.validating(SCHEDULES.gvr, validate)
    server.converting(SCHEDULES, conversion)
    return server


async def setup(manager: Manager, *, in_cluster: bool = False) -> None:
    await install(manager.client, SCHEDULES)
    manager.add_service(webhooks(manager, in_cluster=in_cluster).run)
    manager.add(
        Controller("schedule", ScheduleReconciler(manager)).for_(SCHEDULES.gvr).owns(CRON_JOBS, SCHEDULES.gvk)
    )


if __name__ == "__main__":
    sys.exit(run(lambda manager: setup(manager, in_cluster=True), name="schedule-operator"))
