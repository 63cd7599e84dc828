"""Which node has which image, as their status tells. Pure."""

from __future__ import annotations

from kubepy.machinery.meta import Obj


class Images:
    """Images by every name that a node knows them by."""

    def __init__(self) -> None:
        self._of_row: dict[int, dict[str, int]] = {}
        self._rows: dict[str, set[int]] = {}
        self._sizes: dict[str, int] = {}

    def put(self, row: int, node: Obj) -> None:
        """The node's status as it is now."""
        listed = (node.get("status") or {}).get("images") or ()
        images = {name: int(i.get("sizeBytes") or 0) for i in listed for name in i.get("names") or ()}
        if images == self._of_row.get(row, {}):
            return
        self.remove(row)
        self._of_row[row] = images
        for name, size in images.items():
            self._rows.setdefault(name, set()).add(row)
            self._sizes[name] = size

    def remove(self, row: int) -> None:
        for name in self._of_row.pop(row, {}):
            rows = self._rows[name]
            rows.discard(row)
            if not rows:
                del self._rows[name], self._sizes[name]

    def find(self, image: str) -> tuple[int, set[int]]:
        """Its size, and the rows of the nodes that have it."""
        name = normalized(image)
        return self._sizes.get(name, 0), self._rows.get(name, set())


def normalized(image: str) -> str:
    """The name with the tag that is meant when there is none."""
    return image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"
