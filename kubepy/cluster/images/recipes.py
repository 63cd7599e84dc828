"""What goes into the images that kubepy builds itself.

pause    a static C program, compiled here
busybox  Debian's busybox-static with its applets as links
kubepy   this program: interpreter, standard library, dependencies and the package, a layer each
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import kubepy
from kubepy.cluster.images.oci import Entry, Image, ImageLayout

PAUSE = "localhost/pause:1"
KUBEPY = f"localhost/kubepy:{kubepy.__version__}"
BUSYBOX = ("docker.io/library/busybox:latest", "docker.io/library/busybox:1")
DISTRIBUTION = "kubepy-k8s"
LIBRARY = "opt/kubepy/lib"

STDLIB_LEFT_OUT = frozenset(
    (
        "test",
        "tests",
        "idlelib",
        "tkinter",
        "turtledemo",
        "ensurepip",
        "lib2to3",
        "site-packages",
        "dist-packages",
    )
)
LINKED_LIBRARY = re.compile(r"(?:=>\s+)?(/\S+)\s+\(0x")


class BuildError(RuntimeError):
    """An image cannot be built here; the message says what is missing."""


def build_all(layout: ImageLayout) -> list[str]:
    """Build every image into ``layout``; returns the references that changed."""
    before = layout.references()
    with tempfile.TemporaryDirectory(prefix="kubepy-images-") as scratch:
        for recipe in (pause(Path(scratch)), busybox(), itself()):
            layout.add(recipe)
    layout.prune()
    after = layout.references()
    return [r for r, d in after.items() if before.get(r, {}).get("digest") != d["digest"]]


def pause(scratch: Path) -> Image:
    """The sandbox image: one static binary."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BuildError("no C compiler for the pause image: apt-get install gcc libc6-dev")
    binary = scratch / "pause"
    source = Path(__file__).with_name("pause.c")
    done = subprocess.run(
        [compiler, "-Os", "-static", "-s", "-o", str(binary), str(source)], capture_output=True, text=True
    )
    if done.returncode:
        raise BuildError(f"the pause image does not compile: {done.stderr.strip()}")
    return Image((PAUSE,), ((Entry("pause", source=binary),),), entrypoint=("/pause",), user="65535:65535")


def busybox() -> Image:
    """The busybox of this machine, its applets, and the folders that programs expect."""
    found = shutil.which("busybox")
    if found is None:
        raise BuildError("no busybox on this machine: apt-get install busybox-static")
    binary = Path(found).resolve()
    if b"/ld-linux" in binary.read_bytes():
        raise BuildError(f"{binary} is not static: apt-get install busybox-static")
    applets = subprocess.run([binary, "--list"], capture_output=True, text=True, check=True)
    names = sorted({name for name in applets.stdout.split() if name not in ("busybox", "linuxrc")})
    entries = [Entry("bin/busybox", source=binary)]
    entries += [Entry(f"bin/{name}", link="/bin/busybox") for name in names]
    entries += _base_folders()
    return Image(BUSYBOX, (tuple(entries),), command=("sh",))


def itself() -> Image:
    """kubepy in an image: ``docker run localhost/kubepy COMMAND``."""
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    stdlib = Path(sysconfig.get_path("stdlib"))
    base = {entry.path: entry for entry in _interpreter(interpreter, stdlib)}
    dependencies = {entry.path: entry for entry in _dependencies()}
    linked = _linked_libraries([e.source for e in (*base.values(), *dependencies.values()) if e.source])
    for path in linked:
        base.setdefault(str(path).lstrip("/"), Entry(str(path), source=path))
    base |= {entry.path: entry for entry in _base_folders()}
    base["root"] = Entry("root")  # the interpreter may live below it, and not only root runs it
    package = Path(kubepy.__file__).parent
    own = [Entry(f"{LIBRARY}/kubepy/{p.relative_to(package)}", source=p) for p in _files(package)]
    return Image(
        references=(KUBEPY, "localhost/kubepy:latest"),
        layers=(tuple(base.values()), tuple(dependencies.values()), tuple(own)),
        entrypoint=(str(interpreter), "-m", "kubepy"),
        environment=(
            "PATH=/usr/local/bin:/usr/bin:/bin",
            f"PYTHONPATH=/{LIBRARY}",
            f"PYTHONHOME={sys.base_prefix}",
            "PYTHONDONTWRITEBYTECODE=1",
        ),
    )


def _base_folders() -> list[Entry]:
    users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
    groups = b"root:x:0:\nnogroup:x:65534:\n"
    return [
        Entry("etc/passwd", content=users, mode=0o644),
        Entry("etc/group", content=groups, mode=0o644),
        Entry("root", mode=0o700),
        Entry("tmp", mode=0o1777),
        Entry("var/run"),
    ]


def _interpreter(interpreter: Path, stdlib: Path) -> Iterator[Entry]:
    yield Entry(str(interpreter).lstrip("/"), source=interpreter)
    for path in _files(stdlib):
        if not STDLIB_LEFT_OUT.intersection(path.relative_to(stdlib).parts) and path.suffix != ".a":
            yield Entry(str(path).lstrip("/"), source=path)


def _dependencies() -> Iterator[Entry]:
    for distribution in _closure(DISTRIBUTION):
        for file in importlib.metadata.files(distribution) or ():
            path = Path(str(file.locate()))
            if file.parts[0] in ("..", "bin") or "__pycache__" in file.parts or not path.is_file():
                continue
            if distribution == "kubernetes-validate" and _other_schema(path):
                continue
            yield Entry(f"{LIBRARY}/{file}", source=path)


def _other_schema(path: Path) -> bool:
    """kubernetes-validate carries every version (108 MB); the served one is enough."""
    served = kubepy.KUBERNETES_VERSION
    return "kubernetes-json-schema" in path.parts and not (
        f"{served}-local" in path.parts and path.name == "_definitions.json"
    )


def _closure(root: str) -> list[str]:
    """The distributions that ``root`` needs without its extras, itself left out."""
    seen: dict[str, None] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        for requirement in importlib.metadata.requires(name) or ():
            specifier, _, marker = requirement.partition(";")
            match = re.match(r"[A-Za-z0-9._-]+", specifier)
            if match is None or "extra" in marker:
                continue
            needed = re.sub(r"[-_.]+", "-", match[0]).lower()
            if needed not in seen and _installed(needed):
                seen[needed] = None
                waiting.append(needed)
    return sorted(seen)


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False  # behind a marker for another platform
    return True


def _linked_libraries(binaries: list[Path]) -> list[Path]:
    """The shared libraries, the loader among them, that these programs and modules need."""
    objects = [str(b) for b in binaries if ".so" in b.name or not b.suffix or b.name.startswith("python")]
    elves = [o for o in objects if Path(o).read_bytes()[:4] == b"\x7fELF"]
    listed = subprocess.run(["ldd", *elves], capture_output=True, text=True).stdout
    return sorted({Path(found) for found in LINKED_LIBRARY.findall(listed)})


def _files(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if "__pycache__" not in path.parts and path.is_file():
            yield path
