"""Security events as lines on stderr, for whoever runs the server by hand or collects what a container prints.

Beside them stands uvicorn's own log, of which every query is left out.

v5.0.0-16.2.1, 16.2.2 (UTC), 16.2.4 and 16.2.5. An app that configures logging itself loses nothing: records still
reach its own handlers. Not done here: shipping and protecting the log (v5.0.0-16.4.2, 16.4.3).
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, TextIO, get_args

from ..events import printable
from ..names import known

LogFormat = Literal["text", "json"]


@contextmanager
def events_on_stderr(
    *, level: str = "info", log_format: LogFormat = "text", stream: TextIO | None = None
) -> Iterator[None]:
    """Write the events of this package to stderr, one line each, until the block ends.

    Args:
        level: the lowest level written, a name of the logging module in any case.
        log_format: `text`: time, level, event, then the facts as JSON; `json`: one object with all of it.
        stream: where else to write.

    Raises:
        ConfigurationError: there is no such format.
    """
    known(log_format, get_args(LogFormat), where="events_on_stderr(log_format=...)")
    logger = logging.getLogger("asvs_middleware")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(EventFormatter(log_format))
    before = logger.level
    logger.setLevel(level.upper())
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def queries_left_out() -> Iterator[None]:
    """Cut the query off every target in uvicorn's log until the block ends: links carry tokens there."""
    loggers = [logging.getLogger(name) for name in ("uvicorn.access", "uvicorn.error")]  # WebSockets are in the second.
    cut = _WithoutQueries()
    for logger in loggers:
        logger.addFilter(cut)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(cut)


class _WithoutQueries(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without what stands behind a question mark in its arguments."""
        if isinstance(record.args, tuple):
            record.args = tuple(one.partition("?")[0] if isinstance(one, str) else one for one in record.args)
        return True


class EventFormatter(logging.Formatter):
    """One record, one line: control characters of any fact are escaped (v5.0.0-16.4.1)."""

    def __init__(self, log_format: LogFormat = "text") -> None:
        super().__init__()
        self._log_format = log_format

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        facts: Mapping[str, Any] = getattr(record, "asvs", {})
        head = {
            "time": facts.get("time") or datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": facts.get("event") or printable(record.getMessage()),
        }
        rest = {name: fact for name, fact in facts.items() if name not in head}
        if self._log_format == "json":
            return json.dumps({**head, "logger": record.name, **rest}, default=str)
        return " ".join([*map(str, head.values()), json.dumps(rest, default=str)])
