"""Containers of a pod or a pod template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubepy.kubectl.describers.writing import Writer, bool_text, time
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import canonical


def describe(
    out: Writer,
    title: str,
    containers: Sequence[Obj],
    statuses: Sequence[Obj],
    *,
    level: int,
    pod: Obj | None = None,
) -> None:
    """`Containers:` and each of them; the statuses' part only where there are statuses."""
    indent = "  " * level if level < 1 else "  "
    inner = indent + ("  " if level < 1 else " ")
    out.raw(f"{indent if level else ''}{title}:\n" if containers else f"{title}: <none>\n")
    by_name = {status["name"]: status for status in statuses}
    for container in containers:
        status = by_name.get(container["name"])
        out.raw(f"{inner}{container['name']}:\n")
        part = _Container(out, level, container, status, pod)
        part.basics()
        part.command()
        if status is not None:
            part.state()
        part.resources()
        part.probes()
        part.environment_from()
        part.environment()
        part.mounts()


class _Container:
    def __init__(self, out: Writer, level: int, container: Obj, status: Obj | None, pod: Obj | None) -> None:
        self._out = out
        self._container = container
        self._status = status
        self._pod = pod

    def _line(self, text: str) -> None:
        self._out.raw(f"    {text}\n")

    def basics(self) -> None:
        if self._status is not None:
            self._line(f"Container ID:\t{self._status.get('containerID') or ''}")
        self._line(f"Image:\t{self._container.get('image') or ''}")
        if self._status is not None:
            self._line(f"Image ID:\t{self._status.get('imageID') or ''}")
        ports = self._container.get("ports") or []
        plural = "s" if len(ports) > 1 else ""
        inside = ", ".join(f"{p['containerPort']}/{p.get('protocol', 'TCP')}" for p in ports) or "<none>"
        outside = ", ".join(f"{p.get('hostPort', 0)}/{p.get('protocol', 'TCP')}" for p in ports) or "<none>"
        self._line(f"Port{plural}:\t{inside}")
        self._line(f"Host Port{plural}:\t{outside}")
        profile: Obj = (self._container.get("securityContext") or {}).get("seccompProfile") or {}
        if profile:
            self._line(f"SeccompProfile:\t{profile.get('type')}")
            if profile.get("type") == "Localhost":
                self._line(f"LocalhostProfile:\t{profile.get('localhostProfile')}")

    def command(self) -> None:
        for title, field in (("Command", "command"), ("Args", "args")):
            words = self._container.get(field) or []
            if words:
                self._line(f"{title}:")
                for word in words:
                    for part in str(word).split("\n"):
                        self._line(f"  {part}")

    def state(self) -> None:
        assert self._status is not None
        self._state("State", self._status.get("state") or {})
        if self._status.get("lastState"):
            self._state("Last State", self._status["lastState"])
        self._line(f"Ready:\t{bool_text(self._status.get('ready')).capitalize()}")
        self._line(f"Restart Count:\t{self._status.get('restartCount') or 0}")

    def _state(self, title: str, state: Obj) -> None:
        if "running" in state:
            self._line(f"{title}:\tRunning")
            self._line(f"  Started:\t{time((state['running'] or {}).get('startedAt'))}")
        elif "terminated" in state:
            ended: Obj = state["terminated"] or {}
            self._line(f"{title}:\tTerminated")
            if ended.get("reason"):
                self._line(f"  Reason:\t{ended['reason']}")
            if ended.get("message"):
                self._line(f"  Message:\t{ended['message']}")
            self._line(f"  Exit Code:\t{ended.get('exitCode') or 0}")
            if ended.get("signal"):
                self._line(f"  Signal:\t{ended['signal']}")
            self._line(f"  Started:\t{time(ended.get('startedAt')) or _ZERO}")
            self._line(f"  Finished:\t{time(ended.get('finishedAt')) or _ZERO}")
        else:
            self._line(f"{title}:\tWaiting")
            reason = (state.get("waiting") or {}).get("reason")
            if reason:
                self._line(f"  Reason:\t{reason}")

    def resources(self) -> None:
        resources: Obj = self._container.get("resources") or {}
        for title, field in (("Limits", "limits"), ("Requests", "requests")):
            quantities: Mapping[str, Any] = resources.get(field) or {}
            if quantities:
                self._line(f"{title}:")
                for name in sorted(quantities):
                    self._line(f"  {name}:\t{canonical(quantities[name])}")

    def probes(self) -> None:
        for title, field in (
            ("Liveness", "livenessProbe"),
            ("Readiness", "readinessProbe"),
            ("Startup", "startupProbe"),
        ):
            if self._container.get(field):
                self._line(f"{title}:\t{probe(self._container[field])}")

    def environment_from(self) -> None:
        sources = self._container.get("envFrom") or []
        if not sources:
            return
        self._line("Environment Variables from:")
        for source in sources:
            kind = "ConfigMap" if "configMapRef" in source else "Secret"
            reference: Obj = source.get("configMapRef") or source.get("secretRef") or {}
            prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
            optional = bool_text(reference.get("optional"))
            self._line(f"  {reference.get('name')}\t{kind}{prefix}\tOptional: {optional}")

    def environment(self) -> None:
        variables = self._container.get("env") or []
        if not variables:
            self._line("Environment:\t<none>")
            return
        self._line("Environment:")
        for variable in variables:
            source = variable.get("valueFrom")
            if not source:
                first, *rest = str(variable.get("value") or "").split("\n")
                self._line(f"  {variable['name']}:\t{first}")
                for part in rest:
                    self._line(f"  \t{part}")
            else:
                self._line(f"  {variable['name']}:\t{self._from(source)}")

    def _from(self, source: Obj) -> str:
        if field := source.get("fieldRef"):
            value = self._field_value(field["fieldPath"])
            return f"{value} ({field.get('apiVersion', 'v1')}:{field['fieldPath']})"
        if resource := source.get("resourceFieldRef"):
            return f"{self._resource_value(resource)} ({resource['resource']})"
        for field_name, where in (("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")):
            if key := source.get(field_name):
                optional = bool_text(key.get("optional"))
                return f"<set to the key '{key['key']}' {where} '{key['name']}'>  Optional: {optional}"
        return ""

    def _field_value(self, path: str) -> str:
        if self._pod is None:
            return ""
        from kubepy.machinery.jsonpath import JSONPath, JSONPathError

        if path in ("metadata.labels", "metadata.annotations") or "[" in path:
            return ""
        try:
            return JSONPath(f"{{.{path}}}").render(self._pod)
        except JSONPathError:
            return ""

    def _resource_value(self, reference: Obj) -> str:
        from kubepy.machinery.quantity import Quantity

        kind, _, name = reference["resource"].partition(".")
        quantities: Obj = (self._container.get("resources") or {}).get(kind) or {}
        if name not in quantities:
            return "node allocatable" if kind == "limits" else "0"
        divisor = Quantity.parse(reference.get("divisor") or "1")
        if not divisor:
            divisor = Quantity.parse("1")
        value = Quantity.parse(quantities[name])
        return str(-(-value.milli_value() // max(divisor.milli_value(), 1)))

    def mounts(self) -> None:
        found = self._container.get("volumeMounts") or []
        if not found:
            self._line("Mounts:\t<none>")
        else:
            self._line("Mounts:")
            for mount in sorted(found, key=lambda mount: mount["mountPath"]):
                flags = ["ro" if mount.get("readOnly") else "rw"]
                if mount.get("subPath"):
                    flags.append(f'path="{mount["subPath"]}"')
                self._line(f"  {mount['mountPath']} from {mount['name']} ({','.join(flags)})")
        devices = self._container.get("volumeDevices") or []
        if devices:
            self._line("Devices:")
            for device in sorted(devices, key=lambda device: device["devicePath"]):
                self._line(f"  {device['devicePath']} from {device['name']}")


_ZERO = "Mon, 01 Jan 0001 00:00:00 +0000"


def probe(found: Obj) -> str:
    """`http-get http://:80/ delay=0s timeout=1s period=10s #success=1 #failure=3`."""
    numbers = (
        f"delay={found.get('initialDelaySeconds', 0)}s timeout={found.get('timeoutSeconds', 1)}s "
        f"period={found.get('periodSeconds', 10)}s #success={found.get('successThreshold', 1)} "
        f"#failure={found.get('failureThreshold', 3)}"
    )
    if "exec" in found:
        return f"exec [{' '.join((found['exec'] or {}).get('command') or [])}] {numbers}"
    if "httpGet" in found:
        get: Obj = found["httpGet"]
        path = str(get.get("path") or "")
        slash = "" if path.startswith("/") or not path else "/"
        scheme = str(get.get("scheme") or "HTTP").lower()
        url = f"{scheme}://{get.get('host') or ''}:{get.get('port')}{slash}{path}"
        return f"http-get {url} {numbers}"
    if "tcpSocket" in found:
        return f"tcp-socket {found['tcpSocket'].get('host') or ''}:{found['tcpSocket'].get('port')} {numbers}"
    if "grpc" in found:
        return f"grpc <pod>:{found['grpc'].get('port')} {found['grpc'].get('service') or ''} {numbers}"
    return f"unknown {numbers}"
