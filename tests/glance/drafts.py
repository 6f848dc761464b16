"""Requests that are ordinary but for a few oddities, each made anew for every layer that gets it."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

from asvs_middleware.middleware import Limits
from tests.glance.acting import PLAN, Plan

OURS, THEIRS = b"api.example.com", b"evil.example"
STRANGER, PROXY, CLIENT = "192.0.2.9", "10.0.0.1", b"203.0.113.7"
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


class Server:
    """What uvicorn binds `receive` to; its transport knows the peer."""

    def __init__(self, known: dict[str, Any], waiting: list[dict[str, Any]]) -> None:
        self.transport: Any = self
        self.known, self.waiting = known, waiting
        self.asked = 0

    def get_extra_info(self, name: str) -> Any:
        return self.known.get(name)

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        return self.waiting.pop(0) if self.waiting else {"type": "http.disconnect"}


@dataclass
class Draft:
    """One request that is being put together: the scope, what the server knows, what the app will do.

    Attributes:
        scope: the scope the server opens.
        server: the server's side of `receive`.
        plan: what the app does.
        limits: those of the policy, so that an oddity can be one byte more.
        bound: whether `receive` leads to the server, as uvicorn's does.
        form: what the server makes of the list of fields.
    """

    scope: dict[str, Any]
    server: Server
    plan: Plan
    limits: Limits
    bound: bool = True
    form: Callable[[list[Any]], Any] = list

    @property
    def fields(self) -> list[Any]:
        found: list[Any] = self.scope["headers"]
        return found

    @property
    def receive(self) -> Any:
        server = self.server
        return server.receive if self.bound else lambda: server.receive()

    def come_from(self, peer: Any, *, tls: bool) -> None:
        """Set the transport and the scope's word on it."""
        self.server.known = {"peername": peer, "sslcontext": object() if tls else None}
        self.scope["client"] = peer if isinstance(peer, tuple) else None
        self.scope["scheme"] = "https" if tls else "http"


Oddity = Callable[[Draft], None]


def both(*changes: Oddity) -> Oddity:
    def change(made: Draft) -> None:
        for one in changes:
            one(made)

    return change


class Recipe(NamedTuple):
    """How a request is made: what it was like at first, and the names of its oddities."""

    base: str = "straight"
    oddities: tuple[str, ...] = ()


def draft(base: str, oddities: Iterable[Oddity], *, limits: Limits, kept: dict[str, Any]) -> Draft:
    """Return a new request; nothing of it is shared with another but what `kept` holds."""
    plan = Plan(kept, deepcopy(START))
    known = {"peername": (STRANGER, 1), "sslcontext": object()}
    waiting = [{"type": "http.request", "body": b"x" * 11, "more_body": False}]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", OURS), (b"user-agent", b"x"), (b"accept", b"*/*")],
        "client": (STRANGER, 1),
        PLAN: plan,
    }
    made = Draft(scope, Server(known, waiting), plan, limits)
    both(BASES[base], *oddities)(made)
    scope["headers"] = made.form(made.fields)
    return made


def _through(*pairs: tuple[bytes, bytes], tls: bool = False) -> Oddity:
    def change(made: Draft) -> None:
        made.come_from((PROXY, 2), tls=tls)
        made.fields.extend(pairs)

    return change


def _in_clear(made: Draft) -> None:
    made.come_from((STRANGER, 1), tls=False)


def _handshake(made: Draft) -> None:
    made.scope |= {"type": "websocket", "scheme": "wss", "path": "/chat", "raw_path": b"/chat"}
    del made.scope["method"]
    made.fields.append((b"origin", b"https://" + OURS))
    made.server.waiting[:] = [{"type": "websocket.connect"}]


PROTO, FOR = (b"x-forwarded-proto", b"https"), (b"x-forwarded-for", CLIENT)
BASES: dict[str, Oddity] = {
    "straight": lambda _made: None,
    "through a proxy": _through(PROTO, FOR),
    "through a proxy that names the host": _through((b"x-forwarded-host", OURS), PROTO, FOR),
    "through a proxy over TLS": _through(PROTO, FOR, tls=True),
    "through a proxy of the other family": _through((b"forwarded", b"for=203.0.113.7;proto=https")),
    "in clear": _in_clear,
    "a handshake": _handshake,
}
