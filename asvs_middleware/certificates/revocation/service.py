"""Fetch what revocation checks need: lists while the app runs, and answers when they are asked for. v5.0.0-12.1.4.

Nothing here is in the way of a request that has all it needs, nor of a handshake. Lists are looked at on a schedule and
parsed in a thread; what is newer, signed and in force takes the place of what was there, and verdicts of before are
forgotten. A request that misses a list or an answer waits for it, a few seconds at most, and is refused with a 503
where it does not come (v5.0.0-16.5.2).

    service = RevocationService(verifier, fetcher=..., clock=time.time)
    async with service.running():    # round the app's lifespan: looks once, and goes on looking
        ...
    service.wake()                   # from any thread: look now, for instance after a reload of files

Where no lifespan runs, lists are fetched when the first certificate asks for them.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final, TypeVar

import anyio
from anyio import to_thread

from ..verifier import ClientCertificateVerifier
from .change import refuse_worse_list
from .crl import Key, RevocationList, read_lists
from .fetching import RevocationFetcher
from .files import ListFiles
from .flight import Flights
from .happened import fault_of, say_failed, say_refreshed, say_stale, shown
from .lists import PATIENCE, RevocationUnknown
from .ocsp_asking import Asking
from .points import Place, Places
from .policy import RevocationPolicy

Result = TypeVar("Result")

PAUSE: Final = timedelta(seconds=30)
"""Between two looks at a place that requests cause."""

_BREATH: Final = 0.5
"""Seconds until wake() is heard. It may be called in any thread, so no event of one loop can carry it."""

_UNFINISHED: Final = "It was not waited for."

Found = list[tuple[Key, RevocationList]]


class RevocationService:
    """Keeps one verifier supplied. Its sources are those of the policy it begins with.

    Args:
        verifier: whose checks are served; it asks here from now on.
        fetcher: carries requests.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        verifier: ClientCertificateVerifier,
        *,
        fetcher: RevocationFetcher,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._verifier, self._fetcher, self._clock = verifier, fetcher, clock
        self._policy = verifier.policy.revocation_policy or RevocationPolicy()
        self._places = Places(self._policy)
        self._files = ListFiles(verifier)
        self._flights = Flights()
        self._asking = Asking(fetcher, verifier.fetched, self._now)
        self._asked = False
        self._looked: datetime | None = None
        self._stale: set[tuple[str, int]] = set()
        verifier.informant = self

    @asynccontextmanager
    async def running(self) -> AsyncIterator["RevocationService"]:
        """Look once, for a few seconds at most, then go on looking in the background until the end of the block."""
        with anyio.move_on_after(PATIENCE):
            await self.refresh()
        raised = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._go_on)
            try:
                yield self
            except Exception as error:  # noqa: BLE001  # Raised below, as it was: a task group would wrap it.
                raised = error
            group.cancel_scope.cancel()
        if raised is not None:
            raise raised

    def wake(self) -> None:
        """Have everything looked at now. Returns at once; may be called from any thread."""
        self._asked = True

    @property
    def is_awake(self) -> bool:
        """Whether wake() was called and nobody has looked since."""
        return self._asked

    async def refresh(self) -> None:
        """Look at every place and every file now, whether it is time or not. Whatever they do, it never fails."""
        self._asked, self._looked = False, self._now()
        async with anyio.create_task_group() as group:
            group.start_soon(_aside, self._files.look, self._now())
            for place in self._places:
                group.start_soon(self._look, place)
        self._notice_stale()

    async def learn(self, unknown: RevocationUnknown) -> bool:
        """Fetch what a check missed, and tell whether something new has come.

        Called again at once, it does not ask again: a failure is shared for a moment by whoever comes.
        """
        revocation = self._verifier.policy.revocation
        responder = revocation.responder_of(unknown.issuer) if revocation else None
        if revocation is None or responder is None:
            return await self._find_list(unknown)
        check = partial(revocation.check_signer, issuer=unknown.issuer, at=self._now(), fetched=self._verifier.fetched)
        return await self._asking.ask(responder, unknown.certificate, unknown.issuer, check)

    async def _find_list(self, unknown: RevocationUnknown) -> bool:
        at = self._now()
        places = self._places.for_certificate(unknown.certificate, unknown.issuer)
        brought = list[bool]()

        async def look(place: Place) -> None:
            brought.append(await self._look(place))

        async with anyio.create_task_group() as group:
            for place in places:
                if place.may_try(at, PAUSE) or place in self._flights:
                    group.start_soon(look, place)
        return any(brought)

    async def _go_on(self) -> None:
        while True:
            await anyio.sleep(_BREATH)
            at = self._now()
            if self._asked or self._looked is None or not timedelta(0) <= at - self._looked < self._policy.every:
                await self.refresh()
                continue
            async with anyio.create_task_group() as group:
                for place in self._places:
                    if place.is_due(at, self._policy.every):
                        group.start_soon(self._look, place)

    async def _look(self, place: Place) -> bool:
        """Look at one place, and tell whether it had something new."""
        return await self._flights.share(place, partial(self._fetch, place))

    async def _fetch(self, place: Place) -> bool:
        at, before = self._now(), place.fault
        place.tried, place.fault = at, before or _UNFINISHED  # Whoever fetches may be cancelled on the way.
        try:
            found = await self._newer(place, at)
        except Exception as error:  # noqa: BLE001  # A refusal: whatever came from there, what is in force stays.
            place.fault = fault_of(error)
            if place.fault != before:  # Once for each fault, and not for each look.
                say_failed(place.fault, source=place.url)
            return False
        place.fault = ""
        self._put(found, place.url, at)
        return bool(found)

    async def _newer(self, place: Place, at: datetime) -> Found:
        """Return the lists of a place that are not in force yet.

        Raises:
            Exception: any, when there is none that can be relied on.
        """
        document = await self._fetcher.fetch_list(place.url, tag=place.tag)
        if document is None or sha256(document.data).digest() == place.seen:
            return []
        policy = self._verifier.policy
        issuers = (*policy.anchors, *policy.authorities) if place.issuer is None else (place.issuer,)
        found = await _aside(read_lists, document.data, issuers, shown(place.url))
        held = self._verifier.fetched.lists
        own = policy.revocation.lists if policy.revocation else {}
        for key, new in found:
            for old in (held.get(key), own.get(key)):
                refuse_worse_list(old, new, at)
        place.tag, place.seen = document.tag, sha256(document.data).digest()
        place.life = min(new.next_update - new.this_update for _, new in found)
        return [(key, new) for key, new in found if held.get(key) != new]

    def _put(self, found: Found, source: str, at: datetime) -> None:
        if not found:
            return
        self._verifier.fetched.put(found)
        self._verifier.forget()
        for _, new in found:
            say_refreshed(new, source=source, at=at)

    def _notice_stale(self) -> None:
        """Say once of each list that ended that it did: with a grace, nobody else would notice."""
        revocation, at = self._verifier.policy.revocation, self._now()
        for one in self._lists_in_force() if revocation else ():
            key = (one.issuer, one.number)
            if at >= one.next_update and key not in self._stale:
                self._stale.add(key)
                say_stale(one, until=one.next_update + self._policy.grace)

    def _lists_in_force(self) -> Iterable[RevocationList]:
        policy = self._verifier.policy
        for issuer in (*policy.anchors, *policy.authorities):
            yield from policy.revocation.lists_of(issuer, self._verifier.fetched) if policy.revocation else ()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


async def _aside(work: Callable[..., Result], *arguments: Any) -> Result:
    """Do work in a thread, whatever other threads of the app are waiting for. Who is cancelled leaves it behind."""
    return await to_thread.run_sync(work, *arguments, limiter=anyio.CapacityLimiter(1), abandon_on_cancel=True)
