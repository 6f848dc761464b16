"""From a raw access token to a proof: v5.0.0-9.1.1 to 9.2.3 in one place, RFC 9068 section 4.

The order is the security: size and form first (no key is looked for on behalf of garbage), then the key, then the
signature, and only then a look at the claims.
"""

import time
from collections.abc import Callable
from hashlib import sha256
from math import inf
from typing import Final

from ..errors import TokenRefused
from .cache import VerifiedTokens
from .claims import parse_claims, verify_claims, verify_dates
from .fetching import Fetcher
from .jws import parse_compact, token_bytes
from .keys import verify_signature
from .keysource import KeyHealth, KeySource
from .policy import Tokens
from .refusals import invalid_token
from .verified import VerifiedToken

_TYPED: Final = frozenset({"at+jwt", "application/at+jwt"})
_UNTYPED: Final = frozenset({"", "jwt", "application/jwt"})


class AccessTokenVerifier:
    """Verifies the access tokens one policy accepts. Building one fetches nothing.

    Args:
        tokens: the policy.
        fetcher: fetches the issuer's metadata and keys.
        clock: seconds since the epoch.
    """

    def __init__(self, tokens: Tokens, *, fetcher: Fetcher, clock: Callable[[], float] = time.time) -> None:
        self._issuer = tokens.issuer
        self._algorithms = frozenset(tokens.algorithms)
        self._audience = frozenset(tokens.audience)
        self._leeway = tokens.leeway.total_seconds()
        self._max_lifetime = inf if tokens.max_lifetime is None else tokens.max_lifetime.total_seconds()
        self._types = _TYPED | _UNTYPED if tokens.waivers else _TYPED
        self._clock = clock
        self._source = KeySource(tokens.issuer, algorithms=tokens.algorithms, fetcher=fetcher, clock=clock)
        self._verified = VerifiedTokens()

    def health(self) -> KeyHealth:
        """Return age and state of the issuer's keys, without fetching anything."""
        return self._source.health()

    async def verify(self, raw: str) -> VerifiedToken:
        """Return the proof for a token.

        Args:
            raw: the compact token, as `bearer_token` returns it.

        Raises:
            TokenRefused: 401 with an `invalid_token` challenge; the reason is for the log.
            DependencyUnavailable: 503: the issuer's keys cannot be had.
        """
        digest = sha256(token_bytes(raw)).digest()
        if digest in self._verified:
            keys = await self._source.current()
            if token := self._verified.recall(digest, keys.generation):
                return self._still_good(digest, token)
        return await self._verify(raw, digest)

    def _still_good(self, digest: bytes, token: VerifiedToken) -> VerifiedToken:
        try:
            verify_dates(token.claims, now=self._clock(), leeway=self._leeway)
        except TokenRefused:
            self._verified.forget(digest)
            raise
        return token

    async def _verify(self, raw: str, digest: bytes) -> VerifiedToken:
        jws = parse_compact(raw, algorithms=self._algorithms)
        if (jws.type or "").lower() not in self._types:
            raise invalid_token("The token's typ is not that of an access token.", requirement="v5.0.0-9.2.2")
        keys, key = await self._source.find(jws.kid, jws.algorithm)
        token = verify_claims(
            parse_claims(verify_signature(jws, key)),
            issuer=self._issuer,
            audience=self._audience,
            now=self._clock(),
            leeway=self._leeway,
            max_lifetime=self._max_lifetime,
        )
        self._verified.keep(digest, keys.generation, token)
        return token
