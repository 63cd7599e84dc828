"""Rules of a pod's volumes: their names, their one source, and the sources that only pods have."""

from __future__ import annotations

from kubepy.api.validation.claims import validate_claim_template
from kubepy.api.validation.containers import pull_policy
from kubepy.api.validation.environment import (
    VOLUME_FIELDS,
    validate_field_ref,
    validate_resource_field_ref,
)
from kubepy.api.validation.formats import (
    csi_driver_name,
    dns_label,
    dns_subdomain,
    file_mode,
    good_label,
    local_descending_path,
    local_non_reserved_path,
)
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.api.validation.volume_sources import PATH_NAMES, POD
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
)
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

# The order in which Kubernetes looks at the sources.
_ORDER = {
    source: position
    for position, source in enumerate(
        [
            "emptyDir",
            "hostPath",
            "gitRepo",
            "gcePersistentDisk",
            "awsElasticBlockStore",
            "secret",
            "nfs",
            "iscsi",
            "glusterfs",
            "flocker",
            "persistentVolumeClaim",
            "rbd",
            "cinder",
            "cephfs",
            "quobyte",
            "downwardAPI",
            "fc",
            "flexVolume",
            "configMap",
            "azureFile",
            "vsphereVolume",
            "photonPersistentDisk",
            "portworxVolume",
            "azureDisk",
            "storageos",
            "projected",
            "scaleIO",
            "csi",
            "ephemeral",
            "image",
        ]
    )
}
_MIN_TOKEN_SECONDS = 600
_MAX_TOKEN_SECONDS = 1 << 32
_MAX_ISCSI = 64


def validate_volumes(volumes: list[Obj], path: str, pod: Obj | None) -> tuple[dict[str, Obj], list[Cause]]:
    """Check volumes; return them by name beside what is wrong. `pod` is None for a template."""
    causes: list[Cause] = []
    known: dict[str, Obj] = {}
    for index, volume in enumerate(volumes):
        wrong = _source(volume, f"{path}[{index}]", pod)
        name = volume.get("name") or ""
        if not name:
            wrong.append(required(f"{path}[{index}].name"))
        elif not good_label(name):
            wrong += dns_label(name, f"{path}[{index}].name")
        if name in known:
            wrong.append(duplicate(f"{path}[{index}].name", name))
        # A volume that is wrong cannot be mounted either.
        if wrong:
            causes += wrong
        else:
            known[name] = volume
        if pod is not None and "persistentVolumeClaim" in volume:
            causes += _claim_of_ephemeral(volume, volumes, f"{path}[{index}]", pod)
    return known, causes


def _claim_of_ephemeral(volume: Obj, volumes: list[Obj], path: str, pod: Obj) -> list[Cause]:
    """A volume may not name a claim that is made for another volume of the same pod."""
    claim = volume["persistentVolumeClaim"].get("claimName")
    pod_name = pod["metadata"].get("name")
    if not pod_name or all(
        "ephemeral" not in other or claim != f"{pod_name}-{other.get('name')}" for other in volumes
    ):
        return []
    detail = "must not reference a PVC that gets created for an ephemeral volume"
    return [invalid_value(f"{path}.persistentVolumeClaim.claimName", claim, detail)]


def _source(volume: Obj, path: str, pod: Obj | None) -> list[Cause]:
    sources = [field for field in volume if field in _ORDER]
    if not sources:
        return [required(path, "must specify a volume type")]
    if len(sources) > 1:
        sources.sort(key=_ORDER.__getitem__)
    kind = sources[0]
    source, at = volume[kind], f"{path}.{PATH_NAMES.get(kind, kind)}"
    rule = POD.get(kind)
    if rule is not None:
        causes = rule(source, at)
        if kind == "iscsi" and "initiatorName" in source:
            causes += _iscsi_length(volume, path)
    else:
        causes = _pod_source(kind, source, at, pod)
        if kind == "ephemeral" and pod is not None:
            causes += _claim_name(volume, path, pod)
    # Kubernetes writes two of the names in its own way.
    spelled = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
    causes += [
        forbidden_field(f"{path}.{spelled.get(extra, extra)}", "may not specify more than 1 volume type")
        for extra in sources[1:]
    ]
    return causes


