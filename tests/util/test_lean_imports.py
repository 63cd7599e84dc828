"""What is kept from loading, and what is not."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from kubepy.cluster.pki import Pki


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_a_component_does_not_load_what_only_colours_tracebacks() -> None:
    assert run(
        "import sys, kubepy.util.logging; print('rich' in sys.modules, 'pygments' in sys.modules)"
    ) == ("False False\n")


def test_it_can_be_loaded_afterwards() -> None:
    assert (
        run("import kubepy.util.logging, rich.progress; print(rich.progress.Progress.__name__)")
        == "Progress\n"
    )


def test_certificates_of_the_system_are_read_when_a_connection_wants_them(tmp_path: Path) -> None:
    authority = Pki(tmp_path, datetime.now(UTC)).ca.certificate
    program = """
from kubepy.util.lean_imports import lean
with lean():
    import aiohttp
import gc, ssl
from aiohttp.connector import _SSL_CONTEXT_VERIFIED as made
assert isinstance(made, ssl.SSLContext)
print(type(made) is ssl.SSLContext, gc.isenabled())
made.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="example.com")
print(type(made) is ssl.SSLContext, len(made.get_ca_certs()))
print(len(ssl.create_default_context().get_ca_certs()))
"""
    environment = {**os.environ, "SSL_CERT_FILE": str(authority), "SSL_CERT_DIR": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "False True\nTrue 1\n1\n"


def test_what_is_late_is_loaded_once_and_what_is_unknown_is_told() -> None:
    program = """
import sys
from datetime import UTC, datetime
from pathlib import Path

from kubepy.cluster.pki import Pki
from kubepy.machinery import cel
print("kubepy.machinery.cel.program" in sys.modules)
print(cel.compile("1 + 1", {}).evaluate({}), cel.compile is cel.compile)
try:
    cel.nonsense
except AttributeError as error:
    print(error)
"""
    assert run(program) == ("False\n2 True\nmodule 'kubepy.machinery.cel' has no attribute 'nonsense'\n")
