"""The end of a certificate: announced in time, not every hour; and a number for a gauge."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from asvs_middleware import SecurityPolicy, secure
from asvs_middleware.server import certificate_seconds_left
from asvs_middleware.server.keys.expiry import ExpiryWatch
from asvs_middleware.server.keys.own_certificates import give_advice, lifetimes
from asvs_middleware.server.pki import DevelopmentCA
from asvs_middleware.server.policy import ServerPolicy
from asvs_middleware.tls import Lifetime, guideline

Events = Callable[[], list[dict[str, Any]]]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NINETY = Lifetime(BEGIN, BEGIN + timedelta(days=90))


def after(days: float) -> datetime:
    return BEGIN + timedelta(days=days)


def test_one_event_for_each_border_and_then_one_a_day(events: Events) -> None:
    """Checked every hour for a hundred days: silence for 60, then one event a day, each stage on its first day."""
    watch = ExpiryWatch({"own.pem": NINETY})
    for hour in range(100 * 24):
        watch.check(BEGIN + timedelta(hours=hour))
    found = [(one["stage"], one["seconds_left"] // 86400) for one in events()]
    assert found[0] == ("renew", 30)
    assert [left for _, left in found] == list(range(30, -10, -1))
    assert [stage for stage, _ in found] == ["renew"] * 21 + ["late"] * 9 + ["expired"] * 10


def test_the_event(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    """It names the file, the end, and how urgent it is."""
    ExpiryWatch({"own.pem": NINETY}).check(after(89))
    [event] = events()
    assert caplog.records[-1].levelname == "ERROR"
    assert event | {"time": ""} == {
        "event": "certificate_expiring",
        "time": "",
        "reason": "The certificate is about to expire and was not renewed.",
        "requirement": "v5.0.0-13.3.4",
        "certificate": "own.pem",
        "stage": "late",
        "not_after": "2026-04-01T00:00:00+00:00",
        "seconds_left": 86400,
        "lifetime_days": 90,
    }


def test_a_renewed_certificate_is_quiet(events: Events) -> None:
    """What was renewed starts anew; what was not is not announced twice."""
    watch = ExpiryWatch({"a.pem": NINETY, "b.pem": NINETY})
    watch.check(after(65))
    watch.replace({"a.pem": Lifetime(after(65), after(155)), "b.pem": NINETY})
    watch.check(after(65.5))
    assert [one["certificate"] for one in events()] == ["a.pem", "b.pem"]
    watch.replace({"a.pem": NINETY})
    watch.check(after(65.6))
    assert [one["certificate"] for one in events()] == ["a.pem", "b.pem", "a.pem"]


@pytest.mark.parametrize(
    ("lives", "left"),
    [
        pytest.param({}, float("inf"), id="no certificate"),
        pytest.param({"a": NINETY}, 86400.0, id="one"),
        pytest.param({"a": NINETY, "b": Lifetime(BEGIN, after(88))}, -86400.0, id="the first to end counts"),
    ],
)
def test_the_metric(lives: dict[str, Lifetime], left: float) -> None:
    """Seconds until the first end, negative after it."""
    assert ExpiryWatch(lives).seconds_left(after(89)) == left


@pytest.fixture
def policy(tmp_path: Path) -> ServerPolicy:
    """A server whose certificate knows another name, and is for longer than a public one may be."""
    at = datetime.now(UTC)
    issued = DevelopmentCA.root("Test", at=at).issue_server("other.test", at=at, days=360)
    (tmp_path / "own.pem").write_bytes(issued.pem)
    return ServerPolicy(
        certfile=tmp_path / "own.pem",
        keyfile=tmp_path / "own.key",
        other_certificates=[(tmp_path / "own.pem", tmp_path / "own.key")],
    )


def test_the_certificates_of_a_policy(policy: ServerPolicy) -> None:
    """Every pair is watched, under the path of its file; a proxy's unix socket has none."""
    [(path, life)] = lifetimes(policy).items()
    assert path == str(policy.certfile)
    assert life.length > timedelta(days=360)
    assert lifetimes(ServerPolicy(uds="/run/app.sock")) == {}


def test_advice_is_written_as_events(policy: ServerPolicy, events: Events) -> None:
    """One event for each thing and certificate, with a stable code."""
    profile = guideline("intermediate-6.0")
    give_advice(policy, profile=profile, hosts=["api.test"], at=datetime(2026, 11, 21, tzinfo=UTC))
    found = [(one["event"], one["advice"], one["certificate"]) for one in events()]
    one_file = str(policy.certfile)
    assert ("certificate_advice", "host_not_covered", one_file) in found
    assert all(one["requirement"].startswith("v5.0.0-") for one in events())
    assert len(found) == 2 * len(set(found))


def test_a_start_says_both(serving: Callable[..., Any], events: Events) -> None:
    """An app whose host the certificate does not name is told so, and the start says what is in force."""
    app = secure(Starlette(), SecurityPolicy.web(hosts=["api.test"]))
    with serving(app, log_level="info"):
        pass
    found = {one["event"]: one for one in events()}
    assert found["certificate_advice"]["advice"] == "host_not_covered"
    assert found["sys_startup"]["versions"] == "TLSv1_2 to TLSv1_3"
    assert "X25519" in found["sys_startup"]["groups"].split()
    assert "encrypted client hello" in found["sys_startup"]["not_here"]


def until(true: Callable[[], bool]) -> None:
    """Wait half a minute at most."""
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_the_metric_of_this_process(serving: Callable[..., Any]) -> None:
    """An app reads it from wherever it likes while it is served; outside of that there is no certificate to end."""
    until(lambda: certificate_seconds_left() == float("inf"))  # The server of another test may be about to end.
    seen = list[float]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            seen.append(certificate_seconds_left())
            seen.append(certificate_seconds_left(datetime.now(UTC) + timedelta(days=1000)))
            await PlainTextResponse("")(scope, receive, send)

    with serving(app, plaintext=False) as served, served.client() as client:
        assert client.get("/").status_code == 200
    now, later = seen
    assert 80 * 86400 < now < 91 * 86400
    assert later < 0
    until(lambda: certificate_seconds_left() == float("inf"))
