"""What keeps a container from running, as the reasons that `kubectl get pods` shows."""

from __future__ import annotations


class StartError(Exception):
    """A container could not be started; `reason` is that of its waiting state."""

    reason = "RunContainerError"

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if reason is not None:
            self.reason = reason


class ContainerConfigError(StartError):
    """Something that the container's configuration refers to is missing or wrong."""

    reason = "CreateContainerConfigError"


class ImageError(StartError):
    """The image is not there; `reason` is ErrImagePull, ImagePullBackOff, ErrImageNeverPull, ..."""

    reason = "ErrImagePull"


class MountError(Exception):
    """A volume could not be set up; the message is the event's."""
