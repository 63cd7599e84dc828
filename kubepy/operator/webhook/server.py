"""Serves the webhooks, keeps their certificates fresh, and tells the API server of both."""

import base64
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import anyio.abc

from kubepy.client import Client, ConnectionFailed
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.operator.crd import CustomResource
from kubepy.operator.serving import Endpoint, Handler, Reply
from kubepy.operator.webhook import admission, conversion
from kubepy.operator.webhook.admission import Mutator, Validator
from kubepy.operator.webhook.certificates import Certificates
from kubepy.operator.webhook.conversion import Conversion
from kubepy.operator.webhook.store import MemoryStore, Store
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

GROUP = "admissionregistration.k8s.io"
VALIDATING = GVR(GROUP, "v1", "validatingwebhookconfigurations")
MUTATING = GVR(GROUP, "v1", "mutatingwebhookconfigurations")
CRDS = GVR("apiextensions.k8s.io", "v1", "customresourcedefinitions")
CHECK_EVERY = 60.0
_HEARD_OF = 1.0  # seconds
Scope = Literal["Cluster", "Namespaced", "*"]


@dataclass(frozen=True)
class _Admission:
    path: str
    gvr: GVR
    operations: tuple[str, ...]
    mutates: bool
    options: Obj = field(hash=False)


