import json
from pathlib import Path

from kubepy.cni import PeerNode, conflist, conflist_present, write_conflist
from kubepy.cni.interface import wanted_routes
from kubepy.cni.routes import vxlan_address, vxlan_mac


def test_a_conflist_names_the_node_and_keeps_its_leases_apart(tmp_path: Path) -> None:
    content = conflist("w1", ["10.244.1.0/24"], tmp_path / "leases")
    assert content["name"] == "kubepy-w1"
    bridge, portmap = content["plugins"]
    assert bridge["isDefaultGateway"] is True
    assert bridge["hairpinMode"] is True
    assert bridge["ipMasq"] is False
    assert bridge["ipam"]["dataDir"] == str(tmp_path / "leases")
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]
    assert portmap["capabilities"] == {"portMappings": True}


def test_a_conflist_is_written_once_and_replaced_whole(tmp_path: Path) -> None:
    directory = tmp_path / "net.d"
    assert not conflist_present(directory)
    content = conflist("w1", ["10.244.1.0/24"], tmp_path)
    assert write_conflist(directory, content) is True
    assert write_conflist(directory, content) is False
    assert conflist_present(directory)
    changed = conflist("w1", ["10.244.9.0/24"], tmp_path)
    assert write_conflist(directory, changed) is True
    (written,) = directory.iterdir()
    assert json.loads(written.read_text()) == changed


def test_routes_go_by_node_addresses_of_the_same_family() -> None:
    peers = [
        PeerNode("w2", "10.0.0.2", ("10.244.2.0/24", "fd00:2::/64")),
        PeerNode("w3", "10.0.0.3", ("10.244.3.0/24",)),
    ]
    assert wanted_routes(peers) == {"10.244.2.0/24": "10.0.0.2", "10.244.3.0/24": "10.0.0.3"}


def test_vxlan_names_follow_from_addresses() -> None:
    assert vxlan_mac("10.240.0.101") == "0e:2a:0a:f0:00:65"
    assert vxlan_address("10.244.3.0/24") == "10.244.3.0"
