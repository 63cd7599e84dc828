import pytest

from kubepy.kubelet.runtime.pod_runtime import PodRuntime
from kubepy.kubelet.status.container_status import ContainerView
from kubepy.kubelet.status.manager import create_patch
from kubepy.kubelet.status.pod_status import StatusView, pod_status
from tests.kubelet.builders import UID, container, exited, pod, running, runtime

NOW = "2026-01-01T00:01:00Z"
EMPTY = PodRuntime(UID)


def status_of(wanted: dict, seen: PodRuntime, **view: object) -> dict:
    containers = ContainerView(**view)  # type: ignore[arg-type]
    return pod_status(wanted, seen, StatusView(containers, ("192.0.2.1",), NOW), NOW)


def condition(status: dict, kind: str) -> tuple[str, str, str]:
    found = next(c for c in status["conditions"] if c["type"] == kind)
    return found["status"], found.get("reason", ""), found.get("message", "")


def test_a_new_pod_is_creating_its_containers() -> None:
    status = status_of(pod(container("a"), container("b")), EMPTY)
    assert status["phase"] == "Pending"
    assert [c["state"] for c in status["containerStatuses"]] == [
        {"waiting": {"reason": "ContainerCreating"}}
    ] * 2
    assert [c["type"] for c in status["conditions"]] == [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    not_ready = ("False", "ContainersNotReady", "containers with unready status: [a b]")
    assert condition(status, "Ready") == not_ready
    assert condition(status, "ContainersReady") == not_ready
    assert condition(status, "Initialized") == ("True", "", "")


def test_a_running_pod_as_a_whole() -> None:
    assert status_of(pod(container()), runtime(running())) == {
        "phase": "Running",
        "qosClass": "BestEffort",
        "observedGeneration": 1,
        "startTime": NOW,
        "hostIP": "192.0.2.1",
        "hostIPs": [{"ip": "192.0.2.1"}],
        "podIP": "10.0.0.5",
        "podIPs": [{"ip": "10.0.0.5"}],
        "containerStatuses": [
            {
                "name": "c",
                "image": "docker.io/library/busybox:latest",
                "imageID": "docker.io/library/busybox@sha256:00",
                "containerID": "containerd://c-0",
                "state": {"running": {"startedAt": "2026-01-01T00:00:10Z"}},
                "lastState": {},
                "ready": True,
                "started": True,
                "restartCount": 0,
            }
        ],
        "conditions": [
            {"type": kind, "status": "True", "observedGeneration": 1, "lastTransitionTime": NOW}
            for kind in (
                "PodReadyToStartContainers",
                "Initialized",
                "Ready",
                "ContainersReady",
                "PodScheduled",
            )
        ],
    }


def test_a_crashing_container_waits_and_shows_how_it_ended() -> None:
    message = "back-off 10s restarting failed container=c pod=p_ns(1)"
    seen = runtime(exited(code=3, attempt=2), exited(code=1, attempt=1))
    status = status_of(
        pod(container()),
        seen,
        waiting={"c": ("CrashLoopBackOff", message)},
        messages={"c-2": "the end"},
    )
    (shown,) = status["containerStatuses"]
    assert shown["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
    assert shown["lastState"]["terminated"]["exitCode"] == 3
    assert shown["lastState"]["terminated"]["message"] == "the end"
    assert shown["restartCount"] == 2
    assert (shown["ready"], shown["started"]) == (False, False)
    assert status["phase"] == "Running"


@pytest.mark.parametrize(
    ("policy", "codes", "phase"),
    [
        ("Never", (0, 0), "Succeeded"),
        ("Never", (0, 1), "Failed"),
        ("OnFailure", (0, 0), "Succeeded"),
        ("OnFailure", (0, 1), "Running"),
        ("Always", (0, 0), "Running"),
    ],
)
def test_the_phase_when_all_have_ended(policy: str, codes: tuple[int, int], phase: str) -> None:
    seen = runtime(exited("a", code=codes[0]), exited("b", code=codes[1]))
    status = status_of(pod(container("a"), container("b"), restartPolicy=policy), seen)
    assert status["phase"] == phase
    if phase == "Succeeded":
        assert condition(status, "Ready") == ("False", "PodCompleted", "")
    if phase == "Failed":
        assert condition(status, "Ready") == ("False", "PodFailed", "")


def test_init_containers_hold_the_others_back() -> None:
    wanted = pod(container(), initContainers=[container("i1"), container("i2")])
    status = status_of(wanted, runtime(exited("i1"), running("i2")))
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert [c["ready"] for c in status["initContainerStatuses"]] == [True, False]
    assert condition(status, "Initialized") == (
        "False",
        "ContainersNotInitialized",
        "containers with incomplete status: [i2]",
    )


def test_readiness_and_startup_probes_decide() -> None:
    wanted = pod(container())
    unready = status_of(wanted, runtime(running()), ready=lambda _: False)["containerStatuses"][0]
    assert (unready["started"], unready["ready"]) == (True, False)
    starting = status_of(wanted, runtime(running()), started=lambda _: False)["containerStatuses"][0]
    assert (starting["started"], starting["ready"]) == (False, False)


def test_a_readiness_gate_of_somebody_else_counts() -> None:
    wanted = pod(container(), readinessGates=[{"conditionType": "example.com/gate"}])
    assert condition(status_of(wanted, runtime(running())), "Ready") == (
        "False",
        "ReadinessGatesNotReady",
        'corresponding condition of pod readiness gate "example.com/gate" does not exist.',
    )
    wanted["status"]["conditions"] = [{"type": "example.com/gate", "status": "True"}]
    assert condition(status_of(wanted, runtime(running())), "Ready") == ("True", "", "")


def test_a_container_that_was_lost_is_said_to_be() -> None:
    wanted = pod(container(), restartPolicy="Never")
    wanted["status"]["containerStatuses"] = [
        {"name": "c", "containerID": "containerd://x", "restartCount": 4, "state": {"running": {}}}
    ]
    (shown,) = status_of(wanted, EMPTY)["containerStatuses"]
    assert shown["state"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert shown["state"]["terminated"]["exitCode"] == 137
    assert shown["restartCount"] == 4


def test_a_final_phase_is_never_left() -> None:
    wanted = pod(container())
    wanted["status"]["phase"] = "Failed"
    assert status_of(wanted, runtime(running()))["phase"] == "Failed"


def test_transition_times_move_with_the_status_only() -> None:
    wanted = pod(container())
    wanted["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2025-01-01T00:00:00Z"},
        {
            "type": "Ready",
            "status": "False",
            "reason": "ContainersNotReady",
            "message": "containers with unready status: [c]",
            "lastTransitionTime": "2025-01-01T00:00:00Z",
        },
    ]
    shown = {c["type"]: c for c in status_of(wanted, runtime(running()))["conditions"]}
    assert shown["PodScheduled"]["lastTransitionTime"] == "2025-01-01T00:00:00Z"
    assert shown["Ready"]["lastTransitionTime"] == NOW
    assert "reason" not in shown["Ready"]


def test_a_patch_holds_only_what_changed_and_spares_others_conditions() -> None:
    old = {
        "phase": "Pending",
        "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
            {"type": "example.com/gate", "status": "True"},
        ],
        "nominatedNodeName": "n",
    }
    new = {
        "phase": "Running",
        "podIPs": [{"ip": "10.0.0.2"}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    assert create_patch(old, new) == {
        "phase": "Running",
        "podIPs": [{"$patch": "replace"}, {"ip": "10.0.0.2"}],
        "conditions": [{"type": "Ready", "status": "True", "reason": None}],
    }
    assert create_patch(old, old) == {}
