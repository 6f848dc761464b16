"""The issuer's keys under load, under attack and during an outage. The issuer serves real documents from memory."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import anyio
import pytest

from asvs_middleware.errors import DependencyUnavailable, TokenRefused
from asvs_middleware.tokens.aside import run_aside
from asvs_middleware.tokens.keysource import KeySource

pytestmark = pytest.mark.anyio

ISSUER = "https://idp.example"
METADATA_URL = f"{ISSUER}/.well-known/oauth-authorization-server"
OPENID_URL = f"{ISSUER}/.well-known/openid-configuration"


@pytest.fixture
def source(issuer: Any, clock: Any) -> KeySource:
    return KeySource(ISSUER, algorithms=("ES256",), fetcher=issuer, clock=clock)


async def outcomes(*calls: Callable[[], Any]) -> list[Any]:
    """Run all calls at once; a refusal is an outcome too."""
    results: list[Any] = []

    async def one(call: Callable[[], Any]) -> None:
        try:
            results.append(await call())
        except (DependencyUnavailable, TokenRefused) as refusal:
            results.append(refusal)

    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(one, call)
    return results


async def settle() -> None:
    """Let work aside finish."""
    for _ in range(10):
        await anyio.sleep(0)


def test_building_one_fetches_nothing(issuer: Any, source: KeySource) -> None:
    """No network in a constructor; the health report does not fetch either."""
    health = source.health()
    assert (health.age, health.stale, health.failures) == (None, False, 0)
    assert issuer.fetched == []


async def test_found_by_oauth_metadata(issuer: Any, source: KeySource, clock: Any) -> None:
    """RFC 8414 metadata first, then the keys; once for all further tokens."""
    keys, key = await source.find("ec-1", "ES256")
    assert keys.by_kid["ec-1"] is key
    await source.find("ec-1", "ES256")
    assert issuer.fetched == [METADATA_URL, f"{ISSUER}/keys"]
    clock.now += 60
    assert source.health().age == timedelta(seconds=60)


async def test_found_by_openid_metadata(issuer: Any, source: KeySource, clock: Any) -> None:
    """The second place serves when the first is missing or another issuer's, and comes first the next time."""
    issuer.documents[OPENID_URL] = issuer.documents.pop(METADATA_URL)
    await source.current()
    assert issuer.fetched[:2] == [METADATA_URL, OPENID_URL]
    clock.now += 700
    issuer.fetched.clear()
    await source.current()
    assert issuer.fetched == [OPENID_URL, f"{ISSUER}/keys"]


async def test_both_reasons_are_told(issuer: Any, source: KeySource, caplog: pytest.LogCaptureFixture) -> None:
    """One event tells what was wrong at each place; the text of a foreign exception is left out."""
    issuer.serve(OPENID_URL, {"issuer": "https://evil.example", "jwks_uri": "https://evil.example/keys"})
    del issuer.documents[METADATA_URL]
    with pytest.raises(DependencyUnavailable, match=r"Fetching failed: KeyError\. The metadata is another issuer's"):
        await source.current()
    (record,) = caplog.records
    assert record.message == "keys_unavailable"
    assert record.levelno == logging.WARNING
    assert record.asvs["requirement"] == "v5.0.0-16.5.2"
    assert record.asvs["keys_held"] is False


async def test_single_flight(issuer: Any, source: KeySource) -> None:
    """20 concurrent callers, one fetch."""
    issuer.delay = 0.01
    found = await outcomes(*[source.current] * 20)
    assert len(found) == 20
    assert len(set(map(id, found))) == 1
    assert issuer.key_fetches == 1


