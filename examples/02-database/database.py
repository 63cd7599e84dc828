"""An operator of databases: backups on a schedule and before upgrades, which go one version at a time."""

import sys
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from kubepy.api.resources import CRON_JOBS, JOBS, SERVICES, STATEFUL_SETS
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.operator import Applier, Controller, Manager, Request, Result, Status, finalizer, run
from kubepy.operator.crd import (
    Conditions,
    CustomResource,
    Field,
    Printed,
    Quantity,
    Rule,
    Version,
    immutable,
    install,
)

FINALIZER = "example.com/last-backup"
ORDER = ("14", "15", "16", "17")
LABEL = "example.com/database"


@dataclass
class BackupSpec:
    schedule: Annotated[str, Field("when, as cron says it")] = "0 3 * * *"
    at_deletion: Annotated[bool, Field("one more backup before the database goes")] = True


@dataclass
class DatabaseSpec:
    """A replicated database."""

    version: Annotated[
        Literal["14", "15", "16", "17"],
        Printed(),
        Rule("int(self) >= int(oldSelf)", "a database cannot go back to an older version"),
    ]
    replicas: Annotated[int, Field(ge=1, le=9)] = 3
    storage: Annotated[Quantity, immutable] = "1Gi"
    backup: BackupSpec = field(default_factory=BackupSpec)


@dataclass
class DatabaseStatus:
    phase: Annotated[str, Printed()] = ""
    version: Annotated[str, Printed("Running"), Field("the version that all replicas run")] = ""
    last_backup: str = ""
    observed_generation: int = 0
    conditions: Conditions = field(default_factory=list)


DATABASES = CustomResource(
    "example.com", "Database", Version("v1", DatabaseSpec, DatabaseStatus), short_names=["db"]
)


class DatabaseReconciler:
    """Each pass looks at what is there and does the next step; no step is remembered but in the cluster."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.client = manager.client
        self.databases = manager.lister(DATABASES.gvr)
        self.sets = manager.lister(STATEFUL_SETS, label_selector=LABEL)
        self.jobs = manager.lister(JOBS, label_selector=LABEL)
        self.applier = Applier(manager.client, "database-operator")

    async def reconcile(self, request: Request) -> Result | None:
        obj = self.databases.get(request.name, request.namespace)
        if obj is None:
            return None
        database = DATABASES.read(obj)
        if database.terminating:
            return await self._last_backup(obj, database)
        if database.spec.backup.at_deletion and not finalizer.has(obj, FINALIZER):
            obj = await finalizer.add(self.client, DATABASES.gvr, obj, FINALIZER)

        status = Status(obj, self.manager.clock)
        running = status.get("version", "")
        target = next_version(running, database.spec.version)
        await self.applier.apply_all([service(database), nightly(database)], owner=obj)
        if running and target != running:
            backup = f"{database.name}-before-{target}"
            if not await self._backed_up(obj, database, backup):
                return await self._tell(obj, status, "BackingUp", f"backup {backup} before the upgrade")
            status["lastBackup"] = backup
        await self.applier.apply(stateful_set(database, target), owner=obj)
        there = self.sets.get(database.name, database.namespace)
        if there is None or not rolled_out(there, target):
            return await self._tell(
                obj, status, "Upgrading" if running else "Creating", f"version {target} is rolled out"
            )
        status["version"] = target
        if target != database.spec.version:
            # The next version waits for this status: it wakes us.
            return await self._tell(obj, status, "Upgrading", f"at {target} on the way")
        return await self._tell(obj, status, "Ready", "")

    async def _backed_up(self, obj: Obj, database: Any, name: str) -> bool:
        job = self.jobs.get(name, database.namespace)
        if job is None:
            await self.applier.apply(backup_job(database, name), owner=obj)
            self.manager.recorder.event(obj, "Normal", "Backup", f"backup {name} has begun")
            return False
        return conditions.is_true(job, "Complete")

    async def _last_backup(self, obj: Obj, database: Any) -> None:
        if not finalizer.has(obj, FINALIZER):
            return
        if database.spec.backup.at_deletion and not await self._backed_up(
            obj, database, f"{database.name}-last"
        ):
            return
        await finalizer.remove(self.client, DATABASES.gvr, obj, FINALIZER)

    async def _tell(self, obj: Obj, status: Status, phase: str, message: str) -> None:
        status["phase"] = phase
        status.set_condition("Ready", phase == "Ready", phase, message)
        await status.write(self.client, DATABASES.gvr)


def next_version(running: str, wanted: str) -> str:
    """One major version at a time; the wanted one at once for a new database."""
    if not running or running not in ORDER or ORDER.index(wanted) <= ORDER.index(running):
        return wanted
    return ORDER[ORDER.index(running) + 1]


def rolled_out(there: Obj, version: str) -> bool:
    """Every replica runs the version, by the StatefulSet's own status."""
    status = there.get("status") or {}
    return bool(
        meta.labels(there).get("example.com/version") == version
        and status.get("observedGeneration") == meta.generation(there)
        and status.get("readyReplicas", 0) == status.get("updatedReplicas", 0) == there["spec"]["replicas"]
        and status.get("currentRevision") == status.get("updateRevision")
    )


def metadata(database: Any, name: str = "", **labels: str) -> Obj:
    return {
        "name": name or database.name,
        "namespace": database.namespace,
        "labels": {LABEL: database.name} | labels,
    }


def service(database: Any) -> Obj:
    spec = {"clusterIP": "None", "selector": {LABEL: database.name}, "ports": [{"port": 5432}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(database), "spec": spec}


def stateful_set(database: Any, version: str) -> Obj:
    container = {
        "name": "database",
        "image": f"postgres:{version}",
        "ports": [{"containerPort": 5432}],
        "resources": {"requests": {"memory": "64Mi"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(database) | {"labels": {LABEL: database.name, "example.com/version": version}},
        "spec": {
            "serviceName": database.name,
            "replicas": database.spec.replicas,
            "selector": {"matchLabels": {LABEL: database.name}},
            "template": {
                "metadata": {"labels": {LABEL: database.name}},
                "spec": {"containers": [container]},
            },
        },
    }


def pod_of_a_backup(database: Any) -> Obj:
    command = ["pg_dump", "-h", database.name]
    container = {"name": "backup", "image": f"postgres:{database.spec.version}", "command": command}
    return {"spec": {"restartPolicy": "Never", "containers": [container]}}


def backup_job(database: Any, name: str) -> Obj:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(database, name),
        "spec": {"template": pod_of_a_backup(database)},
    }


def nightly(database: Any) -> Obj:
    job = {"metadata": {"labels": {LABEL: database.name}}, "spec": {"template": pod_of_a_backup(database)}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(database, f"{database.name}-backup"),
        "spec": {"schedule": database.spec.backup.schedule, "jobTemplate": job},
    }


async def setup(manager: Manager) -> None:
    await install(manager.client, DATABASES)
    ours = {"label_selector": LABEL}
    manager.add(
        Controller("database", DatabaseReconciler(manager), workers=2)
        .for_(DATABASES.gvr)
        .owns(STATEFUL_SETS, DATABASES.gvk, **ours)
        .owns(JOBS, DATABASES.gvk, **ours)
        .owns(CRON_JOBS, DATABASES.gvk, metadata_only=True, **ours)
        .owns(SERVICES, DATABASES.gvk, metadata_only=True, **ours)
    )


if __name__ == "__main__":
    sys.exit(run(setup, name="database-operator", leader_election=True, health_address="0.0.0.0:8081"))
