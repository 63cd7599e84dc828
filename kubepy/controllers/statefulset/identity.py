"""Names, labels and volumes that make a pod the one of its ordinal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kubepy.controllers.pods import pod_from_template
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"
REVISION_LABEL = "controller-revision-hash"


def start(stateful_set: Obj) -> int:
    """The first ordinal."""
    return int((stateful_set["spec"].get("ordinals") or {}).get("start") or 0)


def ordinals(stateful_set: Obj) -> range:
    """The ordinals that should be there."""
    first = start(stateful_set)
    return range(first, first + int(stateful_set["spec"].get("replicas", 1)))


def pod_name(stateful_set: Obj, ordinal: int) -> str:
    return f"{meta.name(stateful_set)}-{ordinal}"


def ordinal_of(stateful_set: Obj, pod: Obj) -> int | None:
    """The ordinal in the pod's name; None when it is not a name of this set."""
    parent, _, number = meta.name(pod).rpartition("-")
    return int(number) if parent == meta.name(stateful_set) and number.isdigit() else None


def claim_templates(stateful_set: Obj) -> list[Obj]:
    return list(stateful_set["spec"].get("volumeClaimTemplates") or ())


def claim_name(stateful_set: Obj, template: Obj, ordinal: int) -> str:
    return f"{meta.name(template)}-{meta.name(stateful_set)}-{ordinal}"


def claims_for(stateful_set: Obj, ordinal: int) -> Iterator[Obj]:
    """The claims of an ordinal, without owners."""
    selected = (stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}
    for template in claim_templates(stateful_set):
        metadata = {
            "name": claim_name(stateful_set, template, ordinal),
            "namespace": meta.namespace(stateful_set),
            "labels": {**meta.labels(template), **selected},
            "annotations": dict(meta.annotations(template)),
        }
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata,
            "spec": template["spec"],
        }


def pod_for(stateful_set: Obj, ordinal: int, revision: str) -> Obj:
    """The pod of an ordinal, from the template that ``stateful_set`` has here."""
    pod = pod_from_template(stateful_set, stateful_set["spec"]["template"])
    pod["metadata"].pop("generateName")
    name = pod["metadata"]["name"] = pod_name(stateful_set, ordinal)
    pod["metadata"]["labels"] |= {**_labels(stateful_set, ordinal), REVISION_LABEL: revision}
    spec = {**pod["spec"], "hostname": name, "subdomain": stateful_set["spec"].get("serviceName") or ""}
    if not spec["subdomain"]:
        del spec["subdomain"]
    ours = _volumes(stateful_set, ordinal)
    names = {volume["name"] for volume in ours}
    others = [v for v in spec.get("volumes") or () if v["name"] not in names]
    if ours or others:
        spec["volumes"] = [*ours, *others]
    pod["spec"] = spec
    return pod


def missing_labels(stateful_set: Obj, pod: Obj, ordinal: int) -> dict[str, str]:
    """Identity labels that an (adopted, edited) pod lacks."""
    have = meta.labels(pod)
    return {k: v for k, v in _labels(stateful_set, ordinal).items() if have.get(k) != v}


def revision_of(pod: Obj) -> str:
    return meta.labels(pod).get(REVISION_LABEL, "")


def _labels(stateful_set: Obj, ordinal: int) -> dict[str, str]:
    return {POD_NAME_LABEL: pod_name(stateful_set, ordinal), POD_INDEX_LABEL: str(ordinal)}


def _volumes(stateful_set: Obj, ordinal: int) -> list[Obj]:
    return [
        {
            "name": meta.name(template),
            "persistentVolumeClaim": {"claimName": claim_name(stateful_set, template, ordinal)},
        }
        for template in claim_templates(stateful_set)
    ]
