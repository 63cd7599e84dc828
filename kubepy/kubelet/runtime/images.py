"""Having a container's image on the node, by its pull policy."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from kubepy.api.defaults.pods import image_tag
from kubepy.client import EventRecorder
from kubepy.cri import CRIError, Image, ImageService
from kubepy.cri.api import messages as m
from kubepy.kubelet.errors import ImageError
from kubepy.kubelet.runtime.backoff import ItemBackoff
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

DOCKER_HUB = "docker.io"


class ImageManager:
    """Pulls what is not there, backs off from what cannot be pulled."""

    def __init__(self, images: ImageService, recorder: EventRecorder, clock: Clock) -> None:
        self._images = images
        self._recorder = recorder
        self._clock = clock
        self.backoff = ItemBackoff()
        self._errors: dict[str, str] = {}

    async def ensure(
        self, pod: Obj, container: Obj, secrets: Sequence[Obj], sandbox_config: Any, field_path: str
    ) -> Image:
        """The container's image; raises ImageError with the waiting state's reason and message."""
        reference, policy = container.get("image") or "", container.get("imagePullPolicy") or "IfNotPresent"
        wanted = with_tag(reference)

        def event(type: str, reason: str, message: str) -> None:
            self._recorder.event(pod, type, reason, message, field_path=field_path)

        present = await self._status(wanted, reference)
        if policy == "Never" and present is None:
            message = f'Container image "{reference}" is not present with pull policy of Never'
            event("Warning", "ErrImageNeverPull", message)
            raise ImageError(message, "ErrImageNeverPull")
        if present is not None and policy != "Always":
            message = (
                f'Container image "{reference}" already present on machine and can be accessed by the pod'
            )
            event("Normal", "Pulled", message)
            return present
        key = f"{meta.uid(pod)}_{reference}"
        if self.backoff.remaining(key, self._clock.monotonic()):
            event("Normal", "BackOff", f'Back-off pulling image "{reference}"')
            cause = f": ErrImagePull: {self._errors[key]}" if key in self._errors else ""
            raise ImageError(f'Back-off pulling image "{reference}"{cause}', "ImagePullBackOff")
        event("Normal", "Pulling", f'Pulling image "{reference}"')
        started = self._clock.monotonic()
        try:
            await self._pull(wanted, secrets, sandbox_config)
        except CRIError as error:
            self.backoff.next(key, self._clock.monotonic())
            self._errors[key] = str(error)
            event("Warning", "Failed", f'Failed to pull image "{reference}": {error}')
            raise ImageError(str(error), "ErrImagePull") from error
        self.backoff.reset(key)
        self._errors.pop(key, None)
        pulled = await self._status(wanted, reference)
        if pulled is None:
            raise ImageError(f'image "{reference}" is not there after it was pulled', "ErrImagePull")
        took = _milliseconds(self._clock.monotonic() - started)
        event(
            "Normal",
            "Pulled",
            f'Successfully pulled image "{reference}" in {took} ({took} including waiting). '
            f"Image size: {pulled.size} bytes.",
        )
        return pulled

    def remaining(self, pod: Obj, container: Obj) -> float:
        """Seconds until the image may be pulled again."""
        key = f"{meta.uid(pod)}_{container.get('image') or ''}"
        return self.backoff.remaining(key, self._clock.monotonic())

    async def _pull(self, reference: str, secrets: Sequence[Obj], sandbox_config: Any) -> None:
        credentials = find_credentials(reference, secrets) or [None]
        failure: CRIError | None = None
        for auth in credentials:
            try:
                await self._images.pull_image(reference, auth, sandbox_config)
            except CRIError as error:
                failure = error
            else:
                return
        assert failure is not None
        raise failure

    async def _status(self, wanted: str, reference: str) -> Image | None:
        try:
            return await self._images.image_status(wanted)
        except CRIError as error:
            message = f'Failed to inspect image "{reference}": {error}'
            raise ImageError(message, "ImageInspectError") from error


def with_tag(reference: str) -> str:
    """The reference with the tag it implies."""
    name, _, digest = reference.partition("@")
    if digest or ":" in name.rpartition("/")[2]:
        return reference
    return f"{reference}:{image_tag(reference)}"


def registry_of(reference: str) -> str:
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DOCKER_HUB


def find_credentials(reference: str, secrets: Sequence[Obj]) -> list[Any]:
    """CRI AuthConfigs for the image's registry from image pull secrets."""
    registry, found = registry_of(reference), []
    for secret in secrets:
        for host, entry in _docker_config(secret).items():
            server = host.removeprefix("https://").removeprefix("http://").partition("/")[0]
            if server == "index.docker.io":
                server = DOCKER_HUB
            if server != registry:
                continue
            user, password = entry.get("username"), entry.get("password")
            if entry.get("auth"):
                user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
            found.append(m.AuthConfig(username=user or "", password=password or "", server_address=host))
    return found


def _docker_config(secret: Obj) -> dict[str, Obj]:
    data = secret.get("data") or {}
    try:
        if ".dockerconfigjson" in data:
            return dict(json.loads(base64.b64decode(data[".dockerconfigjson"])).get("auths") or {})
        if ".dockercfg" in data:
            return dict(json.loads(base64.b64decode(data[".dockercfg"])))
    except (ValueError, AttributeError):
        return {}  # a secret that is none of these helps with no registry
    return {}


def _milliseconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:.3g}s" if minutes else f"{rest:.4g}s"
