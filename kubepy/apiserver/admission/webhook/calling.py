"""One call of one webhook: the AdmissionReview, the answer checked, failures in Kubernetes' words."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from kubepy.api.resources import Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.expressions import Convert, Environment
from kubepy.apiserver.admission.request import admission_request
from kubepy.apiserver.admission.webhook.configuration import Hook
from kubepy.apiserver.cacher import ResourceCache
from kubepy.apiserver.webhooks import WebhookClient, WebhookError
from kubepy.machinery import errors
from kubepy.machinery.errors import StatusError
from kubepy.machinery.field_errors import quote
from kubepy.machinery.meta import Obj

_API_VERSION = "admission.k8s.io/v1"
_KIND = "AdmissionReview"


class CallFailed(Exception):
    """The webhook could not be asked, or its answer is none. str() is the reason."""


class Versions:
    """The objects of one write in the versions that webhooks want, as JSON; each made once."""

    def __init__(self, attributes: Attributes, convert: Convert) -> None:
        self._attributes = attributes
        self._convert = convert
        self._encoded: dict[tuple[int, Resource], orjson.Fragment] = {}

    async def obj(self, obj: Obj | None, matched: Resource) -> Obj | None:
        """An object in the version of the name under which a rule matched."""
        own = self._attributes.resource
        if obj is None or matched.gvr == own.gvr or obj.get("kind") != own.kind:
            return obj
        return await self._convert(obj, own, matched)

    async def encoded(self, obj: Obj | None, matched: Resource) -> Any:
        """The same as JSON."""
        if obj is None:
            return None
        key = id(obj), matched
        found = self._encoded.get(key)
        if found is None:
            found = self._encoded[key] = orjson.Fragment(orjson.dumps(await self.obj(obj, matched)))
        return found

    def forget(self) -> None:
        """The object has changed."""
        self._encoded.clear()


class Caller:
    """Decides whether a webhook is to be called, and calls it."""

    def __init__(self, client: WebhookClient, namespaces: ResourceCache, environment: Environment) -> None:
        self._client = client
        self._namespaces = namespaces
        self._environment = environment
        self.convert = environment.convert

    async def concerns(self, hook: Hook, attributes: Attributes, matched: Resource) -> bool:
        """Ask the hook's selectors and matchConditions. Raises 403 when those fail."""
        if not hook.constraints.selectors.match(attributes, self._namespaces):
            return False
        if hook.conditions is None:
            return True
        variables = await self._environment.variables(attributes, matched)
        return hook.conditions.match(variables, attributes)

    async def call(self, hook: Hook, attributes: Attributes, matched: Resource, versions: Versions) -> Obj:
        """The `response` of the webhook. Raises CallFailed, or 400 for a dry run it does not support."""
        if attributes.dry_run and not hook.supports_dry_run:
            raise errors.bad_request(f"admission webhook {quote(hook.name)} does not support dry run")
        if "v1" not in hook.versions:
            raise CallFailed(f"could not convert the request to any of {list(hook.versions)}")
        uid = str(uuid.uuid4())
        request = {"uid": uid, **admission_request(attributes, matched)}
        request["object"] = await versions.encoded(attributes.obj, matched)
        request["oldObject"] = await versions.encoded(attributes.old, matched)
        review = orjson.dumps({"kind": _KIND, "apiVersion": _API_VERSION, "request": request})
        try:
            answer = await self._client.call(hook.client_config, review, timeout=hook.timeout)
        except WebhookError as error:
            raise CallFailed(f"failed to call webhook: {error}") from None
        problem = _problem(answer, uid)
        if problem:
            raise CallFailed(f"received invalid webhook response: {problem}")
        response: Obj = answer["response"]
        for warning in response.get("warnings") or ():
            attributes.warn(warning)
        for key, value in (response.get("auditAnnotations") or {}).items():
            attributes.annotate(f"{hook.name}/{key}", value)
        return response


def _problem(answer: Obj, uid: str) -> str:
    found = f"{answer.get('apiVersion', '')}, Kind={answer.get('kind', '')}"
    if found != f"{_API_VERSION}, Kind={_KIND}":
        return f"expected webhook response of {_API_VERSION}, Kind={_KIND}, got {found}"
    response = answer.get("response")
    if not isinstance(response, dict):
        return "webhook response was absent"
    if response.get("uid") != uid:
        return f'expected response.uid="{uid}", got {quote(str(response.get("uid") or ""))}'
    patch, patch_type = response.get("patch"), response.get("patchType")
    if patch and not patch_type:
        return "webhook returned response.patch but not response.patchType"
    if patch_type and not patch:
        return "webhook returned response.patchType but not response.patch"
    if patch_type not in (None, "", "JSONPatch"):
        return f"webhook returned invalid response.patchType of {quote(patch_type)}"
    if not isinstance(response.get("warnings") or [], list):
        return "webhook returned warnings that are no list"
    return ""


def failed(hook: Hook, reason: CallFailed) -> StatusError:
    """The 500 of a webhook with failurePolicy Fail."""
    return errors.internal_error(f"failed calling webhook {quote(hook.name)}: {reason}")


def denied(hook: Hook, response: Obj) -> StatusError:
    """What the webhook's refusal tells the client."""
    status: Obj = {**(response.get("status") or response.get("result") or {})}
    said = status.get("message") or status.get("reason")
    start = f"admission webhook {quote(hook.name)} denied the request"
    status["message"] = f"{start}: {said}" if said else f"{start} without explanation"
    code = status.get("code")
    status["code"] = code if isinstance(code, int) and code >= 400 else 400
    status["status"] = "Failure"
    return StatusError({"kind": "Status", "apiVersion": "v1", "metadata": {}, **status})
