"""What every room stands on: errors, events, names, waivers, and the table of requirements."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asvs_middleware
from asvs_middleware import errors
from asvs_middleware.asvs import requirement, requirements
from asvs_middleware.errors import AccessDenied, ASVSMiddlewareError, ConfigurationError
from asvs_middleware.events import LONGEST_FACT, emit, printable
from asvs_middleware.names import known
from asvs_middleware.waivers import Waiver, stated_reason

Events = Callable[[], list[dict[str, Any]]]


# Errors


REFUSALS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, AccessDenied)]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.__name__)
def test_every_refusal_says_what_it_is(refusal: type[AccessDenied]) -> None:
    """Status, code, event, title and requirement, and a line in the tree at the top of the module."""
    assert issubclass(refusal, ASVSMiddlewareError)
    assert 400 <= refusal.status < 600
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", refusal.code)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", refusal.event)
    assert refusal.title
    assert requirement(refusal.requirement).level in {1, 2, 3}
    assert re.search(rf"{refusal.__name__} +{refusal.status} ", errors.__doc__ or "")


def test_a_refusal_may_be_told_more_precisely() -> None:
    """What is given replaces the class's own, for this one refusal."""
    plain = AccessDenied("because")
    exact = AccessDenied(
        "because", code="c", status=418, headers=[(b"a", b"b")], requirement="v5.0.0-8.2.1", facts={"n": 1}
    )
    assert (plain.code, plain.status, plain.headers, plain.facts) == ("access_denied", 403, (), {})
    assert (exact.code, exact.status, exact.headers, exact.facts) == ("c", 418, ((b"a", b"b"),), {"n": 1})
    assert (exact.requirement, AccessDenied.requirement) == ("v5.0.0-8.2.1", "v5.0.0-8.3.1")
    assert str(exact) == exact.reason == "because"


def test_a_configuration_error_holds_problem_and_fix() -> None:
    """One sentence for each; the message is both."""
    error = ConfigurationError("This is wrong.", fix="Write that.")
    assert (str(error), error.problem, error.fix) == ("This is wrong. Write that.", "This is wrong.", "Write that.")
    assert not isinstance(error, AccessDenied)


# Events


def test_an_event_has_every_member(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    """v5.0.0-16.2.1 and 16.2.2: when, what and why, in UTC, with the facts as they are."""
    before = datetime.now(UTC)
    emit("tokens", "authn_login_fail", reason="expired", requirement="v5.0.0-9.2.1", age=301, ok=False, who=None)
    [record] = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == (
        "asvs_middleware.tokens",
        "WARNING",
        "authn_login_fail",
    )
    [event] = events()
    time = datetime.fromisoformat(event.pop("time"))
    assert time.utcoffset() is not None
    assert abs(time - before).total_seconds() < 5
    assert event == {
        "event": "authn_login_fail",
        "reason": "expired",
        "requirement": "v5.0.0-9.2.1",
        "age": 301,
        "ok": False,
        "who": None,
    }
    json.dumps(event)


def test_severity_is_the_logging_module_s(caplog: pytest.LogCaptureFixture) -> None:
    """An operator filters as with any other logger; what is filtered is not even put together."""
    caplog.set_level(logging.ERROR, logger="asvs_middleware")
    for severity in (logging.WARNING, logging.ERROR, logging.CRITICAL):
        emit("access", "e", reason="r", requirement="v5.0.0-8.3.1", severity=severity)
    assert [record.levelname for record in caplog.records] == ["ERROR", "CRITICAL"]


def test_a_library_does_not_write_to_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """Where nobody configured logging nothing is printed: the package's logger has a handler that drops."""
    handlers = logging.getLogger("asvs_middleware").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)
    emit("access", "e", reason="r", requirement="v5.0.0-8.3.1")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("fact", "tamed"),
    [
        pytest.param("plain text, ü and 漢字", "plain text, ü and 漢字", id="readable text stays"),
        pytest.param("a\nINFO all is well", "a\\nINFO all is well", id="line feed"),
        pytest.param("a\r\nb", "a\\r\\nb", id="CR LF"),
        pytest.param("a\x1b[2Jb", "a\\x1b[2Jb", id="terminal command"),
        pytest.param("a\x85b\u2028c", "a\\x85b\\u2028c", id="line ends of Unicode"),
        pytest.param("a\u202eb", "a\\u202eb", id="right to left"),
        pytest.param("a\0b", "a\\x00b", id="NUL"),
        pytest.param("\udc80", "\\udc80", id="surrogate"),
        pytest.param("x" * 256, "x" * 256, id="as long as may be"),
        pytest.param("x" * 257, "x" * 255 + "…", id="one too long"),
        pytest.param("\n" * 10_000, "\\n" * 127 + "\\…", id="long once it is escaped"),
        pytest.param(301, 301, id="a number"),
        pytest.param(True, True, id="a boolean"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_hostile_text_is_tamed(events: Events, fact: Any, tamed: Any) -> None:
    """v5.0.0-16.4.1: no fact starts a log line, commands a terminal or fills the log; reason and event neither."""
    emit("access", "e", reason=str(fact), requirement="v5.0.0-8.3.1", fact=fact)
    [event] = events()
    assert event["fact"] == tamed
    assert event["reason"] == str(tamed)


@given(st.text(st.characters(), max_size=300))
def test_any_text_is_one_short_printable_line(text: str) -> None:
    """Whatever came over the wire."""
    tamed = printable(text)
    assert isinstance(tamed, str)
    assert tamed.isprintable()
    assert len(tamed) <= LONGEST_FACT
    assert len(tamed.splitlines()) <= 1


# Names


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("wbe", r"^The preset does not know 'wbe'\. Did you mean 'web'\?$", id="misspelt"),
        pytest.param("WEB", r"does not know 'WEB'", id="in capitals"),
        pytest.param("nothing like it", r"Choose from: api, mixed, web\.$", id="unlike any"),
        pytest.param("", r"does not know ''\. Choose from", id="empty"),
        pytest.param(None, r"does not know None\. Choose from", id="no text"),
    ],
)
def test_an_unknown_name_is_refused_with_the_right_one(name: Any, message: str) -> None:
    """Nothing is dropped in silence: a typo would loosen what it was meant to tighten."""
    with pytest.raises(ConfigurationError, match=message):
        known(name, {"web", "api", "mixed"}, where="The preset")


