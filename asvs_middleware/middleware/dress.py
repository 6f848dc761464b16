"""Put the headers on a response start: each once, the app's own value first, the app's message unchanged.

v5.0.0-3.4.1 and v5.0.0-3.4.3 to 3.4.6; v5.0.0-14.3.2 for what a proof was needed for.
"""

from collections.abc import Callable
from typing import Final, Literal

from starlette.types import Message

from ..connection import Connection
from ..connection.exchange import NO_PROOFS, Exchange
from ..connection.host import is_public_name
from ..headers import CSP_NAME, NO_STORE, HeaderSet, Pair, Pairs

Dress = Callable[[Exchange, Message], Message]
Choice = Literal["api", "web", "mixed"]

_NOT_MODIFIED: Final = 304

# Fields that are never ours: a response that holds only these, in the lower case ASGI asks for, needs no comparison.
_NEVER_OURS: Final = frozenset({
    b"accept-ranges", b"access-control-allow-credentials", b"access-control-allow-headers",
    b"access-control-allow-methods", b"access-control-allow-origin", b"access-control-expose-headers",
    b"access-control-max-age", b"allow", b"content-disposition", b"content-encoding", b"content-language",
    b"content-length", b"content-location", b"content-range", b"content-type", b"date", b"etag", b"expires",
    b"last-modified", b"link", b"location", b"retry-after", b"set-cookie", b"vary", b"www-authenticate",
    b"x-request-id",
})  # fmt: skip


def dresser(choice: Choice, *, api: HeaderSet, web: HeaderSet) -> Dress:
    """Return the function that dresses a response start.

    Args:
        choice: `api` or `web` for every response; `mixed` gives HTML the web set and everything else the api set.
        api: the headers of the api preset.
        web: the headers of the web preset.
    """
    by_kind = {"api": _Wardrobe(api, drops_csp_on_304=choice != "api"), "web": _Wardrobe(web, drops_csp_on_304=True)}
    shared = frozenset(api.always) & frozenset(web.always)
    unknown = _Wardrobe(
        HeaderSet(tuple(pair for pair in web.always if pair in shared), web.hsts, web.csp, web.csp_around_nonce),
        drops_csp_on_304=True,
    )

    always = None if choice == "mixed" else by_kind[choice]
    # What an ordinary response gets over TLS: no need to choose again each time.
    usual, not_modified = (None, ()) if always is None else always.usual()

    def by_content(message: Message, theirs: list[Pair]) -> "_Wardrobe":
        if message.get("status") == _NOT_MODIFIED:
            return unknown  # RFC 9111 section 4.3.4: its fields replace those of a stored response of either kind.
        for name, value in theirs:
            if name.lower() == b"content-type":
                return by_kind["web" if value.lower().startswith((b"text/html", b"application/xhtml")) else "api"]
        return by_kind["api"]

    def dress(exchange: Exchange, message: Message) -> Message:
        theirs: list[Pair] = list(message.get("headers") or ())
        if usual is not None and exchange.sends_hsts and exchange.nonce is None and exchange.proofs is NO_PROOFS:
            ours = usual if message.get("status") != _NOT_MODIFIED else not_modified
        else:
            ours = (always or by_content(message, theirs)).headers_for(exchange, message)
        for name, _ in theirs:
            if name not in _NEVER_OURS:
                present = {name.lower() for name, _ in theirs}
                ours = tuple(pair for pair in ours if pair[0] not in present)
                break
        theirs += ours
        return {**message, "headers": theirs}

    return dress


def undressed(_exchange: Exchange, message: Message) -> Message:
    """Return the message as it is: for a layer that has no headers of its own."""
    return message


class _Wardrobe:
    """One header set, with and without what depends on the request, put together once."""

    __slots__ = ("_around_nonce", "_drops_csp_on_304", "_plain", "_without_csp")

    def __init__(self, headers: HeaderSet, *, drops_csp_on_304: bool) -> None:
        self._around_nonce = headers.csp_around_nonce
        self._drops_csp_on_304 = drops_csp_on_304
        # By (TLS and a domain name, no-store).
        self._without_csp: dict[tuple[bool, bool], Pairs] = {
            (hsts, no_store): (*headers.always, *(headers.hsts,) * hsts, *(NO_STORE,) * no_store)
            for hsts in (False, True)
            for no_store in (False, True)
        }
        self._plain = {key: (*pairs, headers.csp) for key, pairs in self._without_csp.items()}

    def usual(self) -> tuple[Pairs, Pairs]:
        """Return the headers with HSTS and without a nonce; and those of a 304."""
        key = True, False
        return self._plain[key], self._without_csp[key] if self._drops_csp_on_304 else self._plain[key]

    def headers_for(self, exchange: Exchange, message: Message) -> Pairs:
        hsts = exchange.sends_hsts
        if hsts is None:
            hsts = _sends_hsts(exchange.connection)
        nonce = exchange.nonce
        key = hsts, nonce is not None or bool(exchange.proofs)
        # A 304 updates the headers of the stored page, whose nonce is another one: its scripts would all die.
        if self._drops_csp_on_304 and message.get("status") == _NOT_MODIFIED:
            return self._without_csp[key]
        if nonce is None:
            return self._plain[key]
        return (*self._without_csp[key], (CSP_NAME, nonce.encode("ascii").join(self._around_nonce)))


def _sends_hsts(connection: Connection) -> bool:
    return connection.secure and connection.host is not None and is_public_name(connection.host)
