"""Rules of the volume sources that pods and PersistentVolumes share, one function a source.

A function gets the source and its path. `SOURCES` holds those of pods, `PERSISTENT` what differs for
PersistentVolumes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from kubepy.api.validation.formats import dns_label, dns_subdomain, in_range, no_backsteps
from kubepy.api.validation.rules import all_messages
from kubepy.machinery import names
from kubepy.machinery.field_errors import Cause, invalid_value, not_supported, required
from kubepy.machinery.meta import Obj

SourceRule = Callable[[Obj, str], list[Cause]]

_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_IQN = re.compile(r"iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$")
_EUI = re.compile(r"eui.[A-Za-z0-9]{16}$")
_NAA = re.compile(r"naa.[A-Za-z0-9]{32}$")
_AZURE_CACHING = ("None", "ReadOnly", "ReadWrite")
_AZURE_KINDS = ("Dedicated", "Managed", "Shared")
_AZURE_MANAGED = (
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
)
_AZURE_BLOB = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"


def needs(*fields: str) -> SourceRule:
    """Return the rule that fields must be there."""

    def rule(source: Obj, path: str) -> list[Cause]:
        return [required(f"{path}.{field}") for field in fields if not source.get(field)]

    return rule


def _secret_name(source: Obj, path: str) -> list[Cause]:
    reference = source.get("secretRef")
    if reference is None or reference.get("name"):
        return []
    return [required(f"{path}.secretRef.name")]


def _secret_name_and_namespace(source: Obj, path: str) -> list[Cause]:
    reference = source.get("secretRef")
    if reference is None:
        return []
    return [
        required(f"{path}.secretRef.{field}") for field in ("name", "namespace") if not reference.get(field)
    ]


def host_path(source: Obj, path: str) -> list[Cause]:
    """A directory or file of the node."""
    where = source.get("path")
    if not where:
        return [required(f"{path}.path")]
    causes = no_backsteps(where, f"{path}.path")
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        causes.append(not_supported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return causes


def _partitioned(field: str) -> SourceRule:
    def rule(source: Obj, path: str) -> list[Cause]:
        causes = needs(field)(source, path)
        partition = source.get("partition") or 0
        if not 0 <= partition <= 255:
            detail = "must be between 1 and 255, inclusive"
            causes.append(invalid_value(f"{path}.partition", partition, detail))
        return causes

    return rule


def _nfs(source: Obj, path: str) -> list[Cause]:
    causes = needs("server", "path")(source, path)
    where = source.get("path") or ""
    if not where.startswith("/"):
        causes.append(invalid_value(f"{path}.path", where, "must be an absolute path"))
    return causes


def _iscsi_name(value: str, path: str, *, full: bool) -> list[Cause]:
    pattern = {"iqn": _IQN, "eui": _EUI, "naa": _NAA}.get(value[:3])
    if pattern is None:
        detail = "must be valid format starting with iqn, eui, or naa" if full else "must be valid format"
        return [invalid_value(path, value, detail)]
    # An iqn may stand anywhere in the text, as the pattern of Kubernetes has no beginning.
    found = pattern.search(value) if pattern is _IQN else pattern.match(value)
    return [] if found else [invalid_value(path, value, "must be valid format")]


def _iscsi(source: Obj, path: str, *, persistent: bool = False) -> list[Cause]:
    causes = needs("targetPortal", "iqn")(source, path)
    if iqn := source.get("iqn"):
        causes += _iscsi_name(iqn, f"{path}.iqn", full=not persistent)
    causes += in_range(source.get("lun"), f"{path}.lun", 0, 255)
    chap = source.get("chapAuthDiscovery") or source.get("chapAuthSession")
    if chap and source.get("secretRef") is None:
        causes.append(required(f"{path}.secretRef"))
    if persistent:
        causes += _secret_name(source, path)
    initiator = source.get("initiatorName")
    if initiator is not None:
        causes += _iscsi_name(initiator, f"{path}.initiatorname", full=not persistent)
    return causes


def _persistent_iscsi(source: Obj, path: str) -> list[Cause]:
    return _iscsi(source, path, persistent=True)


def _fc(source: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    targets, ids = source.get("targetWWNs") or [], source.get("wwids") or []
    if not targets and not ids:
        detail = "must specify either targetWWNs or wwids, but not both"
        causes.append(required(f"{path}.targetWWNs", detail))
    if targets and ids:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        causes.append(invalid_value(f"{path}.targetWWNs", targets, detail))
    if targets:
        if source.get("lun") is None:
            causes.append(required(f"{path}.lun", "lun is required if targetWWNs is specified"))
        else:
            causes += in_range(source["lun"], f"{path}.lun", 0, 255)
    return causes


def _flocker(source: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    name, uid = source.get("datasetName"), source.get("datasetUUID")
    if not name and not uid:
        causes.append(required(path, "one of datasetName and datasetUUID is required"))
    if name and uid:
        detail = "datasetName and datasetUUID can not be specified simultaneously"
        causes.append(invalid_value(path, "resource", detail))
    if name and "/" in name:
        causes.append(invalid_value(f"{path}.datasetName", name, "must not contain '/'"))
    return causes


def _quobyte(source: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    registry = source.get("registry") or ""
    detail = "must be a host:port pair or multiple pairs separated by commas"
    if not registry:
        causes.append(required(f"{path}.registry", detail))
    elif len(source.get("tenant") or "") >= 65:
        tenant = "must be a UUID and may not exceed a length of 64 characters"
        causes.append(required(f"{path}.tenant", tenant))
    else:
        causes += [
            invalid_value(f"{path}.registry", registry, detail)
            for pair in registry.split(",")
            if not re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*):[^:\[\]]*", pair)
        ]
    return causes + needs("volume")(source, path)


def _flex(source: Obj, path: str) -> list[Cause]:
    causes = needs("driver")(source, path)
    for key in source.get("options") or ():
        domain = "." + key.partition("/")[0].lower()
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            causes.append(invalid_value(f"{path}.options[{key}]", key, detail))
    return causes


def _azure_disk(source: Obj, path: str) -> list[Cause]:
    causes = needs("diskName", "diskURI")(source, path)
    caching, kind, uri = source.get("cachingMode"), source.get("kind"), source.get("diskURI") or ""
    if caching is not None and caching not in _AZURE_CACHING:
        causes.append(not_supported(f"{path}.cachingMode", caching, _AZURE_CACHING))
    if kind is not None and kind not in _AZURE_KINDS:
        causes.append(not_supported(f"{path}.kind", kind, _AZURE_KINDS))
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        causes.append(not_supported(f"{path}.diskURI", uri, (_AZURE_MANAGED,)))
    if kind is not None and kind != "Managed" and not uri.startswith("https://"):
        causes.append(not_supported(f"{path}.diskURI", uri, (_AZURE_BLOB,)))
    return causes


def _azure_file_persistent(source: Obj, path: str) -> list[Cause]:
    causes = needs("secretName", "shareName")(source, path)
    if source.get("secretNamespace") == "":
        causes.append(required(f"{path}.secretNamespace"))
    return causes


def _glusterfs_persistent(source: Obj, path: str) -> list[Cause]:
    causes = needs("endpoints", "path")(source, path)
    namespace = source.get("endpointsNamespace")
    if namespace is not None:
        at = f"{path}.endpointsNamespace"
        if not namespace:
            detail = "if the endpointnamespace is set, it must be a valid namespace name"
            causes.append(invalid_value(at, namespace, detail))
        else:
            causes += all_messages(at, namespace, names.dns_label(namespace))
    return causes


def _storage_os(source: Obj, path: str) -> list[Cause]:
    name, namespace = source.get("volumeName"), source.get("volumeNamespace")
    causes = dns_label(name, f"{path}.volumeName") if name else [required(f"{path}.volumeName")]
    if namespace:
        causes += dns_label(namespace, f"{path}.volumeNamespace")
    return causes


def _with(*rules: SourceRule) -> SourceRule:
    def rule(source: Obj, path: str) -> list[Cause]:
        return [cause for each in rules for cause in each(source, path)]

    return rule


def local(source: Obj, path: str) -> list[Cause]:
    """A disk of one node."""
    where = source.get("path")
    return no_backsteps(where, f"{path}.path") if where else [required(f"{path}.path")]


def secret_reference(reference: Obj | None, path: str) -> list[Cause]:
    """Check a Secret named with its namespace, as CSI volumes have several."""
    if reference is None:
        return []
    name, namespace = reference.get("name"), reference.get("namespace")
    causes = dns_subdomain(name, f"{path}.name") if name else [required(f"{path}.name")]
    return causes + (
        dns_label(namespace, f"{path}.namespace") if namespace else [required(f"{path}.namespace")]
    )


SHARED: Mapping[str, SourceRule] = {
    "hostPath": host_path,
    "gcePersistentDisk": _partitioned("pdName"),
    "awsElasticBlockStore": _partitioned("volumeID"),
    "nfs": _nfs,
    "flocker": _flocker,
    "rbd": needs("monitors", "image"),
    "cephfs": needs("monitors"),
    "quobyte": _quobyte,
    "fc": _fc,
    "flexVolume": _flex,
    "vsphereVolume": needs("volumePath"),
    "photonPersistentDisk": needs("pdID"),
    "portworxVolume": needs("volumeID"),
    "azureDisk": _azure_disk,
    "scaleIO": needs("gateway", "system", "volumeName"),
}
"""What pods and PersistentVolumes check alike."""

POD: Mapping[str, SourceRule] = {
    **SHARED,
    "iscsi": _iscsi,
    "glusterfs": needs("endpoints", "path"),
    "cinder": _with(needs("volumeID"), _secret_name),
    "azureFile": needs("secretName", "shareName"),
    "storageos": _with(_storage_os, _secret_name),
    "persistentVolumeClaim": needs("claimName"),
}

PERSISTENT: Mapping[str, SourceRule] = {
    **SHARED,
    "iscsi": _persistent_iscsi,
    "glusterfs": _glusterfs_persistent,
    "cinder": _with(needs("volumeID"), _secret_name_and_namespace),
    "azureFile": _azure_file_persistent,
    "storageos": _with(_storage_os, _secret_name_and_namespace),
    "local": local,
}

PATH_NAMES = {"gcePersistentDisk": "persistentDisk"}
"""Where Kubernetes names a source otherwise in the paths below it."""
