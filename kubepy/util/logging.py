"""Structured logs: one event a line, JSON for machines or coloured text for people.

Until a program calls `configure`, log events go through the standard library's `logging`, as those of any
other library do.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import IO, Any, Literal, cast

import orjson

from kubepy.util.lean_imports import without

# structlog would load rich and pygments for tracebacks in colour: a tenth of every component's start.
with without("rich"):
    import structlog
    from structlog.testing import capture_logs as capture
    from structlog.typing import FilteringBoundLogger, Processor

__all__ = ["LEVELS", "FilteringBoundLogger", "capture", "configure", "get_logger"]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def get_logger(name: str) -> FilteringBoundLogger:
    """The logger of a module; `name` appears as "module" in each of its events."""
    # Not bound yet: the configuration that is in force when an event is logged applies.
    return cast(FilteringBoundLogger, structlog.get_logger(name, module=name))


def configure(
    component: str,
    *,
    level: str = "info",
    fmt: Literal["json", "console"] = "json",
    stream: IO[str] | None = None,
) -> None:
    """Send this process's log events, and those of libraries that use `logging`, to `stream` (stderr)."""
    if level not in LEVELS:
        raise ValueError(f"unknown log level {level!r}: use one of {', '.join(LEVELS)}")
    out = stream or sys.stderr

    def name_component(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("component", component)
        return event

    def name_module(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["module"] = event["_record"].name
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_component,
    ]
    render: list[Processor]
    if fmt == "json":
        render = [
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ]
    else:
        render = [structlog.dev.ConsoleRenderer(colors=out.isatty())]
    structlog.configure(
        processors=[*shared, structlog.processors.StackInfoRenderer(), *render],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=cast(Any, out)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[name_module, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # A library's chatter below warning is of interest only to who debugs.
    root.setLevel(LEVELS[level] if level == "debug" else max(LEVELS[level], logging.WARNING))


def _to_json(event: Any, **options: Any) -> str:
    return orjson.dumps(event, default=options.get("default", str), option=orjson.OPT_NON_STR_KEYS).decode()


def _use_standard_library() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


if not structlog.is_configured():
    _use_standard_library()
