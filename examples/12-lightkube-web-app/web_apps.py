"""A lightkube operator by server-side apply: a WebApp becomes a Deployment and a Service."""

from lightkube import Client
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import (
    Container,
    ContainerPort,
    PodSpec,
    PodTemplateSpec,
    ServicePort,
    ServiceSpec,
)
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta, OwnerReference
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Service
from lightkube.types import PatchType

MANAGER = "web-app-operator"
WebApp = create_namespaced_resource("examples.kubepy.dev", "v1", "WebApp", "webapps")


def reconcile(client: Client, app) -> None:
    """Make the world as `app` wants it, and say so in its status. Raises ApiError 409 for a conflict of owners."""
    name, namespace = app.metadata.name, app.metadata.namespace
    owner = OwnerReference(
        "examples.kubepy.dev/v1", "WebApp", name, app.metadata.uid, blockOwnerDeletion=True, controller=True
    )
    meta = ObjectMeta(name=name, namespace=namespace, ownerReferences=[owner])
    labels = {"webapp": name}
    container = Container("web", image=app.spec["image"], ports=[ContainerPort(8080)])
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=[container]))
    spec = DeploymentSpec(LabelSelector(matchLabels=labels), template, replicas=app.spec["replicas"])
    made = client.apply(
        Deployment(apiVersion="apps/v1", kind="Deployment", metadata=meta, spec=spec), field_manager=MANAGER
    )
    service = ServiceSpec(selector=labels, ports=[ServicePort(80, targetPort=8080)])
    client.apply(Service(apiVersion="v1", kind="Service", metadata=meta, spec=service), field_manager=MANAGER)
    ready = (made.status.readyReplicas or 0) if made.status else 0
    status = {"status": {"ready": ready, "observedGeneration": app.metadata.generation}}
    client.patch(WebApp.Status, name, status, namespace=namespace, patch_type=PatchType.MERGE)
