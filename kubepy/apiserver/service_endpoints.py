"""Where a Service answers: one of its ready endpoints, for proxies, webhooks and aggregated API servers."""

from __future__ import annotations

import random

from kubepy.apiserver.cacher import Entry, ObjectSelector, ResourceCache
from kubepy.machinery import errors, labels
from kubepy.machinery.meta import Obj, make_key

Endpoint = tuple[str, int]  # address, port
_NAME_LABEL = "kubernetes.io/service-name"


class ServiceEndpoints:
    """Looks Services up in the watch cache and goes to their endpoints directly: no proxy is needed here."""

    def __init__(self, services: ResourceCache, slices: ResourceCache) -> None:
        self._services = services
        self._slices = slices

    def service(self, namespace: str, name: str) -> Obj | None:
        """The Service, if it is there."""
        entry = self._services.get(make_key(namespace, name))
        return None if entry is None else entry.obj

    def slices(self, namespace: str, name: str) -> list[Entry]:
        """The Service's EndpointSlices."""
        return list(self._slices.select(ObjectSelector(namespace, labels.from_map({_NAME_LABEL: name}))))

    def endpoint(self, service: Obj, port: str) -> Endpoint:
        """One of the ready endpoints of a port, given by number or name ("" for the first). Raises 503."""
        metadata, spec = service["metadata"], service.get("spec") or {}
        wanted = port
        for declared in spec.get("ports") or ():
            if port in ("", str(declared["port"])):
                wanted = declared.get("name", "")
                break
        found: list[Endpoint] = []
        for entry in self.slices(metadata["namespace"], metadata["name"]):
            numbers = [p["port"] for p in entry.obj.get("ports") or () if (p.get("name") or "") == wanted]
            for endpoint in entry.obj.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready", True):
                    found += [(endpoint["addresses"][0], number) for number in numbers]
        if not found:
            raise errors.service_unavailable(f'no endpoints available for service "{metadata["name"]}"')
        return random.choice(found)

    def locate(self, namespace: str, name: str, port: int) -> Endpoint:
        """Where a webhook's or an APIService's reference leads; ExternalName by its name. Raises 503."""
        service = self.service(namespace, name)
        if service is None:
            raise errors.service_unavailable(f'service "{name}" not found')
        spec = service.get("spec") or {}
        if spec.get("type") == "ExternalName":
            return spec["externalName"], port
        if not any(declared["port"] == port for declared in spec.get("ports") or ()):
            raise errors.service_unavailable(f'no service port {port} found for service "{name}"')
        return self.endpoint(service, str(port))
