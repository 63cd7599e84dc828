"""ServiceAccount: every pod acts as an account, and gets its token, the cluster's CA and its namespace."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache

from kubepy.api.resources import PODS
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import MAIN, Plugin
from kubepy.apiserver.cacher import Entry, ResourceCache
from kubepy.machinery import errors, names
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_MIRROR = "kubernetes.io/config.mirror"
_ENFORCE = "kubernetes.io/enforce-mountable-secrets"
_VOLUME_PREFIX = "kube-api-access-"
_TOKEN_SECONDS = 3607
_TRIES = 20
_PAUSE = 0.05


class ServiceAccount(Plugin):
    """Changes new pods."""

    resources = frozenset({PODS})
    subresources = MAIN
    operations = frozenset({"CREATE"})

    def __init__(self, accounts: ResourceCache, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock

    def premise(self, attributes: Attributes) -> Hashable | None:
        """The account as it is."""
        pod = attributes.object
        if _MIRROR in (pod["metadata"].get("annotations") or ()):
            return None
        name = pod["spec"].get("serviceAccountName") or "default"
        return self._accounts.get(f"{attributes.namespace}/{name}")

    async def mutate(self, attributes: Attributes) -> None:
        """Name the account, take over its pull secrets, mount its token."""
        pod = attributes.object
        spec = pod["spec"]
        if _MIRROR in (pod["metadata"].get("annotations") or {}):
            if spec.get("serviceAccountName"):
                detail = "a mirror pod may not reference service accounts"
                raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
            return
        name = spec.get("serviceAccountName") or "default"
        account = (await self._account(attributes, name)).obj
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [dict(secret) for secret in account["imagePullSecrets"]]
        if _automounts(account, spec):
            _mount_token(spec, account)

    async def validate(self, attributes: Attributes) -> None:
        """Refuse secrets that the account does not list, when it is annotated so."""
        pod = attributes.object
        entry = self._accounts.get(f"{attributes.namespace}/{pod['spec'].get('serviceAccountName') or ''}")
        if entry is None:
            return
        annotations = entry.obj["metadata"].get("annotations")
        if annotations and annotations.get(_ENFORCE, "").lower() in ("true", "t", "1"):
            detail = unlisted_secret(entry.obj, pod["spec"])
            if detail:
                raise errors.forbidden(attributes.resource.gr, attributes.name, detail)

    async def _account(self, attributes: Attributes, name: str) -> Entry:
        # A namespace is usable a moment before its default account is there.
        for attempt in range(_TRIES):
            entry = self._accounts.get(f"{attributes.namespace}/{name}")
            if entry is not None:
                return entry
            if attempt < _TRIES - 1:
                await self._clock.sleep(_PAUSE)
        detail = (
            f"error looking up service account {attributes.namespace}/{name}: "
            f'serviceaccount "{name}" not found'
        )
        raise errors.forbidden(attributes.resource.gr, attributes.name, detail)


def unlisted_secret(account: Obj, spec: Obj) -> str:
    """Which secret the pod may not use, in Kubernetes' words; "" when it may use all."""
    name = account["metadata"]["name"]
    listed = {secret.get("name") for secret in account.get("secrets") or ()}
    refused = f"is not allowed because service account {name} does not reference that secret"
    for volume in spec.get("volumes") or ():
        secret = (volume.get("secret") or {}).get("secretName")
        if secret and secret not in listed:
            return f'volume with secret.secretName="{secret}" {refused}'
    for field, word in (("initContainers", "init container"), ("containers", "container")):
        for container in spec.get(field) or ():
            for variable in container.get("env") or ():
                secret = ((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name")
                if secret and secret not in listed:
                    where = f"{word} {container['name']} with envVar {variable['name']} referencing"
                    return f'{where} secret.secretName="{secret}" {refused}'
    pulled = {secret.get("name") for secret in account.get("imagePullSecrets") or ()}
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if secret.get("name") not in pulled:
            return (
                f'imagePullSecrets[{index}].name="{secret.get("name")}" is not allowed because service '
                f"account {name} does not reference that imagePullSecret"
            )
    return ""


def _automounts(account: Obj, spec: Obj) -> bool:
    for holder in (spec, account):
        wanted = holder.get("automountServiceAccountToken")
        if wanted is not None:
            return bool(wanted)
    return True


def _mount_token(spec: Obj, account: Obj) -> None:
    volumes = spec.get("volumes") or []
    existing = next((v["name"] for v in volumes if v.get("name", "").startswith(_VOLUME_PREFIX)), "")
    # The same for all pods of an account: a controller's pods stay alike and need to be checked but once.
    name = existing or _volume_name(account["metadata"].get("uid") or "")
    used = False
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        mounts = container.setdefault("volumeMounts", [])
        if all(mount.get("mountPath") != _MOUNT for mount in mounts):
            mounts.append({"name": name, "readOnly": True, "mountPath": _MOUNT})
            used = True
    if used and not existing:
        spec["volumes"] = [*volumes, _token_volume(name)]


@lru_cache(1024)
def _volume_name(account_uid: str) -> str:
    return _VOLUME_PREFIX + names.suffix_of(account_uid)


def _token_volume(name: str) -> Obj:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
