"""Put the headers on a response start: each once, the app's own value first, the app's message unchanged.

v5.0.0-3.4.1 and v5.0.0-3.4.3 to 3.4.6; v5.0.0-14.3.2 for what a proof was needed for.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final, Literal, NamedTuple

from starlette.types import Message

from ...connection.exchange import NO_PROOFS, Exchange
from ...headers import HeaderSet, Pair, Pairs
from ...headers.merge import merged
from .wardrobe import NOT_MODIFIED, Wardrobe

PutOn = Callable[[Exchange, Message], Message]
Choice = Literal["api", "web", "mixed"]

_PAGES: Final = (b"text/html", b"application/xhtml")
_STATUSES: Final = frozenset(range(200, 600)) - {NOT_MODIFIED}

# Fields that are never ours: a response that holds only these, in the lower case ASGI asks for, needs no comparison.
_NEVER_OURS: Final = frozenset({
    b"accept-ranges", b"access-control-allow-credentials", b"access-control-allow-headers",
    b"access-control-allow-methods", b"access-control-allow-origin", b"access-control-expose-headers",
    b"access-control-max-age", b"allow", b"content-disposition", b"content-encoding", b"content-language",
    b"content-length", b"content-location", b"content-range", b"content-type", b"date", b"etag", b"expires",
    b"last-modified", b"link", b"location", b"retry-after", b"set-cookie", b"vary", b"www-authenticate",
    b"x-request-id",
})  # fmt: skip


class Ready(NamedTuple):
    """What most responses get, put together once: over TLS, to a request in which nothing out of the way happened.

    That its caller was verified is nothing out of the way.

    Attributes:
        statuses: of these responses.
        harmless: names of the app's fields, in lower case, that change nothing.
        to_address: the headers over TLS.
        to_name: the headers over TLS to a domain name.
        proven_to_address: the headers over TLS where a proof was needed.
        proven_to_name: the headers over TLS to a domain name where a proof was needed.
        around_nonces: gives the headers where a nonce was asked for.
    """

    statuses: Collection[int]
    harmless: Collection[bytes]
    to_address: Pairs
    to_name: Pairs
    proven_to_address: Pairs
    proven_to_name: Pairs
    around_nonces: Callable[[Exchange], list[Pair]]


class Dress:
    """Puts the headers on a response start.

    Args:
        whole: does it for every response.
        ready: does for most of them; None where there is no telling beforehand.

    Attributes:
        put_on: takes the exchange and the message, and returns a new message; the layer calls this one.
        ready: as above.
    """

    __slots__ = ("put_on", "ready")

    def __init__(self, whole: PutOn, ready: Ready | None = None) -> None:
        self.ready = ready
        self.put_on = whole if ready is None else _readily(whole, ready)

    def __call__(self, exchange: Exchange, message: Message) -> Message:
        """Put the headers on."""
        return self.put_on(exchange, message)


def _readily(whole: PutOn, ready: Ready) -> PutOn:
    statuses, harmless = frozenset(ready.statuses), frozenset(ready.harmless)
    usual = (None, [*ready.to_address], [*ready.to_name])
    proven = (None, [*ready.proven_to_address], [*ready.proven_to_name])
    around_nonces = ready.around_nonces

    def put_on(exchange: Exchange, message: Message) -> Message:
        theirs = message.get("headers")
        ours = (usual if exchange.proofs is NO_PROOFS else proven)[exchange.arrival]
        if (
            ours is None
            or exchange.happened is not None
            or type(message) is not dict
            or type(theirs) is not list
            or message.get("status") not in statuses
        ):
            return whole(exchange, message)
        for name, _ in theirs:
            if name not in harmless:
                return whole(exchange, message)
        if exchange.nonce is not None or exchange.style_nonce is not None:
            ours = around_nonces(exchange)
        dressed = message.copy()
        dressed["headers"] = theirs + ours
        return dressed

    return put_on


def dresser(choice: Choice, *, api: HeaderSet, web: HeaderSet) -> Dress:
    """Return what dresses a response start.

    Args:
        choice: `api` or `web` for every response; `mixed` gives HTML the web set and everything else the api set.
        api: the headers of the api preset.
        web: the headers of the web preset.
    """
    if not any(one.cache_control or one.on_success for one in (api, web)):
        return _dresser(choice, api=api, web=web)
    succeeded = _dresser(
        choice,
        api=replace(api, always=api.always + api.on_success),
        web=replace(web, always=web.always + web.on_success),
    )
    failed = _dresser(choice, api=replace(api, cache_control=None), web=replace(web, cache_control=None))

    def by_status(exchange: Exchange, message: Message) -> Message:
        """A refusal is not kept for an hour, and logs nobody out, because the page behind it would."""
        good = not exchange.answered and message.get("status", 500) < 400
        return (succeeded if good else failed)(exchange, message)

    ready = succeeded.ready
    if ready is not None:
        ready = ready._replace(statuses=[status for status in ready.statuses if status < 400])
    return Dress(by_status, ready)


def _dresser(choice: Choice, *, api: HeaderSet, web: HeaderSet) -> Dress:
    if choice == "mixed":
        return _by_content(api, web)
    return _of_one(api if choice == "api" else web, drops_csp_on_304=choice == "web")


def _of_one(ours: HeaderSet, *, drops_csp_on_304: bool) -> Dress:
    wardrobe = Wardrobe(ours, drops_csp_on_304=drops_csp_on_304)
    ready = Ready(_STATUSES, _harmless(ours), *wardrobe.usual, wardrobe.around_nonces)
    return Dress(_wearing(wardrobe), ready)


def _by_content(api: HeaderSet, web: HeaderSet) -> Dress:
    shared = frozenset(api.always) & frozenset(web.always)
    either = replace(
        web,
        always=tuple(pair for pair in web.always if pair in shared),
        cache_control=web.cache_control if web.cache_control == api.cache_control else None,
    )
    calls, pages, unknown = (_of_one(one, drops_csp_on_304=True).put_on for one in (api, web, either))

    def whole(exchange: Exchange, message: Message) -> Message:
        if message.get("status") == NOT_MODIFIED:
            return unknown(exchange, message)  # RFC 9111 section 4.3.4: it may be of either kind.
        if type(message.get("headers")) is not list:  # It may be there to be read once.
            message = {**message, "headers": list(message.get("headers") or ())}
        for name, value in message["headers"]:
            if name.lower() == b"content-type":
                return (pages if value.lower().startswith(_PAGES) else calls)(exchange, message)
        return calls(exchange, message)

    return Dress(whole)


def _wearing(wardrobe: Wardrobe) -> PutOn:
    def whole(exchange: Exchange, message: Message) -> Message:
        theirs: list[Pair] = list(message.get("headers") or ())
        ours = wardrobe.headers_for(exchange, message)
        return {**message, "headers": merged(theirs, ours, unshare=wardrobe.for_one_caller(exchange))}

    return whole


def _harmless(ours: HeaderSet) -> frozenset[bytes]:
    return _NEVER_OURS - {name for name, _ in ours.always}


def kind_of(choice: Choice, content_type: str) -> Literal["api", "web"]:
    """Return which header set a response of this type gets."""
    if choice != "mixed":
        return choice
    return "web" if content_type.lower().encode("latin-1").startswith(_PAGES) else "api"


def _as_it_is(_exchange: Exchange, message: Message) -> Message:
    return message


undressed: Final = Dress(_as_it_is)
"""For a layer that has no headers of its own."""