async def test_concurrent_callers_share_one_failure(issuer: Any, source: KeySource, clock: Any) -> None:
    """Cold and unreachable: 503 for all, one attempt, and a short pause before the next."""
    issuer.down, issuer.delay = True, 0.01
    for refusal in await outcomes(*[source.current] * 20):
        assert isinstance(refusal, DependencyUnavailable)
        assert (refusal.status, refusal.headers) == (503, ((b"retry-after", b"5"),))
        assert "secret" not in refusal.reason
    assert issuer.fetched == [METADATA_URL, OPENID_URL]
    issuer.down = False
    with pytest.raises(DependencyUnavailable, match="a moment ago"):
        await source.current()
    assert source.health().failures == 1
    clock.now += 1
    await source.current()
    assert source.health().failures == 0


async def test_cancelled_leader(issuer: Any, source: KeySource) -> None:
    """When the caller who fetches goes away, one of those who wait takes over."""
    issuer.delay = 0.2
    results: list[Any] = []

    async def follower() -> None:
        results.append(await source.current())

    async with anyio.create_task_group() as group:
        leader = anyio.CancelScope()

        async def lead() -> None:
            with leader:
                await source.current()

        group.start_soon(lead)
        await anyio.sleep(0.01)
        group.start_soon(follower)
        group.start_soon(follower)
        await anyio.sleep(0)
        leader.cancel()
    assert len(results) == 2
    assert issuer.fetched.count(METADATA_URL) == 2


async def test_hanging_fetcher(issuer: Any, clock: Any) -> None:
    """A fetcher without a deadline of its own does not hold the flight for ever."""
    issuer.delay = 30
    source = KeySource(ISSUER, algorithms=("ES256",), fetcher=issuer, clock=clock, patience=timedelta(milliseconds=20))
    with pytest.raises(DependencyUnavailable, match="TimeoutError"):
        await source.current()


async def test_the_loop_is_never_blocked(issuer: Any, source: KeySource) -> None:
    """While a slow issuer is asked, other tasks run."""
    issuer.delay = 0.2
    done = list[str]()

    async def asks() -> None:
        await source.current()
        done.append("keys")

    async def other() -> None:
        for _ in range(20):
            await anyio.sleep(0)
        done.append("other")

    async with anyio.create_task_group() as group:
        group.start_soon(asks)
        group.start_soon(other)
    assert done == ["other", "keys"]


async def test_renewed_aside(issuer: Any, source: KeySource, clock: Any) -> None:
    """After eight of ten minutes the keys are renewed, once, and nobody waits for it."""
    first = await source.current()
    issuer.publish("ec-1", "ec-2")
    clock.now += 479
    await source.current()
    await settle()
    assert issuer.key_fetches == 1
    clock.now += 1
    for _ in range(50):
        assert await source.current() is first
    await settle()
    assert issuer.key_fetches == 2
    assert set((await source.current()).by_kid) == {"ec-1", "ec-2"}
    assert source.health().age == timedelta(0)


async def test_expired_keys_are_fetched_before_use(issuer: Any, source: KeySource, clock: Any) -> None:
    """After a quiet time the first caller waits: a key withdrawn meanwhile must not serve once more."""
    await source.current()
    issuer.publish("ec-2")
    clock.now += 600
    assert set((await source.current()).by_kid) == {"ec-2"}


async def test_outage_keeps_old_keys(issuer: Any, source: KeySource, clock: Any) -> None:
    """CVE-2026-48524: a failing endpoint wipes nothing; held keys serve for an hour more, then it is a 503."""
    first = await source.current()
    issuer.down = True
    clock.now += 600
    assert await outcomes(*[source.current] * 20) == [first] * 20
    assert issuer.fetched.count(METADATA_URL) == 2
    assert source.health().stale
    clock.now += 10
    await outcomes(*[source.current] * 20)
    await settle()
    assert issuer.fetched.count(METADATA_URL) == 2
    clock.now += 20
    await outcomes(*[source.current] * 20)
    await settle()
    assert issuer.fetched.count(METADATA_URL) == 3
    clock.now += 1200
    assert await source.current() is first
    clock.now += 2370
    with pytest.raises(DependencyUnavailable, match="Fetching failed: ConnectionError"):
        await source.current()
    issuer.down = False
    clock.now += 1
    assert (await source.current()).generation == first.generation
    assert not source.health().stale


