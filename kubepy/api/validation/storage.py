"""Rules of the group storage.k8s.io: classes, drivers, attachments, capacities."""

from __future__ import annotations

from kubepy.api.validation.formats import csi_driver_name, dns_subdomain, qualified_name
from kubepy.api.validation.persistent_volumes import validate_volume_spec
from kubepy.api.validation.resource_lists import amount
from kubepy.api.validation.rules import Rules, all_messages, immutable_field, spec_of
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_GROUP = "storage.k8s.io"
_BINDING_MODES = ("Immediate", "WaitForFirstConsumer")
_RECLAIM_POLICIES = ("Delete", "Retain")
_FS_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLE_MODES = ("Ephemeral", "Persistent")
_MAX_PARAMETERS = 512
_MAX_PARAMETER_BYTES = 256 * 1024
_MAX_ATTACHMENT_BYTES = 256 * 1024
_MAX_ERROR = 1024
_MAX_NODE_ID = 192
_MIN_TOKEN_SECONDS = 600
_MAX_TOKEN_SECONDS = 1 << 32


def _provisioner(name: str, path: str) -> list[Cause]:
    if not name:
        return [required(path)]
    return all_messages(path, name, names.qualified_name(name.lower()))


def _parameters(parameters: Obj, path: str) -> list[Cause]:
    if len(parameters) > _MAX_PARAMETERS:
        return [too_long(path, _MAX_PARAMETERS)]
    causes: list[Cause] = []
    if "" in parameters:
        causes.append(invalid_value(path, "", "field can not be empty."))
    if sum(len(k.encode()) + len(v.encode()) for k, v in parameters.items()) > _MAX_PARAMETER_BYTES:
        causes.append(too_long(path, _MAX_PARAMETER_BYTES))
    return causes


def _class(storage_class: Obj) -> list[Cause]:
    causes = _provisioner(storage_class.get("provisioner") or "", "provisioner")
    causes += _parameters(storage_class.get("parameters") or {}, "parameters")
    policy = storage_class.get("reclaimPolicy")
    if policy and policy not in _RECLAIM_POLICIES:
        causes.append(not_supported("reclaimPolicy", policy, _RECLAIM_POLICIES))
    mode = storage_class.get("volumeBindingMode")
    if mode is None:
        causes.append(required("volumeBindingMode"))
    elif mode not in _BINDING_MODES:
        causes.append(not_supported("volumeBindingMode", mode, _BINDING_MODES))
    return causes + _topologies(storage_class.get("allowedTopologies") or [])


def _topologies(terms: list[Obj]) -> list[Cause]:
    causes: list[Cause] = []
    seen: list[dict[str, frozenset[str]]] = []
    for index, term in enumerate(terms):
        path = f"allowedTopologies[{index}].matchLabelExpressions"
        asked: dict[str, frozenset[str]] = {}
        for position, expression in enumerate(term.get("matchLabelExpressions") or ()):
            at = f"{path}[{position}]"
            key, values = expression.get("key") or "", expression.get("values") or []
            if not values:
                causes.append(required(f"{at}.values"))
            causes += [
                duplicate(f"{at}.values[{place}]", value)
                for place, value in enumerate(values)
                if value in values[:place]
            ]
            causes += qualified_name(key, f"{at}.key")
            if key in asked:
                causes.append(duplicate(f"{at}.key", key))
            asked[key] = frozenset(values)
        if asked in seen:
            causes.append(duplicate(path, ""))
        seen.append(asked)
    return causes


def _class_update(storage_class: Obj, old: Obj) -> list[Cause]:
    causes = [
        forbidden_field(field, f"updates to {field} are forbidden.")
        for field in ("parameters", "provisioner", "reclaimPolicy")
        if (storage_class.get(field) or None) != (old.get(field) or None)
    ]
    mode = storage_class.get("volumeBindingMode")
    return causes + immutable_field("volumeBindingMode", mode, old.get("volumeBindingMode"))