class WebhookServer:
    """Webhooks under one name: the two configurations and the field manager are called so.

    The API server calls `service` (namespace, name; port 443 leads to `address`), or for an operator outside
    of the cluster this process at `host`. Certificates are made, kept in `store`, and renewed when two thirds
    of their life are over. The configurations, the CA in them and the conversion of custom resources are
    applied at the start and looked after every minute: what somebody else has removed or changed comes back.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        *,
        address: str = "0.0.0.0:9443",
        service: tuple[str, str] | None = None,
        host: str = "127.0.0.1",
        store: Store | None = None,
        check_every: float = CHECK_EVERY,
    ) -> None:
        self.name = name
        self._client = client
        self._clock: Clock = client.clock
        self._service = service
        self._host = host
        self._store: Store = store or MemoryStore()
        self._check_every = check_every
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._paths: dict[str, Handler] = {}
        self._admissions: list[_Admission] = []
        self._converted: list[CustomResource] = []
        self._present: Certificates | None = None
        self._endpoint = Endpoint(address, post=self._paths, tls=self._tls)

    def validating(
        self,
        gvr: GVR,
        validator: Validator,
        *,
        operations: Sequence[str] = ("CREATE", "UPDATE"),
        **options: Any,
    ) -> None:
        """Let `validator` refuse requests on `gvr`.

        `options` are further fields of the webhook in its configuration: failurePolicy (Fail unless given),
        matchPolicy, timeoutSeconds, namespaceSelector, objectSelector, matchConditions, sideEffects (None
        unless given), subresource.
        """
        self._admit(gvr, validator, operations, options, mutates=False)

    def mutating(
        self,
        gvr: GVR,
        mutator: Mutator,
        *,
        operations: Sequence[str] = ("CREATE", "UPDATE"),
        **options: Any,
    ) -> None:
        """Let `mutator` change (or refuse) what is written to `gvr`; options as for `validating`."""
        self._admit(gvr, mutator, operations, options, mutates=True)

    def converting(self, resource: CustomResource, converter: Conversion) -> None:
        """Convert the objects of `resource`; its definition is applied with this server as its webhook."""
        self._converted.append(resource)

        async def answer(body: bytes) -> Reply:
            return _answered(lambda: conversion.review(body, converter))

        self._paths[f"/convert/{resource.name}"] = answer

    def _admit(
        self,
        gvr: GVR,
        handler: Callable[[admission.AdmissionRequest], Any],
        operations: Sequence[str],
        options: Obj,
        *,
        mutates: bool,
    ) -> None:
        verb = "mutate" if mutates else "validate"
        subresource = f"/{options['subresource']}" if options.get("subresource") else ""
        path = f"/{verb}/{gvr.group or 'core'}/{gvr.version}/{gvr.resource}{subresource}"
        if path in self._paths:
            raise ValueError(f"there is a webhook at {path} already")

        async def answer(body: bytes) -> Reply:
            try:
                reviewed = await admission.review(body, handler, mutates=mutates)
            except ValueError as error:
                return Reply(400, str(error).encode())
            return Reply(200, reviewed, "application/json")

        self._paths[path] = answer
        self._admissions.append(_Admission(path, gvr, tuple(operations), mutates, options))

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return self._endpoint.port

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; started when the API server knows of the webhooks."""
        await self._refresh_certificates()
        async with anyio.create_task_group() as group:
            await group.start(self._endpoint.run)
            await self._register()
            task_status.started()
            while True:
                await self._clock.sleep(self._check_every)
                try:
                    await self._refresh_certificates()
                    await self._register()
                except (errors.StatusError, ConnectionFailed) as error:
                    log.warning("webhooks not refreshed", name=self.name, error=str(error))

    @property
    def _names(self) -> list[str]:
        if self._service is None:
            return [self._host]
        namespace, name = self._service
        return [f"{name}.{namespace}.svc", f"{name}.{namespace}", f"{name}.{namespace}.svc.cluster.local"]

    async def _refresh_certificates(self) -> None:
        while True:
            now = self._clock.now()
            kept = await self._store.load()
            made = Certificates.make(self._names, now) if kept is None else kept.renewed(self._names, now)
            if made == kept or await self._store.save(made):
                break
        if made == self._present:
            return
        if self._present is not None and made.bundle != self._present.bundle:
            # First everybody trusts the new CA, then it is used: API servers learn of it by their watches.
            await self._register(made)
            await self._clock.sleep(_HEARD_OF)
        self._present = made
        made.load_into(self._tls)
        log.info("webhook certificates loaded", name=self.name)

    async def _register(self, certificates: Certificates | None = None) -> None:
        trusted = certificates or self._present
        assert trusted is not None
        bundle = base64.b64encode(trusted.bundle).decode()
        for mutates, gvr, kind in (
            (False, VALIDATING, "ValidatingWebhookConfiguration"),
            (True, MUTATING, "MutatingWebhookConfiguration"),
        ):
            hooks = [self._webhook(hook, bundle) for hook in self._admissions if hook.mutates == mutates]
            if hooks:
                await self._apply(gvr, kind, {"webhooks": hooks}, self.name)
        for resource in self._converted:
            webhook = {
                "conversionReviewVersions": ["v1"],
                "clientConfig": self._client_config(f"/convert/{resource.name}", bundle),
            }
            definition = resource.definition(conversion={"strategy": "Webhook", "webhook": webhook})
            await self._apply(CRDS, definition["kind"], {"spec": definition["spec"]}, resource.name)

    async def _apply(self, gvr: GVR, kind: str, fields: Obj, name: str) -> None:
        head: Obj = {"apiVersion": f"{gvr.group}/{gvr.version}", "kind": kind, "metadata": {"name": name}}
        await self._client.patch(gvr, name, head | fields, type="apply", field_manager=self.name, force=True)

    def _webhook(self, hook: _Admission, bundle: str) -> Obj:
        options = dict(hook.options)
        subresource = options.pop("subresource", "")
        scope: Scope = options.pop("scope", "*")
        resource = f"{hook.gvr.resource}/{subresource}" if subresource else hook.gvr.resource
        rule = {
            "apiGroups": [hook.gvr.group],
            "apiVersions": [hook.gvr.version],
            "resources": [resource],
            "operations": list(hook.operations),
            "scope": scope,
        }
        # A name of three parts at least, and its own in the configuration.
        group = hook.gvr.group or "core.k8s.io"
        verb = "mutate" if hook.mutates else "validate"
        name = ".".join(filter(None, (verb, hook.gvr.version, hook.gvr.resource, subresource, group)))
        return {
            "name": name if name.count(".") >= 2 else f"{name}.kubepy.io",
            "clientConfig": self._client_config(hook.path, bundle),
            "rules": [rule],
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            **options,
        }

    def _client_config(self, path: str, bundle: str) -> Obj:
        if self._service is None:
            shown = f"[{self._host}]" if ":" in self._host else self._host
            return {"url": f"https://{shown}:{self.port}{path}", "caBundle": bundle}
        namespace, name = self._service
        return {"service": {"namespace": namespace, "name": name, "path": path}, "caBundle": bundle}


def _answered(make: Callable[[], bytes]) -> Reply:
    try:
        return Reply(200, make(), "application/json")
    except ValueError as error:
        return Reply(400, str(error).encode())
