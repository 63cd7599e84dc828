# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl create deployment, job, cronjob, service, ingress."""

from __future__ import annotations

import re
from typing import Any

from kubepy.kubectl import generating
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError, UsageError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery.meta import Obj


def _template(labels: dict[str, str], containers: list[Obj]) -> Obj:
    metadata: Obj = {"creationTimestamp": None}
    if labels:
        metadata["labels"] = labels
    return {"metadata": metadata, "spec": {"containers": containers}}


def _command(session: Session, words: list[str]) -> tuple[str, list[str]]:
    """NAME, and the command after `--`."""
    before = len(words) if session.dash is None else session.dash
    return generating.exactly_one_name(words[:before]), words[before:]


async def _deployment(session: Session, words: list[str]) -> None:
    name, command = _command(session, words)
    values = session.values
    images = values.many("image")
    if not images:
        raise UsageError('required flag(s) "image" not set')
    if len(images) > 1 and command:
        raise CommandError("cannot specify multiple --image options and command")
    containers: list[Obj] = []
    for image in images:
        # The last part of the image's name, without tag and digest.
        container = re.split(r"[:@]", image.rsplit("/", 1)[-1])[0]
        containers.append({"image": image, "name": container, "resources": {}})
    if len(containers) > 1:
        from kubepy.machinery.names import generate_name

        for container_obj in containers:
            container_obj["name"] = generate_name(container_obj["name"] + "-")
    if command:
        containers[0]["command"] = command
    if values.number("port") >= 0:
        for container_obj in containers:
            container_obj["ports"] = [{"containerPort": values.number("port")}]
    labels = {"app": name}
    spec: Obj = {
        "replicas": values.number("replicas"),
        "selector": {"matchLabels": labels},
        "strategy": {},
        "template": _template(labels, containers),
    }
    obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": generating.metadata(name, labels=labels),
        "spec": spec,
        "status": {},
    }
    await generating.create(session, obj, "deployments")


def _job_spec(session: Session, name: str, command: list[str]) -> Obj:
    container: Obj = {"image": session.values.text("image"), "name": name, "resources": {}}
    if command:
        container["command"] = command
    template = _template({}, [container])
    template["spec"]["restartPolicy"] = "Never"
    return {"template": template}


async def _job(session: Session, words: list[str]) -> None:
    name, command = _command(session, words)
    values = session.values
    if bool(values.text("image")) == bool(values.text("from")):
        raise CommandError("either --image or --from must be specified")
    metadata = generating.metadata(name)
    if values.text("from"):
        kind, _, cron = values.text("from").partition("/")
        if kind not in ("cronjob", "cronjobs", "cj", "cronjob.batch", "cronjobs.batch") or not cron:
            raise CommandError("from must be an existing cronjob")
        source = await session.request(
            "GET", f"/apis/batch/v1/namespaces/{session.namespace}/cronjobs/{cron}"
        )
        template = source["spec"]["jobTemplate"]
        inherited = template.get("metadata") or {}
        annotations = {"cronjob.kubernetes.io/instantiate": "manual", **(inherited.get("annotations") or {})}
        owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": cron, "uid": source["metadata"]["uid"], "controller": True}  # fmt: skip
        metadata |= {"annotations": annotations, "ownerReferences": [owner]}
        if inherited.get("labels"):
            metadata["labels"] = inherited["labels"]
        spec = template["spec"]
    else:
        spec = _job_spec(session, name, command)
    obj = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec, "status": {}}
    await generating.create(session, obj, "jobs")


async def _cronjob(session: Session, words: list[str]) -> None:
    name, command = _command(session, words)
    values = session.values
    if not values.text("image"):
        raise CommandError("--image must be specified")
    if not values.text("schedule"):
        raise CommandError("--schedule must be specified")
    job = _job_spec(session, name, command)
    job["template"]["spec"]["restartPolicy"] = values.text("restart") or "OnFailure"
    spec = {
        "schedule": values.text("schedule"),
        "jobTemplate": {"metadata": generating.metadata(name), "spec": job},
    }
    obj = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": generating.metadata(name),
        "spec": spec,
        "status": {},
    }
    await generating.create(session, obj, "cronjobs")


def _ports(session: Session) -> list[Obj]:
    ports: list[Obj] = []
    node_port = session.values.number("node-port") if session.values.has("node-port") else 0
    for text in session.values.many("tcp"):
        port, colon, target = text.partition(":")
        if not port.isdigit():
            raise CommandError(f'strconv.ParseInt: parsing "{port}": invalid syntax')
        found: Any = int(target) if target.isdigit() else target
        entry: Obj = {"name": text.replace(":", "-"), "port": int(port), "protocol": "TCP"}
        entry["targetPort"] = found if colon else int(port)
        if node_port:
            entry["nodePort"] = node_port
        ports.append(entry)
    return ports


