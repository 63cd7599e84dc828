from kubepy.kubelet.runtime.actions import PodActions, ProbeVerdicts, compute_actions
from tests.kubelet.builders import container, exited, pod, running, runtime, sandbox

FINE = ProbeVerdicts()


def names(containers: list[dict]) -> list[str]:
    return [c["name"] for c in containers]


def test_a_new_pod_gets_a_sandbox_and_all_containers() -> None:
    actions = compute_actions(pod(container("a"), container("b")), runtime(sandboxes=()), FINE)
    assert actions.create_sandbox
    assert names(actions.start) == ["a", "b"]


def test_what_runs_is_left_alone() -> None:
    actions = compute_actions(pod(container()), runtime(running()), FINE)
    assert actions == PodActions()


def test_restart_policies() -> None:
    for policy, code, restarts in (
        ("Always", 0, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 1, False),
    ):
        found = compute_actions(pod(container(), restartPolicy=policy), runtime(exited(code=code)), FINE)
        assert bool(found.start) is restarts, (policy, code)
        assert found.kill_pod is not restarts, (policy, code)


def test_a_dead_sandbox_is_replaced_with_everything_in_it() -> None:
    actions = compute_actions(pod(container()), runtime(running(), sandboxes=(sandbox(ready=False),)), FINE)
    assert actions.kill_pod
    assert actions.create_sandbox
    assert actions.attempt == 1
    assert names(actions.start) == ["c"]


def test_a_pod_that_never_restarts_gets_no_second_sandbox() -> None:
    dead = runtime(exited(), sandboxes=(sandbox(ready=False),))
    actions = compute_actions(pod(container(), restartPolicy="Never"), dead, FINE)
    assert actions.kill_pod
    assert not actions.create_sandbox


def test_init_containers_run_one_after_the_other() -> None:
    wanted = pod(container(), initContainers=[container("i1"), container("i2")])
    assert names(compute_actions(wanted, runtime(sandboxes=()), FINE).start) == ["i1"]
    assert names(compute_actions(wanted, runtime(exited("i1")), FINE).start) == ["i2"]
    assert names(compute_actions(wanted, runtime(exited("i1"), exited("i2")), FINE).start) == ["c"]


def test_nothing_starts_while_an_init_container_runs() -> None:
    wanted = pod(container(), initContainers=[container("i1")])
    actions = compute_actions(wanted, runtime(running("i1")), FINE)
    assert actions.start == []
    assert not actions.kill_pod


def test_a_failed_init_container_is_retried_or_fails_the_pod() -> None:
    failed = runtime(exited("i1", code=1))
    again = compute_actions(pod(container(), initContainers=[container("i1")]), failed, FINE)
    assert names(again.start) == ["i1"]
    never = pod(container(), initContainers=[container("i1")], restartPolicy="Never")
    assert compute_actions(never, failed, FINE).kill_pod


def test_a_sidecar_must_have_started_before_what_follows_it() -> None:
    side = container("s", restartPolicy="Always", startupProbe={"exec": {"command": ["true"]}})
    wanted = pod(container(), initContainers=[side])
    waiting = ProbeVerdicts(started=lambda _: False)
    assert compute_actions(wanted, runtime(running("s")), waiting).start == []
    assert names(compute_actions(wanted, runtime(running("s")), FINE).start) == ["c"]


def test_sidecars_alone_do_not_keep_a_pod() -> None:
    side = container("s", restartPolicy="Always")
    wanted = pod(container(), initContainers=[side], restartPolicy="Never")
    assert compute_actions(wanted, runtime(running("s"), exited()), FINE).kill_pod


def test_a_dead_sidecar_is_restarted_beside_running_containers() -> None:
    side = container("s", restartPolicy="Always")
    found = compute_actions(pod(container(), initContainers=[side]), runtime(exited("s"), running()), FINE)
    assert names(found.start) == ["s"]
    assert not found.kill


def test_a_failed_liveness_probe_kills_and_restarts() -> None:
    verdicts = ProbeVerdicts(failed=lambda _: "liveness")
    actions = compute_actions(pod(container()), runtime(running()), verdicts)
    assert [k.message for k in actions.kill] == ["Container c failed liveness probe, will be restarted"]
    assert names(actions.start) == ["c"]


def test_a_changed_image_replaces_the_container() -> None:
    actions = compute_actions(pod(container(image="busybox:2")), runtime(running()), FINE)
    assert [k.message for k in actions.kill] == ["Container c definition changed, will be restarted"]
    assert names(actions.start) == ["c"]


def test_an_ephemeral_container_starts_once_and_keeps_no_pod() -> None:
    added = pod(container("a"), ephemeralContainers=[container("debugger")])
    actions = compute_actions(added, runtime(running("a")), FINE)
    assert (names(actions.start_ephemeral), actions.start) == (["debugger"], [])
    ended = runtime(running("a"), exited("debugger", code=1))
    assert compute_actions(added, ended, FINE) == PodActions()
    waiting = pod(
        container("a"), initContainers=[container("i")], ephemeralContainers=[container("debugger")]
    )
    actions = compute_actions(waiting, runtime(running("i")), FINE)
    assert (names(actions.start_ephemeral), actions.start) == (["debugger"], [])
    done = pod(container("a"), restartPolicy="Never", ephemeralContainers=[container("debugger")])
    actions = compute_actions(done, runtime(exited("a")), FINE)
    assert (actions.kill_pod, actions.start_ephemeral) == (True, [])