def _iscsi_length(volume: Obj, path: str) -> list[Cause]:
    name = volume.get("name") or ""
    if len(f"{name}:{volume['iscsi'].get('targetPortal') or ''}") <= _MAX_ISCSI:
        return []
    detail = (
        "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
        "iscsi.initiatorName is specified."
    )
    return [invalid_value(f"{path}.name", name, detail)]


def _claim_name(volume: Obj, path: str, pod: Obj) -> list[Cause]:
    pod_name, name = (pod.get("metadata") or {}).get("name"), volume.get("name")
    if not pod_name or not name:
        return []
    claim = f"{pod_name}-{name}"
    return [
        invalid_value(f"{path}.name", name, f'PVC name "{claim}": {message}')
        for message in names.dns_subdomain(claim)
    ]


def _pod_source(kind: str, source: Obj, path: str, pod: Obj | None) -> list[Cause]:
    match kind:
        case "emptyDir":
            size = source.get("sizeLimit")
            if size is not None and Quantity.parse(size).nanos < 0:
                detail = "SizeLimit field must be a valid resource quantity"
                return [forbidden_field(f"{path}.sizeLimit", detail)]
            return []
        case "gitRepo":
            causes = [] if source.get("repository") else [required(f"{path}.repository")]
            return causes + local_descending_path(source.get("directory") or "", f"{path}.directory")
        case "secret" | "configMap":
            field = "secretName" if kind == "secret" else "name"
            causes = [] if source.get(field) else [required(f"{path}.{field}")]
            causes += file_mode(source.get("defaultMode"), f"{path}.defaultMode")
            return causes + _items(source, path)
        case "downwardAPI":
            causes = file_mode(source.get("defaultMode"), f"{path}.defaultMode")
            for item in source.get("items") or ():
                causes += _downward_file(item, path)
            return causes
        case "projected":
            causes = file_mode(source.get("defaultMode"), f"{path}.defaultMode")
            return causes + _projected(source, path)
        case "csi":
            return _csi(source, path)
        case "ephemeral":
            template = source.get("volumeClaimTemplate")
            at = f"{path}.volumeClaimTemplate"
            return [required(at)] if template is None else validate_claim_template(template, at)
        case _:
            causes = []
            if pod is not None and not source.get("reference"):
                causes.append(required(f"{path}.reference"))
            return causes + pull_policy(source.get("pullPolicy"), path, "pullPolicy")


