import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from kubepy.util import logging as kubepy_logging


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    before = structlog.get_config()
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


def test_json_lines_carry_component_level_and_traceback() -> None:
    out = io.StringIO()
    log = kubepy_logging.get_logger("kubepy.x")
    kubepy_logging.configure("kubelet", stream=out)
    log.debug("hidden")
    log.info("started", port=10250)
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        log.exception("failed")
    logging.getLogger("lib").warning("from %s", "lib")
    first, second, third = map(json.loads, out.getvalue().splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "started",
        "port": 10250,
        "component": "kubelet",
        "level": "info",
        "module": "kubepy.x",
    }
    assert second["exception"][0]["exc_value"] == "boom"
    assert (third["event"], third["module"], third["component"]) == ("from lib", "lib", "kubelet")


def test_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown log level 'loud': use one of debug, info"):
        kubepy_logging.configure("x", level="loud")


def test_without_configuration_events_go_to_standard_logging(caplog: pytest.LogCaptureFixture) -> None:
    kubepy_logging.get_logger("kubepy.y").warning("odd", n=1)
    assert [(r.name, r.getMessage()) for r in caplog.records] == [
        ("kubepy.y", "event='odd' module='kubepy.y' n=1")
    ]
