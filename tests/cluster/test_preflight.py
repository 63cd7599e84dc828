"""What is missing is said before anything is changed."""

import pytest

from kubepy.cluster import preflight
from kubepy.cluster.preflight import PreflightError


def test_not_root_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 1000)
    with pytest.raises(PreflightError, match="kubepy up needs root"):
        preflight.require_root("kubepy up")


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        preflight.shutil, "which", lambda tool, path=None: None if tool in ("runc", "nft") else "/x"
    )
    monkeypatch.setattr(preflight, "CNI_PLUGIN_DIRECTORIES", ())
    with pytest.raises(PreflightError, match="apt-get install containernetworking-plugins nftables runc"):
        preflight.check_tools()


def test_missing_kernel_features_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "KERNEL_FEATURES", {"no_such_module": "/nonexistent"})
    monkeypatch.setattr(preflight, "_load", lambda module: False)
    with pytest.raises(PreflightError, match="the kernel lacks no_such_module"):
        preflight.check_kernel()
