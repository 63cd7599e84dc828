"""kubectl attach."""

from __future__ import annotations

from kubepy.kubectl import pod_choice, remote, terminal
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError, ExitCode, UsageError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj


async def run(session: Session, words: list[str]) -> int | None:
    if not words:
        raise UsageError("at least 1 argument is required for attach")
    if len(words) > 2:
        raise UsageError(
            f"expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {len(words)}: {words}"
        )
    pod = await pod_choice.pod(session, "/".join(words))
    phase = (pod.get("status") or {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise CommandError(f"cannot attach a container in a completed pod; current phase is {phase}")
    code = await attach(session, pod, session.values.text("container"))
    if code:
        raise ExitCode(code)
    return None


async def attach(session: Session, pod: Obj, wanted: str) -> int:
    """Attach to a container of a running pod; the exit code of its process."""
    values = session.values
    container = pod_choice.container_name(session, pod, wanted, tell=not values.on("quiet"))
    spec = next(entry for entry in pod_choice.all_containers(pod) if entry["name"] == container)
    tty = values.on("tty")
    if tty and not spec.get("tty"):
        session.tell(f"error: Unable to use a TTY - container {container} did not allocate one")
        tty = False
    if tty and not terminal.is_terminal():
        tty = False
    if not values.on("quiet") and values.on("stdin"):
        session.tell("If you don't see a command prompt, try pressing enter.")
    streams = remote.Streams(stdin=values.on("stdin"), tty=tty)
    path = f"{pod_choice.pods_path(meta.namespace(pod))}/{meta.name(pod)}/attach"
    return await remote.run(session, path, [("container", container)], streams)


COMMAND = Command(
    "attach",
    "Attach to a running container",
    "kubectl attach (POD | TYPE/NAME) [-c CONTAINER] [options]",
    (
        Flag("container", short="c", help="Container name. If omitted, use the default container."),
        Flag("stdin", "bool", short="i", help="Pass stdin to the container"),
        Flag("tty", "bool", short="t", help="Stdin is a TTY"),
        Flag("quiet", "bool", short="q", help="Only print output from the remote session"),
    ),
    run,
)
