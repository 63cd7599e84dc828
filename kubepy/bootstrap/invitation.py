"""What lets machines join: cluster-info, the cluster's settings, and who may do what. kubeadm's shape."""

from __future__ import annotations

import hashlib

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from kubepy.api.scheme import SCHEME
from kubepy.bootstrap import shared_keys
from kubepy.bootstrap.settings import ClusterSettings
from kubepy.bootstrap.tokens import GROUP
from kubepy.client import Client, kubeconfig
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.util import config

CLUSTER_INFO = ("kube-public", "cluster-info")
CLUSTER_SETTINGS = ("kube-system", "kubepy-config")
SETTINGS_KEY = "cluster.yaml"
NODES_GROUP = "system:nodes"
RBAC = "rbac.authorization.k8s.io"
CSR = "system:certificates.k8s.io:certificatesigningrequests"


def ca_hash(pem: bytes) -> str:
    """sha256:HEX of the authority's public key, as kubeadm has it (RFC 7469's pin)."""
    key = x509.load_pem_x509_certificate(pem).public_key()
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def objects(settings: ClusterSettings, server: str, ca: str) -> list[Obj]:
    """Everything, as manifests."""
    info = kubeconfig.empty() | {"clusters": [{"name": "", "cluster": _cluster(server, ca)}]}
    public = yaml.safe_dump(info, sort_keys=False)
    reader = [_group(GROUP), _group(NODES_GROUP)]
    anonymous = [{"apiGroup": RBAC, "kind": "User", "name": "system:anonymous"}]
    keys = (shared_keys.NAMESPACE, shared_keys.NAME)
    masters = _readable("kubepy:control-plane-certs", keys, [_group(GROUP)], "secrets")
    return [
        *(masters if settings.on_etcd else ()),
        _config_map(*CLUSTER_INFO, {"kubeconfig": public}),
        *_readable("kubepy:bootstrap-signer-clusterinfo", CLUSTER_INFO, anonymous),
        _config_map(*CLUSTER_SETTINGS, {SETTINGS_KEY: config.dump(settings)}),
        *_readable("kubepy:cluster-settings", CLUSTER_SETTINGS, reader),
        _cluster_binding("kubepy:kubelet-bootstrap", "system:node-bootstrapper", GROUP),
        _cluster_binding("kubepy:node-autoapprove-bootstrap", f"{CSR}:nodeclient", GROUP),
        _cluster_binding(
            "kubepy:node-autoapprove-certificate-rotation", f"{CSR}:selfnodeclient", NODES_GROUP
        ),
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "kubepy:get-nodes"},
            "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}],
        },
        _cluster_binding("kubepy:get-nodes", "kubepy:get-nodes", GROUP),
        # A worker's proxy calls with its node's certificate: no credential is shared by machines.
        _cluster_binding("kubepy:node-proxier", "system:node-proxier", NODES_GROUP),
    ]


async def publish(client: Client, settings: ClusterSettings, server: str, ca: str) -> bool:
    """Create or merge all of them; returns whether cluster-info is new: then nobody was invited before."""
    first = False
    for manifest in objects(settings, server, ca):
        gvr = SCHEME.resource_for_kind(GVK.of(manifest)).gvr
        namespace = meta.namespace(manifest) or None
        try:
            await client.patch(gvr, meta.name(manifest), manifest, namespace=namespace)
        except StatusError as error:
            if not errors.is_not_found(error):
                raise
            await client.create(gvr, manifest, namespace=namespace)
            first = first or (meta.namespace(manifest), meta.name(manifest)) == CLUSTER_INFO
    return first


def _cluster(server: str, ca: str) -> Obj:
    return {"server": server, "certificate-authority-data": ca}


def _config_map(namespace: str, name: str, data: dict[str, str]) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


def _readable(
    name: str, one: tuple[str, str], subjects: list[Obj], resource: str = "configmaps"
) -> list[Obj]:
    namespace, resource_name = one
    metadata = {"name": name, "namespace": namespace}
    rule = {
        "apiGroups": [""],
        "resources": [resource],
        "resourceNames": [resource_name],
        "verbs": ["get"],
    }
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
            "subjects": subjects,
        },
    ]


def _cluster_binding(name: str, role: str, group: str) -> Obj:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [_group(group)],
    }


def _group(name: str) -> Obj:
    return {"apiGroup": RBAC, "kind": "Group", "name": name}
