"""The Directory that records are looked up in: informers with the indices that questions need."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

SERVICE_NAME = "kubernetes.io/service-name"
BY_SERVICE, BY_ADDRESS = "service", "address"


class InformerDirectory:
    """Services, EndpointSlices and namespaces as the API server has them."""

    def __init__(self, factory: SharedInformerFactory) -> None:
        self._services = factory.informer(SERVICES)
        self._slices = factory.informer(ENDPOINT_SLICES, label_selector=SERVICE_NAME)
        self._namespaces = factory.informer(NAMESPACES)
        self._services.add_index(BY_ADDRESS, _cluster_ips)
        self._slices.add_index(BY_SERVICE, _service_key)
        self._slices.add_index(BY_ADDRESS, _endpoint_addresses)

    def service(self, namespace: str, name: str) -> Obj | None:
        return self._services.lister.get(name, namespace)

    def slices(self, namespace: str, service: str) -> Iterable[Obj]:
        return self._slices.by_index(BY_SERVICE, f"{namespace}/{service}")

    def has_namespace(self, name: str) -> bool:
        return self._namespaces.lister.get(name) is not None

    def services_by_address(self, address: str) -> Iterable[Obj]:
        return self._services.by_index(BY_ADDRESS, address)

    def slices_by_address(self, address: str) -> Iterable[Obj]:
        return self._slices.by_index(BY_ADDRESS, address)


def _cluster_ips(service: Obj) -> list[str]:
    spec = service["spec"]
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return [address for address in addresses if address and address != "None"]


def _service_key(item: Obj) -> list[str]:
    return [f"{meta.namespace(item)}/{meta.labels(item).get(SERVICE_NAME, '')}"]


def _endpoint_addresses(item: Obj) -> list[str]:
    return [address for endpoint in item.get("endpoints") or () for address in endpoint["addresses"]]
