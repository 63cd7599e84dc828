"""What the name of an image says about when to pull it."""

from __future__ import annotations

_DEFAULT_TAG = "latest"


def image_tag(image: str) -> str:
    """Return the tag an image reference has or implies ("" when it has only a digest)."""
    name, at, _ = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    if colon:
        return tag
    return "" if at else _DEFAULT_TAG


def pull_policy(image: str) -> str:
    """Return the policy of an image for which none was given."""
    return "Always" if image_tag(image) == _DEFAULT_TAG else "IfNotPresent"
