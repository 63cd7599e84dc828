"""Copies ConfigMaps into every namespace that a selector chooses, and keeps the copies equal.

For thousands of namespaces the caches are kept small: of namespaces the metadata only, of ConfigMaps those
that are labelled as sources or copies.
"""

import sys
from dataclasses import dataclass, field
from typing import Annotated

from kubepy.api.resources import CONFIG_MAPS, NAMESPACES
from kubepy.machinery import labels, meta
from kubepy.machinery.meta import Obj
from kubepy.operator import Applier, Controller, Manager, Request, Status, predicate, run
from kubepy.operator.crd import Conditions, CustomResource, Printed, Version, install

SOURCE = "example.com/distributed"
COPY = "example.com/copy-of"


@dataclass
class Source:
    namespace: str
    name: str


@dataclass
class DistributionSpec:
    """A ConfigMap (labelled example.com/distributed) and where it shall be."""

    source: Source
    namespaces: Annotated[dict[str, str], "labels of the namespaces that get a copy"]


@dataclass
class DistributionStatus:
    copies: Annotated[int, Printed()] = 0
    observed_generation: int = 0
    conditions: Conditions = field(default_factory=list)


DISTRIBUTIONS = CustomResource(
    "example.com", "Distribution", Version("v1", DistributionSpec, DistributionStatus), scope="Cluster"
)


class DistributionReconciler:
    """Compares the copies that should be with those that are."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.distributions = manager.factory.informer(DISTRIBUTIONS.gvr)
        self.distributions.add_index("source", lambda obj: [source_key(obj)])
        self.namespaces = manager.lister(NAMESPACES, metadata_only=True)
        self.sources = manager.lister(CONFIG_MAPS, label_selector=SOURCE)
        copies = manager.factory.informer(CONFIG_MAPS, label_selector=COPY)
        copies.add_index("distribution", lambda obj: [meta.labels(obj)[COPY]])
        self.copies = copies
        self.applier = Applier(manager.client, "config-distributor")

    async def reconcile(self, request: Request) -> None:
        obj = self.distributions.lister.get(request.name)
        if obj is None or meta.is_terminating(obj):
            return  # the copies are owned: the garbage collector takes them
        distribution = DISTRIBUTIONS.read(obj)
        source = self.sources.get(distribution.spec.source.name, distribution.spec.source.namespace)
        chosen = labels.from_map(distribution.spec.namespaces)
        targets = {
            meta.name(namespace)
            for namespace in self.namespaces.list(selector=chosen)
            if not meta.is_terminating(namespace)
        } - {distribution.spec.source.namespace}
        present = {meta.namespace(copy): copy for copy in self.copies.by_index("distribution", request.name)}
        for namespace in sorted(present.keys() - targets if source else present.keys()):
            await self.applier.delete(present[namespace])
        if source is not None:
            for namespace in sorted(targets):
                wanted = copy_of(source, request.name, namespace)
                if not same(present.get(namespace), wanted):
                    await self.applier.apply(wanted, owner=obj)
        status = Status(obj, self.manager.clock)
        status["copies"] = len(targets) if source else 0
        status.set_condition("Ready", source is not None, "Distributed" if source else "SourceMissing")
        await status.write(self.manager.client, DISTRIBUTIONS.gvr)

    def of_source(self, source: Obj) -> list[Request]:
        """The distributions that a source concerns: found by index."""
        return [Request.of(found) for found in self.distributions.by_index("source", meta.key(source))]

    def of_namespace(self, namespace: Obj) -> list[Request]:
        """A namespace that comes, goes or changes its labels concerns those that choose it."""
        return [
            Request.of(found)
            for found in self.distributions.lister.list()
            if labels.from_map(found["spec"]["namespaces"]).matches(meta.labels(namespace))
        ]


def source_key(distribution: Obj) -> str:
    source = distribution["spec"]["source"]
    return meta.make_key(source["namespace"], source["name"])


def copy_of(source: Obj, distribution: str, namespace: str) -> Obj:
    head = {"name": meta.name(source), "namespace": namespace, "labels": {COPY: distribution}}
    copied = {field: source[field] for field in ("data", "binaryData") if source.get(field)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head} | copied


def same(present: Obj | None, wanted: Obj) -> bool:
    return present is not None and all(
        present.get(field) == wanted.get(field) for field in ("data", "binaryData")
    )


async def setup(manager: Manager) -> None:
    await install(manager.client, DISTRIBUTIONS)
    reconciler = DistributionReconciler(manager)
    manager.add(
        Controller("distribution", reconciler, workers=4, prioritized=True)
        .for_(DISTRIBUTIONS.gvr)
        .owns(CONFIG_MAPS, DISTRIBUTIONS.gvk, cluster_scoped=True, label_selector=COPY)
        .watches(CONFIG_MAPS, reconciler.of_source, label_selector=SOURCE)
        .watches(NAMESPACES, reconciler.of_namespace, predicate.labels_changed, metadata_only=True)
    )


if __name__ == "__main__":
    sys.exit(run(setup, name="config-distributor", leader_election=True, metrics_address="0.0.0.0:8080"))
