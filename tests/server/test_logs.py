"""Security events become lines a person or a collector can read."""

import io
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.events import emit
from asvs_middleware.server.logs import EventFormatter, events_on_stderr, queries_left_out


def written(*, level: str = "info", severity: int = logging.WARNING, log_format: Any = "text", **facts: Any) -> str:
    stream = io.StringIO()
    with events_on_stderr(level=level, log_format=log_format, stream=stream):
        emit("access", "host_refused", reason="because", requirement="v5.0.0-4.1.3", severity=severity, **facts)
    return stream.getvalue()


def test_text() -> None:
    """Time with offset, level and event first, then the facts as JSON (v5.0.0-16.2.1, 16.2.2)."""
    time, level, event, facts = written(peer="10.0.0.1", status=421).split(" ", 3)
    assert time.endswith("+00:00")
    assert (level, event) == ("WARNING", "host_refused")
    assert json.loads(facts) == {
        "reason": "because",
        "requirement": "v5.0.0-4.1.3",
        "peer": "10.0.0.1",
        "status": 421,
    }


def test_json() -> None:
    """One object a line, with the logger's name (v5.0.0-16.2.4)."""
    line = json.loads(written(log_format="json", peer="10.0.0.1"))
    assert list(line) == ["time", "level", "event", "logger", "reason", "requirement", "peer"]
    assert line["logger"] == "asvs_middleware.access"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_record_of_another_kind(log_format: Any) -> None:
    """A plain message of the package is a line as well, and cannot be two."""
    record = logging.LogRecord("asvs_middleware", logging.INFO, __file__, 1, "first\nsecond %s", ("x",), None)
    line = EventFormatter(log_format).format(record)
    assert "second x" in line
    assert "\n" not in line


@given(st.dictionaries(st.sampled_from(["reason", "peer", "level", "logger"]), st.text() | st.floats() | st.binary()))
def test_one_record_is_one_line(facts: dict[str, Any]) -> None:
    """v5.0.0-16.4.1: nothing a fact holds starts a new line, or replaces what the logger itself says."""
    record = logging.LogRecord("asvs_middleware", logging.INFO, __file__, 1, "event", (), None)
    record.asvs = facts
    assert len(EventFormatter().format(record).splitlines()) == 1
    line = EventFormatter("json").format(record)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["level"] == "INFO"


def test_the_level_holds_and_is_put_back() -> None:
    """Below the level nothing is written; afterwards logging is as it was."""
    logger = logging.getLogger("asvs_middleware")
    before = (logger.level, list(logger.handlers))
    assert written(level="error") == ""
    assert written(level="info", severity=logging.INFO)
    assert (logger.level, logger.handlers) == before


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        pytest.param(("10.0.0.1:5", "GET", "/a?b=s3cret?", "1.1", 200), "10.0.0.1:5 GET /a 1.1 200", id="a target"),
        pytest.param((), "%s %s %s %s %s", id="no arguments"),
        pytest.param(({"a": "b?"},), "{'a': 'b?'}", id="a mapping in place of arguments"),
    ],
)
def test_queries_are_left_out(args: tuple[Any, ...], expected: str) -> None:
    """v5.0.0-16.2.5: what stands behind a question mark is cut off; every record is written."""
    logger, records = logging.getLogger("uvicorn.access"), []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        with queries_left_out():
            logger.error("%s" if expected.startswith("{") else "%s %s %s %s %s", *args)
    finally:
        logger.removeHandler(handler)
    assert records == [expected]


def test_an_unknown_format_is_refused() -> None:
    """With the right spelling."""
    with pytest.raises(ConfigurationError, match="Did you mean 'json'"):
        written(log_format="jsno")
