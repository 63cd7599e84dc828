# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl logs."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import Any, cast

import anyio

from kubepy.client import ConnectionFailed
from kubepy.kubectl import builder, pod_choice
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError, UsageError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.quantities import byte_count
from kubepy.kubectl.session import Session
from kubepy.machinery import errors, meta, timestamps
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

Stream = tuple[Obj, str]


async def run(session: Session, words: list[str]) -> int | None:
    values = session.values
    if not words and not values.text("selector"):
        raise UsageError(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command"
        )
    if words and values.text("selector"):
        raise UsageError("only a selector (-l) or a POD name is allowed")
    streams = await _streams(session, words)
    if values.on("follow") and len(streams) > values.number("max-log-requests"):
        raise CommandError(
            f"you are attempting to follow {len(streams)} log streams, but maximum allowed concurrency is "
            f"{values.number('max-log-requests')}, use --max-log-requests to increase the limit"
        )
    params = _params(session, selected=bool(values.text("selector")))
    if values.on("follow") and len(streams) > 1:
        async with anyio.create_task_group() as group:
            for stream in streams:
                group.start_soon(_copy, session, stream, params)
        return None
    for stream in streams:
        await _copy(session, stream, params)
    return None


async def _streams(session: Session, words: list[str]) -> list[Stream]:
    values = session.values
    pods: list[Obj]
    if words:
        wanted = words[1] if len(words) > 1 else values.text("container")
        if len(words) > 2:
            raise UsageError("expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'")
        try:
            found = await builder.one(session, words[:1], default="pods")
        except StatusError as error:
            # kubectl has its own sentence here.
            where = f' in namespace "{session.namespace}"' if errors.is_not_found(error) else ""
            raise CommandError(f"error from server ({error.reason}): {error.message}{where}") from None
        if found.mapping.kind == "Pod":
            pods = [found.obj]
        else:
            chosen = await pod_choice.pods_of(session, found.obj)
            pods = chosen if values.on("all-pods") else chosen[:1]
            if len(chosen) > 1 and not values.on("all-pods"):
                session.tell(f"Found {len(chosen)} pods, using pod/{meta.name(chosen[0])}")
    else:
        wanted = values.text("container")
        answer = await session.request(
            "GET", pod_choice.pods_path(session.namespace), params=builder.selectors(session)
        )
        pods = answer.get("items") or []
        if not pods:
            session.tell(f"No resources found in {session.namespace} namespace.")
    if values.on("all-containers"):
        return [(pod, container["name"]) for pod in pods for container in pod_choice.all_containers(pod)]
    streams = []
    for pod in pods:
        try:
            streams.append((pod, pod_choice.container_name(session, pod, wanted)))
        except CommandError:
            # The server's own sentence is the better one where a container was named.
            raise CommandError(f"container {wanted} is not valid for pod {meta.name(pod)}") from None
    return streams


def _params(session: Session, *, selected: bool) -> dict[str, str]:
    values = session.values
    params: dict[str, str] = {}
    for flag in ("follow", "previous", "timestamps"):
        if values.on(flag):
            params[flag] = "true"
    if values.on("insecure-skip-tls-verify-backend"):
        params["insecureSkipTLSVerifyBackend"] = "true"
    if values.text("since-time") and values.seconds("since"):
        raise CommandError("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if values.text("since-time"):
        try:
            timestamps.parse(values.text("since-time"))
        except ValueError as error:
            raise CommandError(str(error)) from None
        params["sinceTime"] = values.text("since-time")
    if values.seconds("since"):
        params["sinceSeconds"] = str(max(1, round(values.seconds("since"))))
    if values.text("limit-bytes") not in ("", "0"):
        params["limitBytes"] = str(byte_count(values.text("limit-bytes")))
    tail = values.number("tail")
    if selected and not values.given("tail"):
        tail = 10
    if tail >= 0:
        params["tailLines"] = str(tail)
    elif tail < -1:
        raise CommandError("--tail must be greater than or equal to -1")
    return params


async def _copy(session: Session, stream: Stream, params: dict[str, str]) -> None:
    pod, container = stream
    name = meta.name(pod)
    prefix = f"[pod/{name}/{container}] ".encode() if session.values.on("prefix") else b""
    path = f"{pod_choice.pods_path(meta.namespace(pod))}/{name}/log"
    out = sys.stdout.buffer
    session.out.flush()
    at_start = True
    pieces = cast(Any, session.client.stream("GET", path, params={**params, "container": container}))
    try:
        async with aclosing(pieces) as body:
            async for piece in body:
                if not prefix:
                    out.write(piece)
                else:
                    for line in piece.splitlines(keepends=True):
                        out.write(prefix + line if at_start else line)
                        at_start = line.endswith(b"\n")
                out.flush()
    except ConnectionFailed as error:
        if not session.values.on("ignore-errors"):
            raise session.located(error) from error.__cause__
        session.tell(f"error: {error}")


COMMAND = Command(
    "logs",
    "Print the logs for a container in a pod",
    "kubectl logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER] [options]",
    (
        Flag("follow", "bool", short="f", help="Specify if the logs should be streamed."),
        Flag("previous", "bool", short="p", help="If true, print the logs for the previous instance of the container in a pod if it exists."),
        Flag("container", short="c", help="Print the logs of this container"),
        Flag("all-containers", "bool", help="Get all containers' logs in the pod(s)."),
        Flag("all-pods", "bool", help="Get logs from all pod(s). Sets prefix to true."),
        Flag("timestamps", "bool", help="Include timestamps on each line in the log output"),
        Flag("tail", "int", default=-1, help="Lines of recent log file to display. Defaults to -1 with no selector, showing all log lines otherwise 10, if a selector is provided."),
        Flag("since", "duration", help="Only return logs newer than a relative duration like 5s, 2m, or 3h. Defaults to all logs."),
        Flag("since-time", help="Only return logs after a specific date (RFC3339). Defaults to all logs."),
        Flag("limit-bytes", default="0", help="Maximum bytes of logs to return. Defaults to no limit."),
        Flag("prefix", "bool", help="Prefix each log line with the log source (pod name and container name)"),
        Flag("ignore-errors", "bool", help="If watching / following pod logs, allow for any errors that occur to be non-fatal"),
        Flag("insecure-skip-tls-verify-backend", "bool", help="Skip verifying the identity of the kubelet that logs are requested from."),
        Flag("max-log-requests", "int", default=5, help="Specify maximum number of concurrent logs to follow when using by a selector. Defaults to 5."),
        Flag("pod-running-timeout", "duration", default=20.0, help="The length of time (like 5s, 2m, or 3h, higher than zero) to wait until at least one pod is running"),
        base.SELECTOR,
    ),
    run,
    examples="""
        # Return snapshot logs from pod nginx with only one container
        kubectl logs nginx

        # Begin streaming the logs of the ruby container in pod web-1
        kubectl logs -f -c ruby web-1
    """,
)  # fmt: skip
