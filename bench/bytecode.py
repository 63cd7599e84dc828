"""The environment in which starts are measured: from bytecode, as whatever was installed with pip starts.

Where PYTHONDONTWRITEBYTECODE is set (in many container images) and nobody compiled, Python compiles every
module anew in every process: half a second that says nothing about the program.
"""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_MEASURED = "import aiohttp.web, orjson, uvloop, anyio._backends._asyncio, kubepy.cmd.apiserver"
_CHECKOUT = Path(__file__).resolve().parent.parent
_LOADED = "import kubepy.apiserver.server, kubepy.apiserver.warming, kubepy.testing.cluster"


@functools.cache
def environment() -> Mapping[str, str]:
    """This process's, with a scratch folder for bytecode in which what is measured is compiled already."""
    folder = tempfile.TemporaryDirectory(prefix="kubepy-bench-bytecode-")
    atexit.register(folder.cleanup)
    made = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    made["PYTHONPYCACHEPREFIX"] = folder.name
    subprocess.run([sys.executable, "-c", f"{_MEASURED}\n{_LOADED}"], env=made, cwd=_CHECKOUT, check=True)
    return made
