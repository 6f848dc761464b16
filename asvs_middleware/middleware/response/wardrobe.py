"""One header set, with and without what depends on the request: nonces, proofs, and how the request came.

v5.0.0-3.4.1 (HSTS over TLS alone), v5.0.0-3.4.3 (nonces), v5.0.0-14.3.2 (what a proof was needed for is not kept).
"""

from collections.abc import Sequence
from typing import Final

from starlette.types import Message

from ...connection.exchange import Exchange
from ...connection.host import is_public_name
from ...headers import NO_STORE, HeaderSet, Pair, Pairs
from ...headers.merge import CACHE_CONTROL, unshared

NOT_MODIFIED: Final = 304


class Wardrobe:
    """One header set, with and without what depends on the request, put together once.

    Args:
        headers: the set.
        drops_csp_on_304: a 304 comes without Content-Security-Policy.
    """

    __slots__ = ("_drops_csp_on_304", "_plain", "_policies", "_with_nonce", "_without_csp")

    def __init__(self, headers: HeaderSet, *, drops_csp_on_304: bool) -> None:
        self._drops_csp_on_304 = drops_csp_on_304
        # By transport: plaintext, TLS, TLS and a domain name.
        self._policies = (headers.in_clear, headers.policies, headers.policies)
        named = headers.always if headers.hsts is None else (*headers.always, headers.hsts)
        always = (headers.always, headers.always, named)
        kept = () if headers.cache_control is None else (headers.cache_control,)
        # A profile may forbid to store anything at all; then there is no more to say.
        forbidden = any(name == CACHE_CONTROL for name, _ in headers.always)
        no_store = () if forbidden else (NO_STORE,)
        # The operator's own word on caching wins over ours; but what was made for one caller is for no other.
        privately = tuple((name, unshared(value)) for name, value in kept)
        # By transport and whether a proof was needed.
        self._without_csp: dict[tuple[int, bool], Pairs] = {
            (transport, proven): pairs + (privately or no_store if proven else kept)
            for transport, pairs in enumerate(always)
            for proven in (False, True)
        }
        self._plain = {
            (transport, proven): pairs + tuple(one.pair(None, None) for one in self._policies[transport])
            for (transport, proven), pairs in self._without_csp.items()
        }
        self._with_nonce = tuple(pairs + no_store for pairs in always)

    @property
    def usual(self) -> tuple[Pairs, Pairs, Pairs, Pairs]:
        """The headers over TLS, and over TLS to a domain name, without a nonce; then those where a proof was needed."""
        return self._plain[1, False], self._plain[2, False], self._plain[1, True], self._plain[2, True]

    def headers_for(self, exchange: Exchange, message: Message) -> Sequence[Pair]:
        """Return the headers of one response."""
        asked = _asked(exchange)
        # A 304 updates the headers of the stored page, whose nonce is another one: its scripts would all die.
        if self._drops_csp_on_304 and message.get("status") == NOT_MODIFIED:
            return self._with_nonce[exchange.arrival] if asked else self._without_csp[self._key(exchange)]
        return self.around_nonces(exchange) if asked else self._plain[self._key(exchange)]

    def for_one_caller(self, exchange: Exchange) -> bool:
        """Whether the response is for nobody else: a proof was needed, or a nonce was asked for."""
        return bool(exchange.proofs) or _asked(exchange)

    def around_nonces(self, exchange: Exchange) -> list[Pair]:
        """Return the headers with the nonces that were asked for, in every policy that has a place for them."""
        policies, script, style = self._policies[exchange.arrival], exchange.nonce, exchange.style_nonce
        headers = [*self._with_nonce[exchange.arrival]]
        if script is not None and style is None:  # As nearly always: spared are a call and two questions for each.
            sent = script.encode("ascii")
            headers += [(one.name, sent.join(one.around_nonce)) for one in policies]
        else:
            as_sent = [None if nonce is None else nonce.encode("ascii") for nonce in (script, style)]
            headers += [one.pair(*as_sent) for one in policies]
        return headers

    @staticmethod
    def _key(exchange: Exchange) -> tuple[int, bool]:
        return exchange.arrival, bool(exchange.proofs)


def _asked(exchange: Exchange) -> bool:
    return exchange.nonce is not None or exchange.style_nonce is not None


def arrival(*, secure: bool, host: bytes | None) -> int:
    """Return 0 for plaintext, 1 for TLS, 2 for TLS to a domain name."""
    return 1 + (host is not None and is_public_name(host)) if secure else 0