async def _service(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    values = session.values
    kind = {
        "clusterip": "ClusterIP",
        "nodeport": "NodePort",
        "loadbalancer": "LoadBalancer",
        "externalname": "ExternalName",
    }[session.command.split()[-1]]
    labels = {"app": name}
    ports = _ports(session)
    spec: Obj = {"selector": labels, "type": kind}
    if ports:
        spec["ports"] = ports
    if kind == "ClusterIP" and values.text("clusterip"):
        spec["clusterIP"] = values.text("clusterip")
    if kind == "ExternalName":
        if not values.text("external-name"):
            raise UsageError('required flag(s) "external-name" not set')
        spec["externalName"] = values.text("external-name")
    elif not ports and values.text("clusterip") != "None":
        raise CommandError("at least one tcp port specifier must be provided")
    obj = {"apiVersion": "v1", "kind": "Service", "metadata": generating.metadata(name, labels=labels), "spec": spec, "status": {"loadBalancer": {}}}  # fmt: skip
    await generating.create(session, obj, "services")


async def _ingress(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    values = session.values
    if not values.many("rule") and not values.text("default-backend"):
        raise CommandError(
            "not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)"
        )
    spec: Obj = {}
    if values.text("class"):
        spec["ingressClassName"] = values.text("class")
    if values.text("default-backend"):
        spec["defaultBackend"] = _backend(values.text("default-backend"))
    hosts: dict[str, list[Obj]] = {}
    tls: list[Obj] = []
    for rule in values.many("rule"):
        match = re.fullmatch(r"([^/]*)(/[^=]*)=([^:,]+):([^,]+)(?:,tls(?:=([^,]+))?)?", rule)
        if match is None:
            raise CommandError(
                f"rule {rule} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
            )
        host, path, service, port, secret = match.groups()
        path_type = "Prefix" if path.endswith("*") else "Exact"
        entry = {
            "path": path.removesuffix("*") or "/",
            "pathType": path_type,
            "backend": _backend(f"{service}:{port}"),
        }
        hosts.setdefault(host, []).append(entry)
        if ",tls" in rule:
            tls.append(({"hosts": [host]} if host else {}) | ({"secretName": secret} if secret else {}))
    if hosts:
        spec["rules"] = [
            ({"host": host} if host else {}) | {"http": {"paths": paths}} for host, paths in hosts.items()
        ]
    if tls:
        spec["tls"] = tls
    metadata = generating.metadata(name)
    if values.many("annotation"):
        metadata["annotations"] = dict(generating.pairs(values.many("annotation"), "annotation"))
    obj = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": spec,
        "status": {"loadBalancer": {}},
    }
    await generating.create(session, obj, "ingresses")


def _backend(text: str) -> Obj:
    service, _, port = text.partition(":")
    number: Obj = {"number": int(port)} if port.isdigit() else {"name": port}
    return {"service": {"name": service, "port": number}}


def _make(name: str, summary: str, run: Any, *flags: Flag, aliases: tuple[str, ...] = ()) -> Command:
    return Command(name, summary, "", (*generating.FLAGS, *flags), run, aliases=aliases)


_TCP = Flag("tcp", "list", help="Port pairs can be specified as '<port>:<targetPort>'.")
_SERVICES = {
    "clusterip": _make("clusterip", "Create a ClusterIP service", _service, _TCP, Flag("clusterip", help="Assign your own ClusterIP or set to 'None' for a 'headless' service (no loadbalancing).")),
    "externalname": _make("externalname", "Create an ExternalName service", _service, _TCP, Flag("clusterip"), Flag("external-name", help="External name of service")),
    "loadbalancer": _make("loadbalancer", "Create a LoadBalancer service", _service, _TCP, Flag("clusterip")),
    "nodeport": _make("nodeport", "Create a NodePort service", _service, _TCP, Flag("clusterip"), Flag("node-port", "int", help="Port used to expose the service on each node in a cluster.")),
}  # fmt: skip
_IMAGE = Flag("image", help="Image name to run.")

COMMANDS = {
    "deployment": _make("deployment", "Create a deployment with the specified name", _deployment, Flag("image", "list", help="Image names to run. A deployment can have multiple images set for multi-container pod."), Flag("port", "int", default=-1, help="The containerPort that this deployment exposes."), Flag("replicas", "int", default=1, short="r", help="Number of replicas to create. Default is 1."), aliases=("deploy",)),
    "job": _make("job", "Create a job with the specified name", _job, _IMAGE, Flag("from", help="The name of the resource to create a Job from (only cronjob is supported).")),
    "cronjob": _make("cronjob", "Create a cron job with the specified name", _cronjob, _IMAGE, Flag("schedule", help="A schedule in the Cron format the job should be run with."), Flag("restart", help="job's restart policy. supported values: OnFailure, Never"), aliases=("cj",)),
    "service": Command("service", "Create a service using a specified subcommand", subcommands=_SERVICES, aliases=("svc",)),
    "ingress": _make("ingress", "Create an ingress with the specified name", _ingress, Flag("rule", "array", help="Rule in format host/path=service:port[,tls=secretname]. Paths containing the leading character '*' are considered pathType=Prefix."), Flag("class", help="Ingress Class to be used"), Flag("default-backend", help="Default service for backend, in format of svcname:port"), Flag("annotation", "array", help="Annotation to insert in the ingress object, in the format annotation=value"), aliases=("ing",)),
}  # fmt: skip
