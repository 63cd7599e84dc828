"""Names: a pod's resolv.conf, host name and /etc/hosts. Pure but for reading the node's resolv.conf."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

MAX_SEARCHES = 32
MAX_NAMESERVERS = 3
HOST_NAME_MAX = 63
_HOSTS_HEAD = (
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
)


@dataclass(frozen=True)
class ResolvConf:
    """What a resolv.conf says."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClusterDNS:
    """How pods of this node resolve names."""

    servers: Sequence[str] = ()
    domain: str = "cluster.local"
    resolv_conf: Path = field(default=Path("/etc/resolv.conf"))

    def for_pod(self, pod: Obj) -> ResolvConf:
        """The pod's resolv.conf, by its dnsPolicy and dnsConfig."""
        spec = pod.get("spec") or {}
        policy = spec.get("dnsPolicy") or "ClusterFirst"
        on_host = bool(spec.get("hostNetwork"))
        if policy == "None":
            base = ResolvConf()
        elif self.servers and (
            policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not on_host)
        ):
            base = self._cluster_first(meta.namespace(pod))
        else:
            base = self._host()
        return _merge(base, spec.get("dnsConfig") or {})

    def _cluster_first(self, namespace: str) -> ResolvConf:
        domain = self.domain
        searches = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain) if domain else ()
        return ResolvConf(tuple(self.servers), (*searches, *self._host().searches), ("ndots:5",))

    def _host(self) -> ResolvConf:
        if not self.resolv_conf.is_file():
            return ResolvConf()
        return parse_resolv_conf(self.resolv_conf.read_text(errors="replace"))

    def search_domain(self, pod: Obj) -> str:
        """The domain of a pod with a subdomain ("" without)."""
        subdomain = (pod.get("spec") or {}).get("subdomain")
        if not subdomain or not self.domain:
            return ""
        return f"{subdomain}.{meta.namespace(pod)}.svc.{self.domain}"


def parse_resolv_conf(text: str) -> ResolvConf:
    """Read resolv.conf(5): the last search line counts."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].split(";", 1)[0].split()
        if not words:
            continue
        if words[0] == "nameserver" and len(words) > 1:
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            searches = [word.rstrip(".") or "." for word in words[1:]]
        elif words[0] == "options":
            options = words[1:]
    return ResolvConf(tuple(servers[:MAX_NAMESERVERS]), tuple(searches), tuple(options))


def _merge(base: ResolvConf, config: Obj) -> ResolvConf:
    servers = _unique([*base.servers, *(config.get("nameservers") or ())])
    searches = _unique([*base.searches, *(config.get("searches") or ())])
    options = {option.partition(":")[0]: option for option in base.options}
    for option in config.get("options") or ():
        value = option.get("value")
        options[option["name"]] = f"{option['name']}:{value}" if value else option["name"]
    return ResolvConf(servers[:MAX_NAMESERVERS], searches[:MAX_SEARCHES], tuple(options.values()))


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def host_name(pod: Obj) -> str:
    """The host name inside the pod."""
    spec = pod.get("spec") or {}
    if spec.get("hostnameOverride"):
        return str(spec["hostnameOverride"])
    if spec.get("hostname"):
        return str(spec["hostname"])
    return meta.name(pod)[:HOST_NAME_MAX].rstrip("-.")


def hosts_file(pod: Obj, pod_ips: Sequence[str], domain: str) -> str:
    """The /etc/hosts of a pod with a network of its own."""
    lines = ["# Kubernetes-managed hosts file.", *_HOSTS_HEAD]
    name = host_name(pod)
    own = f"{name}.{domain}\t{name}" if domain else name
    lines += [f"{address}\t{own}" for address in pod_ips]
    return "\n".join(lines) + "\n" + _aliases(pod)


def host_network_hosts_file(pod: Obj, node_hosts: str) -> str:
    """The /etc/hosts of a pod on the node's network: the node's own and the pod's aliases."""
    return "# Kubernetes-managed hosts file (host network).\n" + node_hosts + _aliases(pod)


def _aliases(pod: Obj) -> str:
    aliases = (pod.get("spec") or {}).get("hostAliases") or []
    if not aliases:
        return ""
    lines = ["", "# Entries added by HostAliases."]
    lines += ["\t".join([alias["ip"], *(alias.get("hostnames") or ())]) for alias in aliases]
    return "\n".join(lines) + "\n"
