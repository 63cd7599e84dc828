"""What the columns say is what plain loops over all pods and nodes say, for any cluster."""

import random
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubepy.scheduler.algorithm import scores
from kubepy.scheduler.filtering import feasible, prepare, why_not
from tests.scheduler.reference import PREFERRED, REQUIRED, Reference
from tests.scheduler.world import HOSTNAME, ZONE, Cluster, node, pod

APPS = ("web", "db", "cache")
KEYS = (HOSTNAME, ZONE, "rack")


class Maker:
    """Random clusters of everything that the filters look at, small enough for things to meet."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def node(self, name: str) -> Any:
        own = {ZONE: f"z{self.rng.randrange(3)}"} if self.chance(0.9) else {}
        own |= {"rack": str(self.rng.randrange(4))} if self.chance(0.7) else {}
        own |= {"disk": self.rng.choice(["ssd", "hdd"])} if self.chance(0.6) else {}
        effects = ("NoSchedule", "NoExecute", "PreferNoSchedule")
        taints = [
            {"key": self.rng.choice("ab"), "value": "1", "effect": effect}
            for effect in effects
            if self.chance(0.12)
        ]
        more = {"unschedulable": True} if self.chance(0.08) else {}
        sizes = {"cpu": self.rng.choice("248"), "memory": self.rng.choice(["4Gi", "8Gi", "3000M"])}
        allocatable = {"pods": str(self.rng.choice([2, 4, 110]))}
        return node(name, taints=taints, labels=own, allocatable=allocatable, **sizes, **more)

    def pod(self) -> Any:
        rng = self.rng
        spec: dict[str, Any] = {"namespace": rng.choice(["default", "default", "other"])}
        requests = {"cpu": rng.choice(["100m", "500m", "1500m"])} if self.chance(0.7) else {}
        requests |= {"memory": rng.choice(["64Mi", "1Gi"])} if self.chance(0.6) else {}
        spec["requests"] = requests
        if self.chance(0.25):
            keys = {"key": rng.choice("ab")} if self.chance(0.8) else {}
            effect = {"effect": rng.choice(["NoSchedule", "PreferNoSchedule"])} if self.chance(0.5) else {}
            spec["tolerations"] = [{"operator": "Exists", **keys, **effect}]
        if self.chance(0.2):
            spec["nodeSelector"] = {"disk": rng.choice(["ssd", "hdd"])}
        affinity = {
            kind: made
            for kind, made in (
                ("nodeAffinity", self.node_affinity()),
                ("podAffinity", self.pod_affinity()),
                ("podAntiAffinity", self.pod_affinity()),
            )
            if made
        }
        if affinity:
            spec["affinity"] = affinity
        if self.chance(0.4):
            spec["topologySpreadConstraints"] = [self.constraint(key) for key in rng.sample(KEYS, 2)]
        return pod(own={"app": rng.choice(APPS)}, terminating=self.chance(0.05), **spec)

    def node_affinity(self) -> Any:
        if not self.chance(0.25):
            return {}
        term = {"matchExpressions": [self.expression() for _ in range(self.rng.choice((1, 2)))]}
        if self.chance(0.5):
            return {REQUIRED: {"nodeSelectorTerms": [term]}}
        return {PREFERRED: [{"weight": self.rng.randint(1, 100), "preference": term}]}

    def expression(self) -> Any:
        key = self.rng.choice([ZONE, "rack", "disk"])
        operator = self.rng.choice(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])
        if operator in ("Gt", "Lt"):
            return {"key": "rack", "operator": operator, "values": [str(self.rng.randrange(4))]}
        values = ["z0", "z1", "1", "2", "ssd"] if operator in ("In", "NotIn") else []
        return {"key": key, "operator": operator, "values": values}

    def pod_affinity(self) -> Any:
        if not self.chance(0.2):
            return {}
        made = [self.term() for _ in range(self.rng.choice((1, 1, 2)))]
        if self.chance(0.5):
            return {REQUIRED: made}
        return {PREFERRED: [{"weight": self.rng.randint(1, 100), "podAffinityTerm": t} for t in made]}

    def term(self) -> Any:
        selector = {"matchLabels": {"app": self.rng.choice(APPS)}} if self.chance(0.9) else {}
        where = {"namespaces": ["other"]} if self.chance(0.2) else {}
        return {"topologyKey": self.rng.choice(KEYS), "labelSelector": selector, **where}

    def constraint(self, key: str) -> Any:
        made: dict[str, Any] = {
            "topologyKey": key,
            "maxSkew": self.rng.choice((1, 2, 5)),
            "whenUnsatisfiable": self.rng.choice(["DoNotSchedule", "ScheduleAnyway"]),
            "labelSelector": {"matchLabels": {"app": self.rng.choice(APPS)}},
        }
        if made["whenUnsatisfiable"] == "DoNotSchedule" and self.chance(0.3):
            made["minDomains"] = self.rng.randint(1, 4)
        if self.chance(0.3):
            made["nodeTaintsPolicy"] = "Honor"
        if self.chance(0.3):
            made["nodeAffinityPolicy"] = "Ignore"
        return made


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_columns_agree_with_plain_loops(seed: int) -> None:
    maker = Maker(seed)
    nodes = [maker.node(f"n{number}") for number in range(maker.rng.choice((1, 6, 12)))]
    cluster = Cluster(*nodes)
    running: list[tuple[str, Any]] = []
    gone = []
    for number in range(maker.rng.randrange(30)):
        # Wherever: also where the filters would not have put it. Some come and go, some move in late.
        where, other = maker.rng.choice(nodes)["metadata"]["name"], maker.pod()
        cluster.run(other, where)
        if number % 4 == 0:
            gone.append(other)
        else:
            running.append((where, other))
        if number == 10:
            cluster.place(maker.pod())  # columns exist from here on, and must follow
    for other in gone:
        cluster.cache.remove_pod(other["metadata"]["uid"])
    reference = Reference(nodes, running)
    for _ in range(4):
        wanted = maker.pod()
        cycle = cluster.cycle(wanted)
        prepared = prepare(cluster.profile.filters, cycle)
        rows = np.flatnonzero(feasible(prepared, cycle))
        names = [cluster.cache.table.at(int(row)).name for row in rows]
        assert set(names) == reference.feasible(wanted)
        for info in cluster.cache.nodes():
            assert (why_not(prepared, cycle, info) is None) == (info.name in names)
        if names:
            found = scores(cluster.profile, cycle, rows)
            assert dict(zip(names, found.tolist(), strict=True)) == reference.scores(wanted, names)


def test_columns_grow_with_the_cluster() -> None:
    cluster = Cluster(*(node(f"n{number}") for number in range(3)))
    anti = {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": {"app": "db"}}}
    made = {"own": {"app": "db"}, "affinity": {"podAntiAffinity": {REQUIRED: [anti]}}}
    assert len({cluster.put(pod(**made)) for _ in range(3)}) == 3
    assert cluster.put(pod(**made)) is None
    for number in range(3, 300):
        cluster.cache.put_node(node(f"n{number}"))
    placed = [cluster.put(pod(**made)) for _ in range(297)]
    assert None not in placed
    assert len(set(placed)) == 297
    cluster.cache.remove_node("n7")
    assert cluster.put(pod(**made)) is None
