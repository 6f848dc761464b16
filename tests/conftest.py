"""What every test shares: the event loop, an issuer, ways to call an app, the events, the vectors.

And the rule that CI skips nothing.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How loaded the machine is fails no test: an example may take its time, and so may making one. The fixtures a test of
# Hypothesis shares between its examples keep nothing from one to the next.
settings.register_profile(
    "asvs",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("asvs")

NO_VECTORS = "the conformance vectors are not here: set ASVS_VECTORS to their folder"


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as uvicorn does."""
    return "asyncio"


class IdP:
    """An issuer with a real key: it signs tokens and serves its own documents, as an outbound client would."""

    issuer = "https://idp.example.com"
    audience = "https://api.example.com"

    def __init__(self) -> None:
        self.down = False
        self.fetched: list[str] = []

    @cached_property
    def key(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric import ec

        return ec.generate_private_key(ec.SECP256R1())

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """Serve the metadata and the key set."""
        from jwt.algorithms import ECAlgorithm

        self.fetched.append(url)
        if self.down:
            raise ConnectionError("the issuer is down")
        if url == f"{self.issuer}/keys":
            jwk = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return json.dumps({"keys": [{**jwk, "kid": "1", "use": "sig"}]}).encode()
        return json.dumps({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}).encode()

    def tokens(self) -> Any:
        """Return the policy that accepts its tokens."""
        from asvs_middleware import Tokens

        return Tokens(self.issuer, audience=self.audience, outbound=self)

    def token(self, scope: str = "", **claims: Any) -> str:
        """Return a good token with these claims on top; None leaves one out."""
        import jwt

        now = int(time.time())
        good = {"iss": self.issuer, "aud": self.audience, "sub": "ada", "client_id": "shop", "jti": "1", "iat": now}
        members = {**good, "exp": now + 300, "scope": scope, **claims}
        payload = {name: value for name, value in members.items() if value is not None}
        return jwt.encode(payload, self.key, algorithm="ES256", headers={"typ": "at+jwt", "kid": "1"})

    def bearer(self, scope: str = "", **claims: Any) -> dict[str, str]:
        """Return the Authorization header of a good token."""
        return {"authorization": f"Bearer {self.token(scope, **claims)}"}


@pytest.fixture
def idp() -> IdP:
    """An issuer of access tokens."""
    return IdP()


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Call an app over HTTP, in process; what it raises is the server's affair, as with uvicorn."""
    import httpx

    async def ask(app: Any, path: str = "/", *, method: str = "GET", **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://api.example.com") as client:
            return await client.request(method, path, **options)

    return ask


@dataclass
class Wire:
    """What one scope cost and brought: messages read from the client, messages sent, and what was raised."""

    received: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list)
    raised: Exception | None = None

    @property
    def status(self) -> int:
        """The status of the one response that was started."""
        [start] = [one for one in self.sent if one["type"].endswith(".start")]
        return int(start["status"])

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The header fields of that response, as they were sent."""
        [start] = [one for one in self.sent if one["type"].endswith(".start")]
        return list(start["headers"])


@pytest.fixture
def drive() -> Callable[..., Any]:
    """Run an app on one scope, as a server does, and keep everything that went over the wire."""

    import anyio

    async def drive(app: Any, path: str = "/", *, incoming: Any = (), headers: Any = None, **members: Any) -> Wire:
        wire = Wire()
        fields = {"host": "api.example.com", **(headers or {})}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "wss" if members.get("type") == "websocket" else "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
            "client": ("192.0.2.7", 4711),
            "server": ("api.example.com", 443),
            **members,
        }
        waiting = list(incoming)

        async def receive() -> dict[str, Any]:
            wire.received += 1
            if waiting:
                return dict(waiting.pop(0))
            if scope["type"] == "websocket":
                return {"type": "websocket.disconnect", "code": 1000}
            if wire.received > 1:
                await anyio.sleep_forever()  # The client waits for the answer.
            return {"type": "http.request", "body": b""}

        async def send(message: dict[str, Any]) -> None:
            wire.sent.append(message)

        try:
            await app(scope, receive, send)
        except Exception as error:
            wire.raised = error
        return wire

    return drive


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Return the security events written so far, as an operator's log has them."""
    caplog.set_level("INFO", logger="asvs_middleware")
    return lambda: [record.asvs for record in caplog.records if hasattr(record, "asvs")]


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of the published test vectors (docs/contributing.md says where a stranger gets them)."""
    beside = Path(__file__).parents[2] / "shared" / "vectors"
    folder = Path(os.environ.get("ASVS_VECTORS", beside))
    if not folder.is_dir():
        pytest.skip(NO_VECTORS)
    return folder


def pytest_collection_finish() -> None:
    """Keep what all tests are made of from the garbage collector: it would look at every test again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Turn a skip into a failure where NOTHING_SKIPPED is set, as it is in CI."""
    report = yield
    if os.environ.get("NOTHING_SKIPPED") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and here nothing may be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage while a test runs that is drawn at random, or is marked `unmeasured`.

    Measuring more than doubles the time of such a test. And what random input happens to reach does not count: every
    line and every branch has a row of its own in some table, whatever is drawn today.
    """
    tracer = sys.gettrace()
    drawn = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    measuring = type(tracer).__module__.partition(".")[0] == "coverage"
    paused = measuring and (drawn or item.get_closest_marker("unmeasured"))
    if paused:
        sys.settrace(None)
    try:
        return (yield)
    finally:
        if paused:
            sys.settrace(tracer)
