"""What has happened so far in one request and its response: written by the layer and the guard, read by both.

It travels in the ASGI scope, so that a copy of the scope carries it along.
"""

from binascii import b2a_base64
from collections.abc import Mapping
from os import urandom
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from starlette.types import Message, Receive, Scope, Send

from ..errors import AccessDenied
from .facts import Connection, Read
from .glance import Told
from .scope_key import SCOPE_KEY as SCOPE_KEY  # noqa: PLC0414  # Layers read it from here.

NO_PROOFS: Final[Mapping[Any, Any]] = MappingProxyType({})

_T = TypeVar("_T")


class Verifier(Protocol):
    """What can turn a mark and a connection into a proof: access.Guard."""

    async def verify(self, mark: Any, connection: Connection) -> Any:
        """Return the proof or raise AccessDenied."""
        ...


class Means(NamedTuple):
    """What a layer has for all its exchanges.

    Attributes:
        read: makes the Connection.
        verifier: makes the proofs, or None where no guard is installed.
    """

    read: Read
    verifier: Verifier | None


class Event(Generic[_T]):
    """An attribute that most exchanges never set. Setting one makes the exchange eventful, whatever it is set to."""

    __slots__ = ("_default", "_name")

    def __init__(self, default: _T) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, exchange: "Exchange", owner: type) -> _T:
        happened = exchange.happened
        return self._default if happened is None else happened.get(self._name, self._default)

    def __set__(self, exchange: "Exchange", value: _T) -> None:
        if exchange.happened is None:
            exchange.happened = {}
        exchange.happened[self._name] = value


class Exchange:
    """One request and its response.

    Attributes:
        scope: the scope the app gets.
        receive: the server's.
        send: the server's.
        means: what the layer has for all of them.
        arrival: over plaintext (0), TLS (1), or TLS to a domain name (2).
        started: the response has begun.
        settled: the endpoint was known, and its mark looked at, before the body was read.
        nonce: the nonce of this response, once one was asked for.
        style_nonce: the nonce for style sheets alone, once one was asked for.
        proofs: what was verified so far, by mark; NO_PROOFS itself while there is none.
        covered: a mark is round the router that took over last, so that its routes need none of their own.
        happened: the events below by name; None while there was none, and nothing has to be looked at twice.
        refusal: why the request is refused, once it is.
        answered: the layer itself sent the answer; whatever the app still sends is dropped.
        routed: the scope the innermost router writes to: the same, or a copy some middleware made.
        reached: the endpoint that stood there when that router began, so that its own can be told from it.
        waives: the places whose marks the path waives.
        outer: the exchange of the layer around this one, where this one brings no guard of its own.
    """

    # Slots, each filled once: every request makes one of these.
    __slots__ = (
        "_known",
        "arrival",
        "covered",
        "happened",
        "means",
        "nonce",
        "proofs",
        "receive",
        "scope",
        "send",
        "settled",
        "started",
        "style_nonce",
    )

    refusal: Event[AccessDenied | None] = Event(None)
    answered: Event[bool] = Event(False)
    outer: "Event[Exchange | None]" = Event(None)
    reached: Event[Any] = Event(None)
    waives: Event[frozenset[Any]] = Event(frozenset())
    _routed: Event[Scope | None] = Event(None)

    def __init__(  # noqa: PLR0917  # Keywords cost as much again.
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        means: Means,
        arrival: int,
        known: Connection | Told,
    ) -> None:
        """Begin an exchange.

        Args:
            scope: the scope the app gets.
            receive: the server's.
            send: the server's.
            means: what the layer has.
            arrival: how the request came.
            known: what a glance told, which is enough for most requests, or the connection where it was read.
        """
        self.scope = scope
        self.receive = receive
        self.send = send
        self.means = means
        self.arrival = arrival
        self.started = self.settled = self.covered = False
        self.proofs: Mapping[Any, Any] = NO_PROOFS
        self.happened: dict[str, Any] | None = None
        self.nonce: str | None = None
        self.style_nonce: str | None = None
        self._known = known

    @property
    def connection(self) -> Connection:
        """What was known before anything was decided."""
        known = self._known
        if not isinstance(known, Connection):
            known = self._known = self.means.read.ordinary(self.scope, known, self.receive)
        return known

    @property
    def routed(self) -> Scope:
        """The scope the innermost router writes to: the same, or a copy some middleware made."""
        return self._routed or self.scope

    @routed.setter
    def routed(self, scope: Scope) -> None:
        self._routed = scope

    @property
    def transport(self) -> Any:
        """The server's transport, so that code behind the layer finds it where it is used to."""
        return getattr(getattr(self.receive, "__self__", None), "transport", None)

    def make_nonce(self) -> str:
        """Return the nonce of this response: 144 random bits in base64 (CSP 3 section 7.1 asks for 128)."""
        if self.nonce is None:
            self.nonce = b2a_base64(urandom(18), newline=False).decode("ascii")
        return self.nonce

    def make_style_nonce(self) -> str:
        """Return the nonce for style sheets alone, made as the other is and never equal to it."""
        if self.style_nonce is None:
            self.style_nonce = b2a_base64(urandom(18), newline=False).decode("ascii")
        return self.style_nonce

    async def nothing(self, _message: Message) -> None:
        """Drop what the app still sends after the layer has answered."""


def exchange_of(scope: Mapping[str, Any]) -> Exchange | None:
    """Return the exchange the layer put into this scope; None where no layer has."""
    found = scope.get(SCOPE_KEY)
    return found if isinstance(found, Exchange) else None
