"""Which claims a pod holds on to."""

from kubepy.controllers.volume.protection import claims_of, uses


def test_claims_by_name_and_generic_ephemeral_ones() -> None:
    volumes = [
        {"name": "a", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}},
        {"name": "c", "emptyDir": {}},
    ]
    pod = {"metadata": {"namespace": "d", "name": "web"}, "spec": {"volumes": volumes}}
    assert claims_of(pod) == ["d/data", "d/web-scratch"]


def test_finished_pods_let_go() -> None:
    assert uses({"status": {"phase": "Running"}})
    assert not uses({"status": {"phase": "Succeeded"}})
