"""What is done to the app's own fields: only what is configured, and never to the layer's own answers."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection.exchange import Exchange
from asvs_middleware.headers import CookiePolicy, HeadersPolicy
from asvs_middleware.headers.removal import removals
from asvs_middleware.middleware import undressed
from asvs_middleware.middleware.response.rewrite import finishing, rewriting, varying

Make = Callable[..., Exchange]
Events = Callable[[], list[dict[str, Any]]]
Pair = tuple[bytes, bytes]

TELLTALE: list[Pair] = [(b"X-Powered-By", b"PHP/5"), (b"server", b"gunicorn"), (b"x-own", b"1")]
CALLED: list[Pair] = [(b"x-own", b"1")]


def sent(exchange: Exchange, pairs: Any, policy: HeadersPolicy, *, level: int = 2) -> list[Pair]:
    """Return the fields of a response after the steps, without any of ours."""
    dress = finishing(policy, level=level)(undressed)
    return list(dress(exchange, {"type": "http.response.start", "status": 200, "headers": pairs}).get("headers", ()))


def test_without_a_choice_there_is_no_step(an_exchange: Make) -> None:
    """The dress is handed on as it is: nothing is paid for."""
    assert finishing(HeadersPolicy(), level=2)(undressed) is undressed
    assert rewriting(undressed, ()) is undressed
    assert varying([]) == ()


@pytest.mark.parametrize(
    ("choices", "level", "expected"),
    [
        pytest.param({}, 2, TELLTALE, id="level 2"),
        pytest.param({}, 3, CALLED, id="level 3, v5.0.0-13.4.6"),
        pytest.param({"removes": ()}, 2, CALLED, id="asked for"),
        pytest.param({"removes": ["X-Own"]}, 2, [], id="one more"),
        pytest.param({"profile": "oshp"}, 2, CALLED, id="profile oshp"),
    ],
)
def test_removal(an_exchange: Make, choices: Any, level: int, expected: list[Pair]) -> None:
    """Names of products go at level 3, below it where the operator says so."""
    assert sent(an_exchange(), TELLTALE, HeadersPolicy(**choices), level=level) == expected


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [(b"text/html", b"text/html; charset=utf-8"), (b"application/json", b"application/json")],
)
def test_charset(an_exchange: Make, content_type: bytes, expected: bytes) -> None:
    """v5.0.0-4.1.1, in whatever letters the name is written."""
    pairs = [(b"Content-Type", content_type), (b"x", b"text/html")]
    assert sent(an_exchange(), pairs, HeadersPolicy(charset=True)) == [(b"Content-Type", expected), pairs[1]]


@pytest.mark.parametrize(
    ("scheme", "repair", "expected"),
    [
        ("https", True, b"id=1; Secure; HttpOnly; SameSite=Lax"),
        ("http", True, b"id=1; HttpOnly; SameSite=Lax"),
        ("https", False, b"id=1"),
    ],
)
def test_cookies(an_exchange: Make, events: Events, scheme: str, repair: bool, expected: bytes) -> None:
    """v5.0.0-3.3.1 to 3.3.4: mended or only reported, each kind of fault once, the value never."""
    dress = finishing(HeadersPolicy(cookies=CookiePolicy(repair=repair)), level=2)(undressed)
    message = {"type": "http.response.start", "status": 200, "headers": [(b"Set-Cookie", b"id=1"), (b"x", b"id=1")]}
    for _ in range(2):
        found = dress(an_exchange(scheme=scheme), message)["headers"]
        assert found == [(b"Set-Cookie", expected), (b"x", b"id=1")]
    told = [one for one in events() if one["event"] == "cookie_weak"]
    assert len({one["reason"] for one in told}) == len(told) > 0
    assert {one["cookie"] for one in told} == {"id"}


def test_the_layer_s_own_answers_are_left_alone(an_exchange: Make) -> None:
    """They say what they mean."""
    exchange = an_exchange()
    exchange.answered = True
    policy = HeadersPolicy(removes=["x-own"], locked={"referrer-policy", "content-security-policy"})
    pairs = [(b"x-own", b"1"), (b"referrer-policy", b"origin"), (b"content-security-policy", b"img-src *")]
    assert sent(exchange, pairs, policy) == pairs


def test_a_locked_policy_on_a_response_without_ours(an_exchange: Make) -> None:
    """A 304 carries none of ours, and the app's own then says nothing either."""
    policy = HeadersPolicy(locked={"content-security-policy"})
    assert sent(an_exchange(), [(b"Content-Security-Policy", b"img-src *"), (b"a", b"1")], policy) == [(b"a", b"1")]


Theirs = st.lists(
    st.tuples(
        st.sampled_from([b"Set-Cookie", b"content-type", b"Vary", b"server", b"Content-Security-Policy", b"X-Own"])
        | st.binary(min_size=1, max_size=6),
        st.binary(max_size=20)
        | st.sampled_from([b"a=1; Path=/", b"text/html", b"text/plain;charset=x", b"*", b"A, b"]),
    ),
    max_size=6,
)


@given(Theirs)
def test_whatever_the_app_sends(an_exchange: Make, theirs: list[Pair]) -> None:
    """Every step copes with it; what is none of their business stays, in order; the app's own list is not changed."""
    policy = HeadersPolicy(
        removes=(), charset=True, cookies=CookiePolicy(), locked={"content-security-policy", "referrer-policy"}
    )
    dress = finishing(policy, level=3, more=varying(["Accept"]))(undressed)
    before = list(theirs)
    message = {"type": "http.response.start", "status": 200, "headers": theirs}
    found = dress(an_exchange(), message)["headers"]
    assert theirs == before
    touched = {b"set-cookie", b"content-type", b"vary", b"content-security-policy"} | removals()
    assert [one for one in found if one[0].lower() not in touched] == [
        one for one in theirs if one[0].lower() not in touched
    ]
    assert sum(name.lower() == b"vary" for name, _ in found) <= max(1, sum(value == b"*" for _, value in theirs) * 6)


def test_a_message_without_headers(an_exchange: Make) -> None:
    """ASGI lets an app leave them out."""
    dress = finishing(HeadersPolicy(charset=True, locked={"content-security-policy"}), level=2)(undressed)
    assert dress(an_exchange(), {"type": "http.response.start", "status": 204})["headers"] == []
