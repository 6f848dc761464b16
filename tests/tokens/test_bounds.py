"""What grows with the traffic is bounded: the token cache and the memory of unknown kids."""

import sys
from concurrent.futures import ThreadPoolExecutor

from asvs_middleware.tokens import VerifiedToken
from asvs_middleware.tokens.cache import VerifiedTokens
from asvs_middleware.tokens.claims import verify_claims
from asvs_middleware.tokens.throttle import MOST_REMEMBERED, UnknownKids


def a_token() -> VerifiedToken:
    return verify_claims({"iss": "i", "aud": "a", "sub": "s", "exp": 100}, issuer="i", audience={"a"}, now=0, leeway=0)


def test_cache_drops_the_entry_unused_for_longest() -> None:
    """A token in use stays; a flood of others does not push it out before the idle ones."""
    cache, token = VerifiedTokens(most=2), a_token()
    cache.keep(b"a", b"1", token)
    cache.keep(b"b", b"1", token)
    assert cache.recall(b"a", b"1") is token
    cache.keep(b"c", b"1", token)
    assert (b"a" in cache, b"b" in cache, b"c" in cache, len(cache)) == (True, False, True, 2)


def test_cache_belongs_to_one_generation_of_keys() -> None:
    """When the keys change, nothing verified with the old ones is left."""
    cache = VerifiedTokens()
    cache.keep(b"a", b"1", a_token())
    assert cache.recall(b"a", b"2") is None
    assert cache.recall(b"a", b"1") is None
    assert len(cache) == 0


def test_cache_serves_several_threads() -> None:
    """No thread sees another's step half done: nothing breaks, and no token comes back with other keys than its own."""
    cache, token = VerifiedTokens(most=8), a_token()

    def keep(thread: int) -> None:
        for number in range(10_000):
            cache.keep(b"%d %d" % (thread, number), b"old", token)
            cache.keep(b"d", b"old", token)

    def recall(_thread: int) -> list[object]:
        return [found for _ in range(10_000) if (found := cache.recall(b"d", b"new"))]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor() as pool:
            keeping, recalling = pool.map(keep, range(3)), pool.map(recall, range(2))
            assert list(keeping) == [None] * 3
            assert list(recalling) == [[], []]
    finally:
        sys.setswitchinterval(before)
    assert len(cache) <= 8


def test_forget_what_is_not_there() -> None:
    """Two requests may find the same token expired."""
    VerifiedTokens().forget(b"a")


def test_bucket() -> None:
    """Two looks at once, then one each thirty seconds; a clock put back gives none."""
    now = [1000.0]
    kids = UnknownKids(lambda: now[0])
    assert [kids.may_look(str(n)) for n in range(4)] == [True, True, False, False]
    now[0] = 500
    assert not kids.may_look("a")
    now[0] = 529
    assert not kids.may_look("a")
    now[0] = 531
    assert [kids.may_look("a"), kids.may_look("a")] == [True, False]
    now[0] = 9999
    assert [kids.may_look("a") for _ in range(3)] == [True, True, False]


def test_missing_kid_is_remembered_for_a_minute() -> None:
    """Asking again for the same kid costs no look."""
    now = [1000.0]
    kids = UnknownKids(lambda: now[0])
    kids.remember("a")
    assert not kids.may_look("a")
    assert kids.may_look("b")
    now[0] += 60
    assert kids.may_look("a")


def test_memory_is_bounded() -> None:
    """The oldest note makes room."""
    kids = UnknownKids(lambda: 0.0)
    for n in [*range(1000), 999]:
        kids.remember(str(n))
    assert len(kids) == MOST_REMEMBERED
    assert kids.may_look("0")
    assert not kids.may_look("999")
