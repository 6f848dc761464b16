"""The issuer's keys, fetched, kept and renewed: v5.0.0-9.1.3, v5.0.0-16.5.2, v5.0.0-16.5.3.

- Nothing is fetched before the first token. Then the keys are held for ten minutes; the first caller after eight
  has them renewed aside, so nobody waits.
- One flight at a time: whoever comes while the keys are fetched waits for that fetch and shares its outcome.
- When the issuer cannot be reached, held keys serve for one more hour; without any, the answer is a 503, never a 401.
- A `kid` nobody knows may cause a look for new keys, a few times a minute at most (throttle.py).

Not here: Cache-Control of the key set; several issuers. Nothing bound to an event loop outlives one call's flight.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from typing import Final

import anyio
from anyio.lowlevel import current_token

from ..errors import DependencyUnavailable
from ..events import emit
from .aside import run_aside
from .fetching import Fetcher
from .keys import LARGEST_SET, KeySet, VerificationKey, parse_key_set
from .metadata import LARGEST_METADATA, metadata_urls, parse_jwks_uri
from .refusals import invalid_token, keys_unavailable
from .throttle import UnknownKids

LIFETIME: Final = 600.0
RENEWED_AFTER: Final = 0.8 * LIFETIME
STALE_FOR: Final = 3600.0
COLD_PAUSE: Final = 1.0
"""Seconds after a failed fetch in which callers share the failure."""
HELD_PAUSE: Final = 30.0
"""Seconds between attempts while older keys still serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHealth:
    """How the key source stands; for a health page or a metric.

    Args:
        age: since the keys were fetched; None before the first success.
        stale: the keys are older than their lifetime and serve because the issuer cannot be reached.
        failures: fetches that failed since the last success.
    """

    age: timedelta | None
    stale: bool
    failures: int


@dataclass(frozen=True, slots=True)
class _Held:
    keys: KeySet
    since: float


@dataclass(slots=True, eq=False)
class _Flight:
    """One fetch under way. It knows its loop: a flight of another loop, perhaps a dead one, is never waited for."""

    loop: object
    landed: anyio.Event = field(default_factory=anyio.Event)