def _items(source: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, item in enumerate(source.get("items") or ()):
        target = item.get("path") or ""
        if item.get("key") and target and target[0] not in "./" and "mode" not in item and ".." not in target:
            continue
        at = f"{path}.items[{index}]"
        causes += [required(f"{at}.{field}") for field in ("key", "path") if not item.get(field)]
        causes += local_non_reserved_path(target, f"{at}.path")
        causes += file_mode(item.get("mode"), f"{at}.mode")
    return causes


def _downward_file(item: Obj, path: str) -> list[Cause]:
    target = item.get("path") or ""
    causes = [] if target else [required(f"{path}.path")]
    causes += local_non_reserved_path(target, f"{path}.path")
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        causes += validate_field_ref(field, f"{path}.fieldRef", VOLUME_FIELDS)
        if resource is not None:
            detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
            causes.append(invalid_value(path, "resource", detail))
    elif resource is not None:
        causes += validate_resource_field_ref(resource, f"{path}.resourceFieldRef", volume=True)
    else:
        causes.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    return causes + file_mode(item.get("mode"), f"{path}.mode")


def _projected(projected: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    taken: set[str] = set()
    for index, source in enumerate(projected.get("sources") or ()):
        at = f"{path}.sources[{index}]"
        for kind in ("secret", "configMap"):
            if (part := source.get(kind)) is not None:
                if not part.get("name"):
                    causes.append(required(f"{at}.{kind}.name"))
                causes += _items(part, f"{at}.{kind}")
                for item in part.get("items") or ():
                    causes += _take(taken, item.get("path"), path, part.get("name"))
        if (part := source.get("downwardAPI")) is not None:
            for item in part.get("items") or ():
                causes += _downward_file(item, f"{at}.downwardAPI")
                causes += _take(taken, item.get("path"), path, item.get("path"))
        if (part := source.get("serviceAccountToken")) is not None:
            causes += _token(part, f"{at}.serviceAccountToken", path)
        if (part := source.get("clusterTrustBundle")) is not None:
            causes += _trust_bundle(part, f"{at}.clusterTrustBundle")
            causes += _take(taken, part.get("path"), path, part.get("path"))
        if (part := source.get("podCertificate")) is not None:
            causes += _pod_certificate(part, f"{at}.podCertificate")
        if len(source) > 1:
            detail = "may not specify more than 1 volume type per source"
            causes.append(forbidden_field(at, detail))
    return causes


def _take(taken: set[str], target: str | None, path: str, shown: str | None) -> list[Cause]:
    if not target:
        return []
    if target in taken:
        return [invalid_value(path, shown or "", "conflicting duplicate paths")]
    taken.add(target)
    return []


def _token(token: Obj, path: str, volume_path: str) -> list[Cause]:
    causes: list[Cause] = []
    seconds = token.get("expirationSeconds") or 0
    at = f"{path}.expirationSeconds"
    if seconds < _MIN_TOKEN_SECONDS:
        causes.append(invalid_value(at, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > _MAX_TOKEN_SECONDS:
        causes.append(invalid_value(at, seconds, "may not specify a duration larger than 2^32 seconds"))
    if not token.get("path"):
        causes.append(required(f"{volume_path}.path"))
    else:
        causes += local_non_reserved_path(token["path"], f"{volume_path}.path")
    return causes


def _trust_bundle(bundle: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    name, signer, selector = bundle.get("name"), bundle.get("signerName"), bundle.get("labelSelector")
    if name is not None and signer is not None:
        causes.append(invalid_value(path, bundle, "only one of name and signerName may be used"))
    elif name is not None:
        if not name:
            causes.append(required(f"{path}.name", "must be a valid object name"))
        causes += [
            invalid_value(f"{path}.name", name, f"not a valid clustertrustbundlename: {message}")
            for message in names.dns_subdomain(name.rpartition(":")[2])
        ]
        if selector is not None:
            detail = "labelSelector must be unset if name is specified"
            causes.append(invalid_value(f"{path}.labelSelector", selector, detail))
    elif signer is not None:
        causes += _signer(signer, f"{path}.signerName")
        causes += validate_label_selector(selector or {}, f"{path}.labelSelector")
    else:
        causes.append(required(path, "either name or signerName must be specified"))
    target = bundle.get("path") or ""
    if not target:
        causes.append(required(f"{path}.path"))
    return causes + local_non_reserved_path(target, f"{path}.path")


def _signer(signer: str, path: str) -> list[Cause]:
    if not signer:
        return [required(path, "must be a valid signer name")]
    domain, slash, _ = signer.partition("/")
    if not slash or signer.count("/") > 1:
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [invalid_value(path, signer, detail)]
    return dns_subdomain(domain, path)


def _pod_certificate(certificate: Obj, path: str) -> list[Cause]:
    causes = _signer(certificate.get("signerName") or "", f"{path}.signerName")
    paths = ("credentialBundlePath", "keyPath", "certificateChainPath")
    if not any(certificate.get(field) for field in paths):
        detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        causes.append(required(path, detail))
    for field in paths:
        if value := certificate.get(field):
            causes += local_non_reserved_path(value, f"{path}.{field}")
    return causes


def _csi(source: Obj, path: str) -> list[Cause]:
    causes = csi_driver_name(source.get("driver") or "", f"{path}.driver")
    secret = source.get("nodePublishSecretRef")
    if secret is not None:
        if not secret.get("name"):
            causes.append(required(f"{path}.nodePublishSecretRef.name"))
        else:
            causes += dns_subdomain(secret["name"], f"{path}.name")
    return causes