def _class_warnings(storage_class: Obj) -> list[str]:
    deprecated = {
        "beta.kubernetes.io/arch": "kubernetes.io/arch",
        "beta.kubernetes.io/os": "kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
        "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
    }
    since = {"beta.kubernetes.io/arch": "v1.14", "beta.kubernetes.io/os": "v1.14"}
    return [
        f"allowedTopologies[{index}].matchLabelExpressions[{position}].key: {key} is deprecated since "
        f'{since.get(key, "v1.17")}; use "{deprecated[key]}" instead'
        for index, term in enumerate(storage_class.get("allowedTopologies") or ())
        for position, expression in enumerate(term.get("matchLabelExpressions") or ())
        if (key := expression.get("key")) in deprecated
    ]


def _attachment(attachment: Obj) -> list[Cause]:
    spec, status = spec_of(attachment), attachment.get("status") or {}
    causes: list[Cause] = []
    if not spec.get("attacher"):
        causes.append(required("spec.attacher"))
    source = spec.get("source") or {}
    volume, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
    detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    if volume is None and inline is None:
        causes.append(required("spec.source", detail))
    elif volume is not None and inline is not None:
        causes.append(forbidden_field("spec.source", detail))
    elif inline is not None:
        causes += validate_volume_spec(inline, "", "spec.source.inlineVolumeSpec", inline=True)
    elif not volume:
        at = "spec.source.persistentVolumeName"
        causes.append(required(at, "must specify non empty persistentVolumeName"))
    causes += dns_subdomain(spec.get("nodeName") or "", "spec.nodeName")
    metadata = status.get("attachmentMetadata") or {}
    if sum(len(k.encode()) + len(v.encode()) for k, v in metadata.items()) > _MAX_ATTACHMENT_BYTES:
        causes.append(too_long("status.attachmentMetadata", _MAX_ATTACHMENT_BYTES))
    for field in ("attachError", "detachError"):
        if len(((status.get(field) or {}).get("message") or "").encode()) > _MAX_ERROR:
            causes.append(too_long(f"status.{field}.message", _MAX_ERROR))
    if volume:
        causes += dns_subdomain(volume, "spec.source.persistentVolumeName")
    return causes


def _attachment_update(attachment: Obj, old: Obj) -> list[Cause]:
    causes = _attachment(attachment)
    if attachment.get("spec") != old.get("spec"):
        causes.append(invalid_value("spec", attachment.get("spec"), "field is immutable"))
    return causes


def _driver(driver: Obj) -> list[Cause]:
    causes = csi_driver_name(driver["metadata"].get("name") or "", "name")
    spec = spec_of(driver)
    for field, shown in (
        ("attachRequired", "attachedRequired"),
        ("podInfoOnMount", "podInfoOnMount"),
        ("storageCapacity", "storageCapacity"),
    ):
        if spec.get(field) is None:
            causes.append(required(f"spec.{shown}"))
    policy = spec.get("fsGroupPolicy")
    if policy is None:
        causes.append(required("spec.fsGroupPolicy"))
    elif policy not in _FS_GROUP_POLICIES:
        causes.append(not_supported("spec.fsGroupPolicy", policy, _FS_GROUP_POLICIES))
    causes += _token_requests(spec.get("tokenRequests") or [])
    causes += [
        not_supported("spec.volumeLifecycleModes", mode, _LIFECYCLE_MODES)
        for mode in spec.get("volumeLifecycleModes") or ()
        if mode not in _LIFECYCLE_MODES
    ]
    if spec.get("seLinuxMount") is None:
        causes.append(required("spec.seLinuxMount"))
    period = spec.get("nodeAllocatableUpdatePeriodSeconds")
    if period is not None and period < 10:
        at = "spec.nodeAllocatableUpdatePeriodSeconds"
        causes.append(invalid_value(at, period, "must be greater than or equal to 10 seconds"))
    return causes


def _token_requests(requests: list[Obj]) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, request in enumerate(requests):
        at, audience = f"spec.tokenRequests[{index}]", request.get("audience") or ""
        if audience in seen:
            causes.append(duplicate(f"{at}.audience", audience))
        seen.add(audience)
        seconds = request.get("expirationSeconds")
        if seconds is not None and seconds < _MIN_TOKEN_SECONDS:
            detail = "may not specify a duration less than 10 minutes"
            causes.append(invalid_value(f"{at}.expirationSeconds", seconds, detail))
        if seconds is not None and seconds > _MAX_TOKEN_SECONDS:
            detail = "may not specify a duration larger than 2^32 seconds"
            causes.append(invalid_value(f"{at}.expirationSeconds", seconds, detail))
    return causes


