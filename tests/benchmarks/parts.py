"""What the parts of a layer cost at the least: each one alone, written as short as it can be, round the same app.

Their sum is a bound for any layer that does all of it in Python. It is no design: none of them is safe alone.
"""

from collections.abc import Callable
from types import MethodType
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .harness import Section, Variant, a_scope
from .layers import FOURTEEN, answering, bare, floor

NAMES = frozenset(name for name, _ in a_scope()["headers"]) - {b"host"}
THEIRS = frozenset({b"content-type", b"content-length"})


def passing_on(app: ASGIApp) -> ASGIApp:
    """Await the app in a frame of its own: without one, nobody answers for an app that fails."""

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            raise PermissionError from None

    return layer


def looking(look: Callable[[Scope], Any]) -> Callable[[ASGIApp], ASGIApp]:
    """Return what looks at the scope before it hands it on."""

    def wrap(app: ASGIApp) -> ASGIApp:
        def layer(scope: Scope, receive: Receive, send: Send) -> Any:
            look(scope)
            return app(scope, receive, send)

        return layer

    return wrap


def nothing(_scope: Scope) -> None:
    """Look at nothing: what is left is the call."""


def names(scope: Scope) -> bytes | None:
    """Find the one Host, and see that no other field is one a gate would read."""
    host = None
    for name, value in scope["headers"]:
        if name in NAMES:
            continue
        if name != b"host" or host is not None:
            return None
        host = value
    return host


def names_and_size(scope: Scope) -> bytes | None:
    """Find the same, and how many bytes the values have."""
    host, size = None, 0
    for name, value in scope["headers"]:
        size += len(value)
        if name in NAMES:
            continue
        if name != b"host" or host is not None:
            return None
        host = value
    return host if size < 10_000 else None


def line(scope: Scope) -> bool:
    """Look at scheme, method, path and peer."""
    path, client = scope["path"], scope["client"]
    return (
        scope["type"] == "http"
        and scope["scheme"] == "https"
        and scope["method"] in {"GET", "POST"}
        and path[0] == "/"
        and "://" not in path
        and client[0] != "192.0.2.1"
    )


def dressing(app: ASGIApp) -> ASGIApp:
    """Put ready headers on, without touching the app's message and only where none of them is there already."""

    def on_send(send: Send, message: Message) -> Any:
        if message["type"] == "http.response.start":
            theirs = message["headers"]
            for name, _ in theirs:
                if name not in THEIRS:
                    raise PermissionError
            message = {**message, "headers": theirs + FOURTEEN}
        return send(message)

    def layer(scope: Scope, receive: Receive, send: Send) -> Any:
        return app(scope, receive, MethodType(on_send, send))

    return layer


class Kept:
    """What has to be known when the response starts."""

    __slots__ = ("happened", "scope", "send", "started")

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.send = send
        self.started = False
        self.happened = None


def keeping(app: ASGIApp) -> ASGIApp:
    """Put an object into the scope, so that the guard and the nonce find what belongs to this request."""

    def layer(scope: Scope, receive: Receive, send: Send) -> Any:
        scope["kept"] = Kept(scope, send)
        waiting = app(scope, receive, send)
        del scope["kept"]
        return waiting

    return layer


def copying(scope: Scope) -> Any:
    """Keep the fields as they came, and a state that no other request shares."""
    scope["state"] = {**scope["state"]}
    return [*scope["headers"]], scope["client"]


def at_the_least() -> Section:
    """Return every part, and none of them."""
    looks = {
        "a call": nothing,
        "a call, fields: one Host, nothing for a gate": names,
        "a call, fields and their size": names_and_size,
        "a call, scheme, method, path, peer": line,
        "a call, copies of fields and state": copying,
    }
    return Section(
        title="The parts of a layer, at the least",
        floor="floor",
        variants=[
            Variant("bare", bare, answering, "bare"),
            Variant("floor", floor, answering, "bare"),
            Variant("a frame that answers for the app", passing_on, answering, "bare"),
            *(Variant(name, looking(look), answering, "bare") for name, look in looks.items()),
            Variant("a call, an object for the request", keeping, answering, "bare"),
            Variant("a call, headers on a new message", dressing, answering, "bare"),
        ],
    )