class KeySource:
    """Finds, fetches and keeps the keys of one issuer.

    Args:
        issuer: its identifier, as `Tokens` accepted it.
        algorithms: the allow list for keys.
        fetcher: fetches documents.
        clock: seconds since the epoch.
        patience: for one whole fetch (metadata and keys), whatever deadline the fetcher has itself.
    """

    def __init__(
        self,
        issuer: str,
        *,
        algorithms: Sequence[str],
        fetcher: Fetcher,
        clock: Callable[[], float],
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._issuer = issuer
        self._algorithms = tuple(algorithms)
        self._fetcher = fetcher
        self._clock = clock
        self._patience = patience.total_seconds()
        self._urls: tuple[str, ...] = metadata_urls(issuer)
        self._held: _Held | None = None
        self._flight: _Flight | None = None
        self._asked_at = -inf
        self._failed_at = -inf
        self._failures = 0
        self._unknown = UnknownKids(clock)

    def health(self) -> KeyHealth:
        """Return age, staleness and failures, without fetching anything."""
        age = None if self._held is None else self._clock() - self._held.since
        return KeyHealth(
            age=None if age is None else timedelta(seconds=age),
            stale=age is not None and age >= LIFETIME and self._failures > 0,
            failures=self._failures,
        )

    async def current(self) -> KeySet:
        """Return the keys that serve now.

        Raises:
            DependencyUnavailable: there are none, or only too old ones, and the issuer cannot be reached.
        """
        held = self._held
        if held is None:
            return await self._renew()
        age = self._clock() - held.since
        if 0 <= age < RENEWED_AFTER:
            return held.keys
        if 0 <= age < LIFETIME or (0 <= age < LIFETIME + STALE_FOR and self._failed_within(LIFETIME)):
            await self._renew_aside()
            return held.keys
        try:
            return await self._renew()
        except DependencyUnavailable:
            if 0 <= age < LIFETIME + STALE_FOR:
                return held.keys
            raise

    async def find(self, kid: str | None, algorithm: str) -> tuple[KeySet, VerificationKey]:
        """Return the key a token names, and the set it is in.

        Raises:
            TokenRefused: the issuer has no such key, or asking again is not allowed yet.
            DependencyUnavailable: there are no keys to look in.
        """
        keys = await self.current()
        key = keys.key(kid, algorithm)
        if key is None and kid is not None and (self._flight_here() or self._unknown.may_look(kid)):
            keys = await self._renew()
            key = keys.key(kid, algorithm)
            if key is None:
                self._unknown.remember(kid)
        if key is None:
            raise invalid_token("The issuer has no key that the token names.", facts={"kid": kid})
        return keys, key

    async def _renew_aside(self) -> None:
        """Have the keys renewed while nobody waits; one attempt at a time, however many callers come past."""
        now = self._clock()
        if self._failed_within(HELD_PAUSE) or 0 <= now - self._asked_at < COLD_PAUSE:
            return
        self._asked_at = now
        await run_aside(self._renew_quietly)

    async def _renew_quietly(self) -> None:
        try:
            await self._renew()
        except DependencyUnavailable:
            return  # The event is written, and the held keys serve on.

    async def _renew(self) -> KeySet:
        """Fetch the keys, or wait for the fetch under way."""
        before = self._held
        while flight := self._flight_here():
            await flight.landed.wait()
            if self._held is not None and self._held is not before:
                return self._held.keys
        if self._failed_within(COLD_PAUSE):
            raise keys_unavailable("The issuer's keys could not be fetched a moment ago.")
        flight = self._flight = _Flight(current_token())
        try:
            keys = await self._fetch()
        finally:
            # Also when this caller is cancelled: one of those who waited takes over.
            if self._flight is flight:
                self._flight = None
            flight.landed.set()
        return keys

    def _flight_here(self) -> _Flight | None:
        flight = self._flight
        return flight if flight is not None and flight.loop == current_token() else None

    async def _fetch(self) -> KeySet:
        try:
            with anyio.fail_after(self._patience):
                keys = await self._fetch_keys(await self._find_jwks_uri())
        except Exception as error:  # noqa: BLE001  # Whatever a fetcher raises, the answer is a 503.
            raise self._failed(error) from None
        self._held = _Held(keys, self._clock())
        self._failed_at, self._failures = -inf, 0
        return keys

    async def _find_jwks_uri(self) -> str:
        """Read the metadata; the place that answered comes first the next time."""
        reasons = []
        for url in self._urls:
            try:
                document = await self._fetcher.fetch(url, max_bytes=LARGEST_METADATA)
                found = parse_jwks_uri(document, issuer=self._issuer)
            except Exception as error:  # noqa: BLE001  # The second place may still answer.
                reasons.append(_why(error))
                continue
            self._urls = tuple(sorted(self._urls, key=lambda known: known != url))
            return found
        raise keys_unavailable(" ".join(reasons))

    async def _fetch_keys(self, url: str) -> KeySet:
        document = await self._fetcher.fetch(url, max_bytes=LARGEST_SET)
        return parse_key_set(document, algorithms=self._algorithms)

    def _failed(self, error: Exception) -> DependencyUnavailable:
        self._failed_at = self._clock()
        self._failures += 1
        reason = _why(error)
        emit(
            "tokens",
            "keys_unavailable",
            reason=reason,
            requirement="v5.0.0-16.5.2",
            issuer=self._issuer,
            failures=self._failures,
            keys_held=self._held is not None,
        )
        return keys_unavailable(reason)

    def _failed_within(self, seconds: float) -> bool:
        return 0 <= self._clock() - self._failed_at < seconds


def _why(error: Exception) -> str:
    """Our own reasons in full; of a foreign exception the class only, for its text may hold anything."""
    return error.reason if isinstance(error, DependencyUnavailable) else f"Fetching failed: {type(error).__name__}."