def _driver_update(driver: Obj, old: Obj) -> list[Cause]:
    spec, before = spec_of(driver), spec_of(old)
    causes = _driver(driver)
    causes += immutable_field(
        "spec.attachedRequired", spec.get("attachRequired"), before.get("attachRequired")
    )
    modes = spec.get("volumeLifecycleModes"), before.get("volumeLifecycleModes")
    return causes + immutable_field("spec.volumeLifecycleModes", *modes)


def _csi_node(node: Obj) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, driver in enumerate(spec_of(node).get("drivers") or ()):
        at, name = f"spec.drivers[{index}]", driver.get("name") or ""
        causes += csi_driver_name(name, f"{at}.name")
        identifier = driver.get("nodeID") or ""
        if not identifier:
            causes.append(required(f"{at}.nodeID"))
        if len(identifier) > _MAX_NODE_ID:
            detail = f"must be {_MAX_NODE_ID} characters or less"
            causes.append(invalid_value(f"{at}.nodeID", identifier, detail))
        count = (driver.get("allocatable") or {}).get("count")
        if count is not None and count < 0:
            detail = "must be greater than or equal to 0"
            causes.append(invalid_value(f"{at}.allocatable.count", count, detail))
        keys = driver.get("topologyKeys") or []
        for key in keys:
            causes += qualified_name(key, f"{at}.topologyKeys") if key else [required(f"{at}.topologyKeys")]
        causes += [duplicate(f"{at}.topologyKeys", key) for i, key in enumerate(keys) if key in keys[:i]]
        if name in seen:
            causes.append(duplicate(f"{at}.name", name))
        seen.add(name)
    return causes


def _csi_node_update(node: Obj, old: Obj) -> list[Cause]:
    causes = _csi_node(node)
    before = {driver.get("name"): driver for driver in spec_of(old).get("drivers") or ()}
    for driver in spec_of(node).get("drivers") or ():
        was = before.get(driver.get("name"))
        if was is not None and _without_count(was) != _without_count(driver):
            detail = "field is immutable"
            causes.append(invalid_value("CSINodeDriver", driver, detail))
    return causes


def _without_count(driver: Obj) -> Obj:
    """The part that stays: how many volumes a node takes may be counted anew."""
    return {key: value for key, value in driver.items() if key != "allocatable"}


def _capacity(capacity: Obj) -> list[Cause]:
    causes = validate_label_selector(capacity.get("nodeTopology") or {}, "nodeTopology")
    causes += dns_subdomain(capacity.get("storageClassName") or "", "storageClassName")
    for field in ("capacity", "maximumVolumeSize"):
        if field in capacity:
            causes += amount(capacity[field], field)
    return causes


def _capacity_update(capacity: Obj, old: Obj) -> list[Cause]:
    causes = _capacity(capacity)
    for field in ("nodeTopology", "storageClassName"):
        causes += immutable_field(field, capacity.get(field), old.get(field))
    return causes


def _attributes_class(attributes: Obj) -> list[Cause]:
    causes = _provisioner(attributes.get("driverName") or "", "driverName")
    parameters = attributes.get("parameters") or {}
    if not parameters:
        causes.append(required("parameters", "must contain at least one key/value pair"))
    return causes + _parameters(parameters, "parameters")


def _attributes_class_update(attributes: Obj, old: Obj) -> list[Cause]:
    return [
        forbidden_field(field, f"updates to {field} are forbidden.")
        for field in ("driverName", "parameters")
        if attributes.get(field) != old.get(field)
    ]


RULES: dict[GK, Rules] = {
    GK(_GROUP, "StorageClass"): Rules(create=_class, update=_class_update, warnings=_class_warnings),
    GK(_GROUP, "VolumeAttachment"): Rules(
        create=_attachment, update=_attachment_update, subresources={"status": _attachment_update}
    ),
    GK(_GROUP, "CSIDriver"): Rules(create=_driver, update=_driver_update),
    GK(_GROUP, "CSINode"): Rules(create=_csi_node, update=_csi_node_update),
    GK(_GROUP, "CSIStorageCapacity"): Rules(create=_capacity, update=_capacity_update),
    GK(_GROUP, "VolumeAttributesClass"): Rules(create=_attributes_class, update=_attributes_class_update),
}
