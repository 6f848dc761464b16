"""What has happened so far in one request and its response: written by the layer and the guard, read by both.

It travels in the ASGI scope, so that a copy of the scope carries it along.
"""

from base64 import b64encode
from collections.abc import Mapping
from os import urandom
from types import MappingProxyType
from typing import Any, Final, Protocol

from starlette.types import Message, Receive, Scope, Send

from ..errors import AccessDenied
from .facts import Connection, Read

NO_PROOFS: Final[Mapping[Any, Any]] = MappingProxyType({})
SCOPE_KEY: Final = "asvs_middleware"


class Verifier(Protocol):
    """What can turn a mark and a connection into a proof: access.Guard."""

    async def verify(self, mark: Any, connection: Connection) -> Any:
        """Return the proof or raise AccessDenied."""
        ...


class Exchange:
    """One request and its response.

    Attributes:
        scope: the scope the app gets.
        verifier: makes the proofs, or None where no guard is installed.
        proofs: what was verified so far, by mark.
        covered: a marked Mount was passed, whose inner routes need no mark of their own.
        refusal: why the request is refused, once it is.
        started: the response has begun.
        answered: the layer itself sent the answer; whatever the app still sends is dropped.
        settled: the endpoint was known, and its mark looked at, before the body was read.
        routed: the scope the innermost router writes to: the same, or a copy some middleware made.
        reached: the endpoint that stood there when that router began, so that its own can be told from it.
        outer: the exchange of the layer around this one, where this one brings no guard of its own.
        nonce: the nonce of this response, once one was asked for.
        sends_hsts: the response may carry HSTS; None where nobody has asked yet.
    """

    # Slots, each filled once: the layer reads them many times in every request.
    __slots__ = (
        "_arrived",
        "_connection",
        "_read",
        "answered",
        "covered",
        "nonce",
        "outer",
        "proofs",
        "reached",
        "receive",
        "refusal",
        "routed",
        "scope",
        "send",
        "sends_hsts",
        "settled",
        "started",
        "verifier",
    )

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, verifier: Verifier | None, known: Connection | Read
    ) -> None:
        """Begin an exchange.

        Args:
            scope: the scope the app gets.
            receive: the server's.
            send: the server's.
            verifier: makes the proofs.
            known: the connection, or what reads it should anybody ask: most requests get along without.
        """
        self.scope = scope
        self.receive = receive
        self.send = send
        self.verifier = verifier
        self.covered = self.started = self.answered = self.settled = False
        self.routed: Scope = scope
        self.reached: Any = None
        self.outer: Exchange | None = None
        self.proofs: Mapping[Any, Any] = NO_PROOFS
        self.refusal: AccessDenied | None = None
        self.nonce: str | None = None
        if isinstance(known, Connection):
            self._connection: Connection | None = known
            self.sends_hsts: bool | None = None
        else:
            self._connection = None
            self._read = known
            # Code of the app may put other values into the scope before anybody asks.
            self._arrived = scope["headers"], scope.get("client")

    @property
    def connection(self) -> Connection:
        """What was known before anything was decided."""
        if self._connection is None:
            headers, client = self._arrived
            arrived = {**self.scope, "headers": headers, "client": client, "scheme": "https"}
            self._connection = self._read(arrived, self.receive)._replace(scope=self.scope)
        return self._connection

    @property
    def transport(self) -> Any:
        """The server's transport, so that code behind the layer finds it where it is used to."""
        return getattr(getattr(self.receive, "__self__", None), "transport", None)

    def make_nonce(self) -> str:
        """Return the nonce of this response: 144 random bits in base64 (CSP 3 section 7.1 asks for 128)."""
        if self.nonce is None:
            self.nonce = b64encode(urandom(18)).decode("ascii")
        return self.nonce

    async def nothing(self, _message: Message) -> None:
        """Drop what the app still sends after the layer has answered."""


def exchange_of(scope: Mapping[str, Any]) -> Exchange | None:
    """Return the exchange the layer put into this scope; None where no layer has."""
    found = scope.get(SCOPE_KEY)
    return found if isinstance(found, Exchange) else None
