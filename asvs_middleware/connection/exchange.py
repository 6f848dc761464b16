"""What has happened so far in one request and its response: written by the layer and the guard, read by both.

It travels in the ASGI scope, so that a copy of the scope carries it along.
"""

from base64 import b64encode
from collections.abc import Mapping
from os import urandom
from typing import Any, Final, Protocol

from starlette.types import Message, Receive, Send

from ..errors import AccessDenied
from .facts import Connection

SCOPE_KEY: Final = "asvs_middleware"


class Verifier(Protocol):
    """What can turn a mark and a connection into a proof: access.Guard."""

    async def verify(self, mark: Any, connection: Connection) -> Any:
        """Return the proof or raise AccessDenied."""
        ...


class Exchange:
    """One request and its response.

    Attributes:
        connection: what was known before anything was decided.
        verifier: makes the proofs, or None where no guard is installed.
        proofs: what was verified so far, by mark.
        covered: a marked Mount was passed, whose inner routes need no mark of their own.
        refusal: why the request is refused, once it is.
        started: the response has begun.
        answered: the layer itself sent the answer; whatever the app still sends is dropped.
        settled: the endpoint was known, and its mark looked at, before the body was read.
        outer: the exchange of the layer around this one, where this one brings no guard of its own.
    """

    # Slots, each filled once: the layer reads them many times in every request.
    __slots__ = (
        "_nonce",
        "answered",
        "connection",
        "covered",
        "outer",
        "proofs",
        "receive",
        "refusal",
        "send",
        "settled",
        "started",
        "verifier",
    )

    def __init__(self, connection: Connection, receive: Receive, send: Send, verifier: Verifier | None) -> None:
        self.connection = connection
        self.receive = receive
        self.send = send
        self.verifier = verifier
        self.proofs: dict[Any, Any] = {}
        self.covered = self.started = self.answered = self.settled = False
        self.refusal: AccessDenied | None = None
        self.outer: Exchange | None = None
        self._nonce: str | None = None

    @property
    def transport(self) -> Any:
        """The server's transport, so that code behind the layer finds it where it is used to."""
        return getattr(getattr(self.receive, "__self__", None), "transport", None)

    @property
    def nonce(self) -> str | None:
        """The nonce of this response, if one was asked for."""
        return self._nonce if self.outer is None else self.outer.nonce

    def make_nonce(self) -> str:
        """Return the nonce of this response: 144 random bits in base64 (CSP 3 section 7.1 asks for 128)."""
        if self._nonce is None:
            self._nonce = b64encode(urandom(18)).decode("ascii")
        return self._nonce

    async def nothing(self, _message: Message) -> None:
        """Drop what the app still sends after the layer has answered."""


def exchange_of(scope: Mapping[str, Any]) -> Exchange | None:
    """Return the exchange the layer put into this scope; None where no layer has."""
    found = scope.get(SCOPE_KEY)
    return found if isinstance(found, Exchange) else None
