"""What people see of pods: states, logs, exec, environment, volumes, probes."""

from __future__ import annotations

import subprocess
import textwrap

import pytest

from integration.harness import KUBEPY, STOCK_KUBECTL, Namespace, until
from integration.manifests import CLIENT


def pod(name: str, script: str, *, image: str = "busybox", policy: str = "Always", **spec: str) -> str:
    """A pod that runs a shell script; ``spec`` are further YAML lines of the container."""
    extra = "".join(f"    {key}: {value}\n" for key, value in spec.items())
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  restartPolicy: {policy}\n"
        f"  terminationGracePeriodSeconds: 1\n  containers:\n  - name: c\n    image: {image}\n"
        f"    command: [sh, -c, {script!r}]\n{extra}"
    )


@pytest.mark.parametrize(
    ("name", "manifest", "expected"),
    [
        ("done", pod("done", "exit 0", policy="Never"), "Completed"),
        ("failed", pod("failed", "exit 3", policy="Never"), "Error"),
        ("crashing", pod("crashing", "exit 1"), "CrashLoopBackOff"),
        ("running", pod("running", "sleep 60"), "Running"),
    ],
)
def test_status_as_kubectl_shows_it(namespace: Namespace, name: str, manifest: str, expected: str) -> None:
    namespace.apply(manifest)
    until(lambda: namespace.status_column(name) == expected, f"STATUS {expected}", 60)


def test_unknown_image_backs_off_with_an_event(namespace: Namespace) -> None:
    namespace.apply(pod("noimage", "true", image="localhost/no-such-image:1"))
    until(
        lambda: namespace.status_column("noimage") in ("ErrImagePull", "ImagePullBackOff"), "ErrImagePull", 60
    )
    until(lambda: namespace.status_column("noimage") == "ImagePullBackOff", "ImagePullBackOff", 60)
    reasons = namespace.ok("get", "events", "-o", "jsonpath={.items[*].reason}")
    assert "Failed" in reasons
    assert "BackOff" in reasons


def test_terminating_pod_shows_it_and_keeps_its_grace(namespace: Namespace) -> None:
    script = "trap 'sleep 4; exit 0' TERM; while :; do sleep 0.2; done"
    namespace.apply(
        pod("slow", script).replace("terminationGracePeriodSeconds: 1", "terminationGracePeriodSeconds: 30")
    )
    namespace.ok("wait", "--for=condition=Ready", "pod/slow", "--timeout=60s")
    namespace.ok("delete", "pod", "slow", "--wait=false")
    assert namespace.status_column("slow") == "Terminating"
    until(lambda: "NotFound" in namespace.kubectl("get", "pod", "slow").stderr, "the pod is gone", 20)


def test_logs_with_tail_and_previous(namespace: Namespace) -> None:
    """stdout and stderr are two pipes: without the pause either could be logged first."""
    namespace.apply(
        pod("talker", "for i in 1 2 3 4 5; do echo line $i; done; sleep 0.5; echo oops >&2; exit 1")
    )
    until(
        lambda: namespace.pods()[0]["status"].get("containerStatuses", [{}])[0].get("restartCount", 0) >= 1,
        "a restart",
    )
    assert namespace.ok("logs", "talker", "--previous").splitlines() == [
        *(f"line {i}" for i in range(1, 6)),
        "oops",
    ]
    assert namespace.ok("logs", "talker", "--previous", "--tail=2").splitlines() == ["line 5", "oops"]


def test_logs_follow_until_the_container_ends(namespace: Namespace) -> None:
    namespace.apply(pod("ticker", "for i in 1 2 3 4; do echo tick $i; sleep 1; done", policy="Never"))
    until(lambda: namespace.status_column("ticker") in ("Running", "Completed"), "the container runs")
    followed = namespace.ok("logs", "-f", "ticker", timeout=30)
    assert followed.splitlines() == [f"tick {i}" for i in range(1, 5)]