async def test_compromised_set_is_not_taken(issuer: Any, source: KeySource, clock: Any, jwk: Any) -> None:
    """A set that suddenly holds a private key counts as a failed fetch."""
    first = await source.current()
    issuer.serve(f"{ISSUER}/keys", {"keys": [jwk("ec-1", d="AAAA")]})
    clock.now += 600
    assert await source.current() is first
    assert source.health().failures == 1


async def test_clock_put_back(issuer: Any, source: KeySource, clock: Any) -> None:
    """Keys from the future are fetched again rather than believed for as long as the clock lags."""
    await source.current()
    clock.now -= 3600
    await source.current()
    assert issuer.key_fetches == 2
    issuer.down = True
    clock.now -= 3600
    with pytest.raises(DependencyUnavailable, match="Fetching failed"):
        await source.current()


async def test_new_key_is_found_at_once(issuer: Any, source: KeySource) -> None:
    """A kid nobody knows causes one look, shared by all who ask at that moment."""
    await source.current()
    issuer.publish("ec-1", "ec-2")
    issuer.delay = 0.01
    found = await outcomes(*[lambda: source.find("ec-2", "ES256")] * 20)
    assert {key.kid for _, key in found} == {"ec-2"}
    assert issuer.key_fetches == 2


async def test_flood_of_unknown_kids(issuer: Any, source: KeySource) -> None:
    """CVE-2026-48524: 1,000 invented kids cause three fetches at most, and are refused as forgeries."""
    for n in range(1000):
        with pytest.raises(TokenRefused, match="no key that the token names"):
            await source.find(f"random-{n}", "ES256")
    assert issuer.key_fetches <= 3
    await source.find("ec-1", "ES256")


async def test_known_missing_kid_is_not_looked_for_again(issuer: Any, source: KeySource, clock: Any) -> None:
    """The same wrong kid costs one look a minute."""
    for _ in range(10):
        with pytest.raises(TokenRefused, match="no key that the token names"):
            await source.find("gone", "ES256")
        clock.now += 5
    assert issuer.key_fetches == 2


async def test_unknown_kid_while_the_issuer_is_away(issuer: Any, source: KeySource) -> None:
    """The check could not be made: 503, and the kid is not remembered as wrong."""
    await source.current()
    issuer.down = True
    with pytest.raises(DependencyUnavailable, match="Fetching failed"):
        await source.find("ec-2", "ES256")
    assert await source.find("ec-1", "ES256")


async def test_no_kid_causes_no_look(issuer: Any, source: KeySource) -> None:
    """Without a kid there is nothing to look for."""
    issuer.publish("ec-1", "ec-2")
    with pytest.raises(TokenRefused, match="no key that the token names"):
        await source.find(None, "ES256")
    assert issuer.key_fetches == 1


def test_one_source_on_several_loops(issuer: Any, source: KeySource, clock: Any) -> None:
    """Test clients and reloaders run one loop after another, and one may die in mid-flight."""
    for _ in range(3):
        asyncio.run(source.current())  # type: ignore[arg-type]
        clock.now += 600
    assert issuer.key_fetches == 3
    issuer.delay = 30
    dead = asyncio.new_event_loop()
    abandoned = dead.create_task(source.current())
    dead.run_until_complete(asyncio.sleep(0.01))
    issuer.delay = 0
    asyncio.run(source.current())  # type: ignore[arg-type]
    assert issuer.key_fetches == 4
    abandoned.cancel()
    dead.run_until_complete(asyncio.wait([abandoned]))
    dead.close()
    asyncio.run(source.current())  # type: ignore[arg-type]
    assert issuer.key_fetches == 4


def test_work_aside_without_asyncio() -> None:
    """On a loop whose tasks all have a parent the work is done in place: no loop at all stands for it here."""
    done = []

    async def work() -> None:
        done.append(1)

    with pytest.raises(StopIteration):
        run_aside(work).send(None)
    assert done == [1]
