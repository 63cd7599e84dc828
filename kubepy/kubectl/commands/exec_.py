"""kubectl exec."""

from __future__ import annotations

from kubepy.kubectl import pod_choice, remote, terminal
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError, ExitCode
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery import meta


async def run(session: Session, words: list[str]) -> int | None:
    values = session.values
    before = len(words) if session.dash is None else session.dash
    if session.dash is None and len(words) > 1:
        raise CommandError(
            "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\n"
            "See 'kubectl exec -h' for help and examples"
        )
    if before == 0:
        raise CommandError("pod, type/name or --filename must be specified")
    command = words[before:]
    if not command:
        raise CommandError("you must specify at least one command for the container")
    pod = await pod_choice.pod(session, words[0])
    phase = (pod.get("status") or {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise CommandError(f"cannot exec into a container in a completed pod; current phase is {phase}")
    container = pod_choice.container_name(session, pod, values.text("container"), tell=not values.on("quiet"))
    tty = values.on("tty")
    if tty and values.on("stdin") and not terminal.is_terminal():
        session.tell("Unable to use a TTY - input is not a terminal or the right kind of file")
        tty = False
    elif tty and not values.on("stdin"):
        tty = False
    streams = remote.Streams(stdin=values.on("stdin"), tty=tty)
    path = f"{pod_choice.pods_path(meta.namespace(pod))}/{meta.name(pod)}/exec"
    params = [("command", word) for word in command] + [("container", container)]
    code = await remote.run(session, path, params, streams)
    if code:
        session.tell(f"command terminated with exit code {code}")
        raise ExitCode(code)
    return None


COMMAND = Command(
    "exec",
    "Execute a command in a container",
    "kubectl exec (POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...] [options]",
    (
        Flag("container", short="c", help="Container name. If omitted, use the default container."),
        Flag("stdin", "bool", short="i", help="Pass stdin to the container"),
        Flag("tty", "bool", short="t", help="Stdin is a TTY"),
        Flag("quiet", "bool", short="q", help="Only print output from the remote session"),
        Flag(
            "pod-running-timeout",
            "duration",
            default=60.0,
            help="The length of time to wait until at least one pod is running",
        ),
    ),
    run,
    examples="""
        # Get output from running the 'date' command from pod mypod, using the first container by default
        kubectl exec mypod -- date

        # Switch to raw terminal mode; sends stdin to 'bash' in ruby-container from pod mypod
        kubectl exec mypod -c ruby-container -i -t -- bash -il
    """,
)