def test_a_known_name_is_returned() -> None:
    """So that a check can stand where the name is used."""
    assert known("web", {"web", "api"}, where="The preset") == "web"


# Waivers


def test_a_waiver_keeps_what_an_auditor_asks() -> None:
    """Which control, which requirement, why, and until when; afterwards it does not change."""
    waiver = Waiver(
        control="hsts", requirement="v5.0.0-3.4.1", reason="one subdomain lacks TLS", expires=date(2027, 1, 1)
    )
    assert (waiver.control, waiver.expires) == ("hsts", date(2027, 1, 1))
    with pytest.raises(FrozenInstanceError, match="reason"):
        waiver.reason = "another"  # type: ignore[misc]


@pytest.mark.parametrize("reason", ["", "no", "not now", "  spaces   only  ", "todo\n", None, 3])
def test_a_reason_is_three_words(reason: Any) -> None:
    """Less tells an auditor nothing."""
    with pytest.raises(ConfigurationError, match=r"^hsts needs a reason, not .*Write at least three words"):
        Waiver(control="hsts", requirement="v5.0.0-3.4.1", reason=reason)
    with pytest.raises(ConfigurationError, match=r"^@public needs a reason"):
        stated_reason(reason, for_what="@public")


# The table of requirements


def test_the_table_reads_back() -> None:
    """One row for each id, in the order of the standards, each with a level and a reading of our own."""
    rows = (files("asvs_middleware.asvs") / "requirements.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(requirements()) == len(rows)
    assert all(one.id == id_ for id_, one in requirements().items())
    assert all(
        one.level in {1, 2, 3} and one.meaning and not one.meaning.endswith(".") for one in requirements().values()
    )
    order = [tuple(int(part) for part in re.findall(r"[0-9]+", id_)) for id_ in requirements()]
    assert order == sorted(order)


def test_an_unknown_requirement_is_refused() -> None:
    """A wrong id in an argument is found where it is used."""
    assert requirement("v5.0.0-12.1.1").level == 1
    with pytest.raises(ConfigurationError, match=r"Did you mean 'v5\.0\.0-12\.1\.1'"):
        requirement("v5.0.0-12.1.11")


@pytest.fixture(scope="session")
def standard(vectors: Path) -> dict[str, tuple[int, str]]:
    """Every requirement of both released standards: its lowest level and its text."""
    found = {}
    for row in json.loads((vectors / "asvs" / "asvs-4.0.3.flat.json").read_text())["requirements"]:
        levels = [level for level in (1, 2, 3) if row[f"level{level}"]]
        if levels:  # The others are marked as moved or deleted.
            found[f"v4.0.3-{row['req_id'][1:]}"] = (levels[0], row["req_description"])
    for row in json.loads((vectors / "asvs" / "asvs-5.0.0.flat.json").read_text())["requirements"]:
        found[f"v5.0.0-{row['req_id'][1:]}"] = (int(row["L"]), row["req_description"])
    return found


@pytest.mark.parametrize("id_", list(requirements()))
def test_the_table_agrees_with_the_standard(standard: dict[str, tuple[int, str]], id_: str) -> None:
    """Each id exists there with the same lowest level, and its text is not copied."""
    ours = requirement(id_)
    level, text = standard[id_]
    assert ours.level == level
    assert ours.meaning not in text


CITATION = re.compile(
    r"\bv(?P<version>[45]\.0\.[03])-(?P<ids>[0-9.]+[0-9](?:(?:, | and | to |, and )[0-9]+\.[0-9]+\.[0-9]+)*)"
)


def cited() -> set[tuple[str, str]]:
    """Find every id a file of the package cites: `v5.0.0-12.1.1`, and those after it, such as `, 12.1.3`."""
    root = Path(asvs_middleware.__file__).parent
    return {
        (path.relative_to(root).as_posix(), f"v{citation['version']}-{id_}")
        for path in root.rglob("*.py")
        for citation in CITATION.finditer(path.read_text(encoding="utf-8"))
        for id_ in re.findall(r"[0-9.]+[0-9]", citation["ids"])
    }


@pytest.mark.parametrize(("file", "id_"), sorted(cited()))
def test_every_cited_id_is_in_the_table(file: str, id_: str) -> None:
    """A reader can look up what a file claims to serve."""
    assert requirement(id_).id == id_
