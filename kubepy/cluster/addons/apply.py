"""Puts the add-ons' manifests into the cluster: creates what is missing, merges what differs."""

from __future__ import annotations

import string
from pathlib import Path

import yaml

from kubepy.api.scheme import SCHEME
from kubepy.client import Client
from kubepy.cluster.images.oci import ImageLayout
from kubepy.cluster.images.recipes import KUBEPY
from kubepy.cluster.topology import Topology
from kubepy.machinery import errors, meta
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

MANIFESTS = tuple(
    Path(__file__).with_name(name) for name in ("dns.yaml", "metrics-server.yaml", "local-path.yaml")
)


def manifests(topology: Topology, images: ImageLayout) -> list[Obj]:
    """The add-ons' objects for this cluster; their image by digest, so that a rebuilt one rolls out."""
    values = {
        "cluster_domain": topology.cluster_domain,
        "dns_service_ip": topology.dns_service_ip,
        "image": f"{KUBEPY}@{images.references()[KUBEPY]['digest']}",
    }
    texts = (string.Template(path.read_text()).substitute(values) for path in MANIFESTS)
    return [document for text in texts for document in yaml.safe_load_all(text)]


async def apply(client: Client, topology: Topology, images: ImageLayout) -> None:
    """Merge each object of the add-ons into the one that is there, or create it."""
    for manifest in manifests(topology, images):
        gvr = SCHEME.resource_for_kind(GVK.of(manifest)).gvr
        namespace = meta.namespace(manifest) or None
        try:
            await client.patch(gvr, meta.name(manifest), manifest, namespace=namespace)
        except errors.StatusError as error:
            if not errors.is_not_found(error):
                raise
            await client.create(gvr, manifest, namespace=namespace)