def test_exec_passes_stdin_streams_and_exit_code(namespace: Namespace) -> None:
    namespace.apply(CLIENT)
    namespace.ok("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    assert namespace.ok("exec", "client", "--", "echo", "hello") == "hello\n"
    assert namespace.ok("exec", "-i", "client", "--", "cat", stdin="over there\n") == "over there\n"
    failing = namespace.kubectl("exec", "client", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (failing.returncode, failing.stdout) == (7, "out\n")
    assert failing.stderr.startswith("err\n")
    large = "x" * 300_000
    assert namespace.ok("exec", "-i", "client", "--", "cat", stdin=large) == large


def test_exec_with_a_terminal(namespace: Namespace) -> None:
    """`kubectl exec -it` inside a real pseudo-terminal (script(1))."""
    namespace.apply(CLIENT)
    namespace.ok("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    program = [STOCK_KUBECTL] if STOCK_KUBECTL else [*KUBEPY, "kubectl"]
    kubeconfig = str(namespace.cluster.kubeconfig)
    command = [
        *map(str, program),
        "--kubeconfig",
        kubeconfig,
        "-n",
        namespace.name,
        "exec",
        "-it",
        "client",
        "--",
        "sh",
    ]
    done = subprocess.run(
        ["script", "-qec", " ".join(command), "/dev/null"],
        input="tty; echo $((20+22)); exit 5\n",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "/dev/pts/" in done.stdout
    assert "42" in done.stdout
    assert done.returncode == 5


CONFIGURED = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: fast, file.txt: "first\\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {password: s3cret}
---
apiVersion: v1
kind: Pod
metadata:
  name: configured
  labels: {app: x}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: busybox
    command: [sleep, "3600"]
    resources: {limits: {memory: 64Mi}, requests: {cpu: 10m}}
    env:
    - {name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: mode}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: key, key: password}}}
    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: LIMIT, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
    - {name: BOTH, value: "$(MODE)-$(POD)"}
    volumeMounts:
    - {name: config, mountPath: /config}
    - {name: secret, mountPath: /secret, readOnly: true}
    - {name: scratch, mountPath: /scratch}
    - {name: shm, mountPath: /memory}
    - {name: host, mountPath: /host}
  volumes:
  - {name: config, configMap: {name: settings}}
  - {name: secret, secret: {secretName: key, defaultMode: 0400}}
  - {name: scratch, emptyDir: {}}
  - {name: shm, emptyDir: {medium: Memory}}
  - {name: host, hostPath: {path: /etc, type: Directory}}
"""


def test_environment_and_volumes(namespace: Namespace) -> None:
    namespace.apply(CONFIGURED)
    namespace.ok("wait", "--for=condition=Ready", "pod/configured", "--timeout=60s")
    environment = dict(
        line.split("=", 1) for line in namespace.sh("configured", "env").splitlines() if "=" in line
    )
    address = namespace.json("get", "pod", "configured")["status"]["podIP"]
    expected = {"MODE": "fast", "PASSWORD": "s3cret", "POD": "configured", "IP": address, "LIMIT": "64"}
    assert expected.items() <= environment.items()
    assert environment["BOTH"] == "fast-configured"
    assert environment["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    script = """
        cat /config/file.txt; cat /secret/password; echo
        stat -L -c %a /secret/password
        touch /scratch/x /memory/x && echo written
        grep ' /memory ' /proc/mounts | cut -d' ' -f3
        touch /secret/x 2>/dev/null || echo read-only
        test -f /host/hostname && echo host
        ls /var/run/secrets/kubernetes.io/serviceaccount
        hostname
    """
    assert namespace.sh("configured", textwrap.dedent(script)).split() == [
        *("first", "s3cret", "400", "written", "tmpfs", "read-only", "host"),
        *("ca.crt", "namespace", "token"),
        "configured",
    ]


def test_config_map_volume_follows_changes(namespace: Namespace) -> None:
    namespace.apply(CONFIGURED)
    namespace.ok("wait", "--for=condition=Ready", "pod/configured", "--timeout=60s")
    namespace.ok("patch", "configmap", "settings", "-p", '{"data": {"file.txt": "second"}}')
    until(lambda: namespace.sh("configured", "cat /config/file.txt") == "second", "the new content", 120, 1)


def test_service_account_token_opens_the_api_as_far_as_rbac_says(namespace: Namespace) -> None:
    namespace.apply(CLIENT)
    namespace.ok("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    token = namespace.sh("client", "cat /var/run/secrets/kubernetes.io/serviceaccount/token")
    listing = ("--token", token, "get", "pods")
    server = ["--server", namespace.cluster.endpoint, "--insecure-skip-tls-verify"]
    program = [STOCK_KUBECTL] if STOCK_KUBECTL else [*KUBEPY, "kubectl"]
    command = [*map(str, program), "--kubeconfig", "/dev/null", *server, "-n", namespace.name, *listing]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30)
    sentence = f'User "system:serviceaccount:{namespace.name}:default" cannot list resource "pods" in API group "" in the namespace "{namespace.name}"'
    assert sentence in refused.stderr
    namespace.ok(
        "create", "rolebinding", "viewer", "--clusterrole=view", f"--serviceaccount={namespace.name}:default"
    )
    until(
        lambda: subprocess.run(command, capture_output=True, timeout=30).returncode == 0,
        "the binding counts",
        10,
    )


PROBED = """
apiVersion: v1
kind: Pod
metadata: {name: probed}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: busybox
    command: [sh, -c, "touch /tmp/live; sleep 3600"]
    livenessProbe: {exec: {command: [test, -f, /tmp/live]}, periodSeconds: 1, failureThreshold: 2}
    readinessProbe: {exec: {command: [test, -f, /tmp/ready]}, periodSeconds: 1}
"""


def test_probes_make_ready_and_restart(namespace: Namespace) -> None:
    namespace.apply(PROBED)
    until(lambda: namespace.status_column("probed") == "Running", "Running")
    assert namespace.ok("get", "pod", "probed", "--no-headers").split()[1] == "0/1"
    namespace.sh("probed", "touch /tmp/ready")
    namespace.ok("wait", "--for=condition=Ready", "pod/probed", "--timeout=20s")
    namespace.sh("probed", "rm /tmp/live")
    until(
        lambda: namespace.json("get", "pod", "probed")["status"]["containerStatuses"][0]["restartCount"] == 1,
        "the liveness probe restarts the container",
        30,
    )
    events = namespace.ok("get", "events", "-o", "jsonpath={.items[*].message}")
    assert "Liveness probe failed" in events


INIT = """
apiVersion: v1
kind: Pod
metadata: {name: prepared}
spec:
  terminationGracePeriodSeconds: 0
  initContainers:
  - {name: first, image: busybox, command: [sh, -c, "echo one > /shared/file"], volumeMounts: [{name: w, mountPath: /shared}]}
  - {name: second, image: busybox, command: [sh, -c, "echo two >> /shared/file"], volumeMounts: [{name: w, mountPath: /shared}]}
  containers:
  - {name: c, image: busybox, command: [sleep, "3600"], volumeMounts: [{name: w, mountPath: /shared}]}
  volumes: [{name: w, emptyDir: {}}]
"""


def test_init_containers_run_in_order_before_the_others(namespace: Namespace) -> None:
    namespace.apply(INIT)
    namespace.ok("wait", "--for=condition=Ready", "pod/prepared", "--timeout=60s")
    assert namespace.sh("prepared", "cat /shared/file").split() == ["one", "two"]
