"""Headers on a response start: each of ours once, the app's own first, nothing of the app's changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection.exchange import Exchange
from asvs_middleware.headers import (
    CSP_NAME,
    NO_STORE,
    NONCE,
    STYLE_NONCE,
    ContentSecurityPolicy,
    HeadersPolicy,
    Reports,
    header_set,
)
from asvs_middleware.headers.presets import web_csp
from asvs_middleware.middleware import dresser, undressed
from asvs_middleware.middleware.response.dress import kind_of

Make = Callable[..., Exchange]

WEB_CSP = web_csp(2)
API, WEB = (header_set(preset, HeadersPolicy(), level=2) for preset in ("api", "web"))
HSTS = b"strict-transport-security"
HTML, JSON = (b"content-type", b"text/html; charset=utf-8"), (b"content-type", b"application/json")
DRESS = {choice: dresser(choice, api=API, web=WEB) for choice in ("api", "web", "mixed")}


def start(*pairs: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(pairs)}


def dressed(
    exchange: Exchange, *pairs: tuple[bytes, bytes], choice: str = "api", status: int = 200
) -> dict[bytes, bytes]:
    """Return the headers of a response; a name that stands twice is an error."""
    found = DRESS[choice](exchange, start(*pairs, status=status))["headers"]
    assert len({name for name, _ in found}) == len(found)
    return dict(found)


LIST = b"permissions-policy"


def _untouched(pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the fields that nothing here may change: what is never ours, and what is there in one line."""
    names = [name.lower() for name, _ in pairs]
    ours = {name for name, _ in API.always + WEB.always} | {CSP_NAME, HSTS}
    return [pair for pair, name in zip(pairs, names, strict=True) if name not in ours or names.count(name) == 1]


Name = st.sampled_from(
    [name for name, _ in API.always + WEB.always]
    + [CSP_NAME, HSTS, b"cache-control", b"content-type", b"set-cookie", b"x-other", b"vary"]
).flatmap(lambda name: st.sampled_from([name, name.upper(), name.title()]))
Theirs = st.lists(st.tuples(Name | st.binary(min_size=1, max_size=9), st.binary(max_size=9)), max_size=8)


@given(
    Theirs,
    st.sampled_from(["list", "tuple", "generator", "lists of lists"]),
    st.sampled_from(["api", "web", "mixed"]),
    st.sampled_from([200, 304, 500]),
)
def test_what_the_app_sent_survives(
    an_exchange: Make, theirs: list[tuple[bytes, bytes]], shape: str, choice: str, status: int
) -> None:
    """Its fields come first, unchanged and in order; each of ours is there once, unless the app has it already.

    Permissions-Policy is a list with members of both, and several lines of a field become one (headers/merge.py).
    """
    exchange = an_exchange()
    headers: Any = {
        "list": lambda: list(theirs),
        "tuple": lambda: tuple(theirs),
        "generator": lambda: (pair for pair in theirs),
        "lists of lists": lambda: [list(pair) for pair in theirs],
    }[shape]()
    found = DRESS[choice](exchange, {"type": "http.response.start", "status": status, "headers": headers})["headers"]
    told = {name.lower() for name, _ in theirs}
    kept = [tuple(pair) for pair in found if pair[0].lower() in told]
    assert [pair for pair in found if pair[0].lower() in told] == found[: len(kept)]
    survived = [pair for pair in _untouched(theirs) if pair[0].lower() != LIST]
    assert [pair for pair in kept if pair in survived] == survived
    added = [name for name, _ in found[len(kept) :]]
    assert len(set(added)) == len(added)
    present = {name.lower() for name, _ in found}
    assert {name for name, _ in API.always} & {name for name, _ in WEB.always} - {b"referrer-policy"} <= present
    assert HSTS in present
    assert status == 304 or CSP_NAME in present


@pytest.mark.parametrize("shape", [tuple, iter, lambda pairs: map(list, pairs)], ids=["tuple", "iterator", "lists"])
@pytest.mark.parametrize("choice", DRESS)
def test_headers_of_any_shape(an_exchange: Make, choice: str, shape: Any) -> None:
    """What the server may read once only is read once: the result is that of a list."""
    message = start(HTML, (b"x-other", b"1"))
    expected = DRESS[choice](an_exchange(), message)
    found = DRESS[choice](an_exchange(), {**message, "headers": shape(message["headers"])})
    assert [tuple(pair) for pair in found["headers"]] == [tuple(pair) for pair in expected["headers"]]


@given(
    Theirs,
    st.sampled_from(list(DRESS)),
    st.sampled_from([200, 204, 304, 404, 500]),
    st.tuples(st.booleans(), st.booleans()),
)
def test_the_short_way_sends_what_the_whole_one_does(
    an_exchange: Make, theirs: list[tuple[bytes, bytes]], choice: str, status: int, asked: tuple[bool, bool]
) -> None:
    """An exchange in which something happened takes the whole way; what is sent is the same, proven or not."""
    short, whole = an_exchange(), an_exchange()
    whole.reached = None  # An event that says nothing about headers.
    assert whole.happened is not None
    nonce, proven = asked
    if proven:
        short.proofs = whole.proofs = {"mark": object()}
    if nonce:
        whole.nonce = short.make_nonce()
    message = start(*theirs, status=status)
    assert DRESS[choice](short, message) == DRESS[choice](whole, message)


@pytest.mark.parametrize("headers", [[HTML], (HTML,), []], ids=["list", "tuple", "empty"])
def test_the_app_s_message_is_not_changed(an_exchange: Make, headers: Any) -> None:
    """An app may send one message object a thousand times, and to several clients."""
    message = {"type": "http.response.start", "status": 200, "headers": headers, "trailers": True}
    before = {**message, "headers": type(headers)(headers)}
    first = DRESS["web"](an_exchange(), message)
    second = DRESS["web"](an_exchange(), message)
    assert message == before
    assert first == second
    assert first["trailers"] is True


def test_a_message_without_headers(an_exchange: Make) -> None:
    """ASGI lets an app leave them out."""
    found = DRESS["api"](an_exchange(), {"type": "http.response.start", "status": 204})
    assert dict(found["headers"]) == dict([*API.always, API.hsts, API.csp])


def test_dressing_twice_changes_nothing(an_exchange: Make) -> None:
    """Two layers round one app send each header once."""
    exchange = an_exchange()
    once = DRESS["web"](exchange, start(HTML))
    assert DRESS["web"](exchange, once) == once


@pytest.mark.parametrize("name", [b"x-frame-options", b"X-Frame-Options", b"X-FRAME-OPTIONS"])
def test_the_app_s_own_value_wins(an_exchange: Make, name: bytes) -> None:
    """In whatever letters: two values of one field would contradict each other."""
    found = DRESS["web"](an_exchange(), start(HTML, (name, b"SAMEORIGIN")))["headers"]
    assert [value for key, value in found if key.lower() == b"x-frame-options"] == [b"SAMEORIGIN"]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({}, True, id="TLS and a domain name"),
        pytest.param({"host": b"API.example.com:8443"}, True, id="with a port"),
        pytest.param({"scheme": "http"}, False, id="plaintext"),
        pytest.param({"host": b"localhost:8443"}, False, id="localhost"),
        pytest.param({"host": b"192.0.2.1"}, False, id="an address"),
        pytest.param({"host": b"[::1]"}, False, id="an IPv6 address"),
        pytest.param({"host": b"no host"}, False, id="a malformed host"),
        pytest.param({"host": None}, False, id="no host"),
    ],
)
@pytest.mark.parametrize("choice", ["api", "web", "mixed"])
def test_hsts(an_exchange: Make, choice: str, members: Any, expected: bool) -> None:
    """Over TLS only (RFC 6797 section 7.2), and only for domain names; everything else is sent all the same."""
    found = dressed(an_exchange(**members), HTML, choice=choice)
    assert (HSTS in found) is expected
    assert CSP_NAME in found


@pytest.mark.parametrize(
    ("pairs", "status", "page"),
    [
        pytest.param([HTML], 200, True, id="HTML"),
        pytest.param([(b"Content-Type", b"Text/HTML")], 200, True, id="HTML in other letters"),
        pytest.param([(b"content-type", b"application/xhtml+xml")], 200, True, id="XHTML"),
        pytest.param([HTML], 500, True, id="an error page"),
        pytest.param([JSON], 200, False, id="JSON"),
        pytest.param([(b"content-type", b"image/svg+xml")], 200, False, id="SVG, which may hold script"),
        pytest.param([(b"content-type", b"application/pdf")], 200, False, id="PDF"),
        pytest.param([(b"vary", b"accept"), HTML], 200, True, id="not the first field"),
        pytest.param([], 204, False, id="nothing"),
    ],
)
def test_mixed_goes_by_content_type(an_exchange: Make, pairs: Any, status: int, page: bool) -> None:
    """HTML is a page; whatever else a browser might render gets the policy under which nothing loads."""
    found = dressed(an_exchange(), *pairs, choice="mixed", status=status)
    assert found[CSP_NAME] == (WEB if page else API).csp[1]
    assert (b"x-frame-options" in found) is page
    assert (b"cross-origin-embedder-policy" in found) is not page


def test_two_content_types(an_exchange: Make) -> None:
    """Whichever a browser takes, the stricter policy of a call does not help a page that smuggles itself in."""
    found = DRESS["mixed"](an_exchange(), start(JSON, HTML))["headers"]
    assert API.csp in found


@pytest.mark.parametrize(("choice", "kept"), [("api", True), ("web", False), ("mixed", False)])
def test_a_304_does_not_replace_a_stored_policy(an_exchange: Make, choice: str, kept: bool) -> None:
    """RFC 9111 section 4.3.4: its fields replace the stored page's, whose nonce is another one."""
    found = dressed(an_exchange(), choice=choice, status=304)
    assert (CSP_NAME in found) is kept
    assert b"x-content-type-options" in found


def test_a_304_of_a_mixed_app_has_only_what_both_presets_share(an_exchange: Make) -> None:
    """It carries no content type: what is sent has to fit a stored page and a stored call."""
    found = dressed(an_exchange(), choice="mixed", status=304)
    assert found == dict([*(set(API.always) & set(WEB.always)), WEB.hsts])


def test_a_304_with_a_nonce(an_exchange: Make) -> None:
    """A nonce that was asked for in vain does not come with it."""
    exchange = an_exchange()
    exchange.make_nonce()
    assert CSP_NAME not in dressed(exchange, choice="web", status=304)


def test_a_nonce_that_was_asked_for(an_exchange: Make) -> None:
    """The policy carries it, and no cache may keep the page: v5.0.0-14.3.2, v5.0.0-14.2.2."""
    exchange = an_exchange()
    nonce = exchange.make_nonce()
    found = dressed(exchange, HTML, choice="web")
    assert f"script-src 'self' 'nonce-{nonce}'" in found[CSP_NAME].decode()
    assert found[b"cache-control"] == b"private, no-store"
    assert nonce not in str(dressed(an_exchange(), HTML, choice="web"))


def test_a_nonce_nobody_asked_for(an_exchange: Make) -> None:
    """There is none, and the page may be kept."""
    found = dressed(an_exchange(), HTML, choice="web")
    assert b"nonce" not in found[CSP_NAME]
    assert b"cache-control" not in found


def test_a_nonce_without_a_place(an_exchange: Make) -> None:
    """The policy of an API has none; it stays whole."""
    exchange = an_exchange()
    exchange.make_nonce()
    assert dressed(exchange)[CSP_NAME] == API.csp[1]


def test_what_a_proof_was_needed_for_is_not_kept(an_exchange: Make) -> None:
    """v5.0.0-14.3.2; an app that set a lifetime of its own knows better."""
    exchange = an_exchange()
    exchange.proofs = {"mark": object()}
    assert dressed(exchange, JSON)[b"cache-control"] == b"private, no-store"
    private = (b"cache-control", b"private, max-age=60")
    assert dressed(exchange, JSON, private)[b"cache-control"] == b"private, max-age=60"


def test_undressed(an_exchange: Make) -> None:
    """A layer without headers hands the message on."""
    message = start(HTML)
    assert undressed(an_exchange(), message) is message


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"public, max-age=60", b"private, max-age=60"),
        (b"max-age=60", b"private, max-age=60"),
        (b"private, max-age=60", b"private, max-age=60"),
        (b"no-store", b"no-store"),
    ],
)
@pytest.mark.parametrize("reason", ["a nonce", "a proof"])
def test_no_shared_cache_keeps_what_was_made_for_one_caller(
    an_exchange: Make, reason: str, said: bytes, expected: bytes
) -> None:
    """v5.0.0-14.2.2: a shared copy would hand one visitor's nonce, or what only one caller may see, to the next."""
    exchange = an_exchange()
    if reason == "a nonce":
        exchange.make_nonce()
    else:
        exchange.proofs = {"mark": object()}
    assert dressed(exchange, HTML, (b"cache-control", said), choice="web")[b"cache-control"] == expected


TRIAL = ContentSecurityPolicy({"script-src": [NONCE], "style-src": [STYLE_NONCE]})
STYLED = header_set(
    "web",
    HeadersPolicy(csp=WEB_CSP.replace(style_src=["'self'", STYLE_NONCE]), csp_report_only=TRIAL, reports=Reports()),
    level=2,
)


@pytest.mark.parametrize("asked", [(), ("script",), ("style",), ("script", "style")], ids=" and ".join)
@pytest.mark.parametrize("status", [200, 304])
def test_two_nonces_in_two_policies(an_exchange: Make, asked: tuple[str, ...], status: int) -> None:
    """Each kind stands where the policy has a place for it, in the enforced and in the report-only policy."""
    exchange = an_exchange()
    script = exchange.make_nonce() if "script" in asked else "-"
    style = exchange.make_style_nonce() if "style" in asked else "-"
    message = start(HTML, status=status)
    found = dict(dresser("web", api=API, web=STYLED)(exchange, message)["headers"])
    assert (NO_STORE in found.items()) is bool(asked)
    if status == 304:
        assert CSP_NAME not in found
        return
    for name in (CSP_NAME, CSP_NAME + b"-report-only"):
        directives = dict(one.partition(" ")[::2] for one in found[name].decode().split("; "))
        assert (f"'nonce-{script}'" in directives["script-src"]) is ("script" in asked)
        assert (f"'nonce-{style}'" in directives["style-src"]) is ("style" in asked)
        assert found[name].count(b"'nonce-") == len(asked)


@pytest.mark.parametrize(
    ("scheme", "host", "upgraded"),
    [("https", b"shop.example", True), ("https", b"localhost", True), ("http", b"shop.example", False)],
)
def test_what_is_upgraded(an_exchange: Make, scheme: str, host: bytes, upgraded: bool) -> None:
    """Only a page that came over TLS asks for it: on a page over plaintext it breaks what is there."""
    policy = dressed(an_exchange(scheme=scheme, host=host), HTML, choice="web")[CSP_NAME]
    assert (b"upgrade-insecure-requests" in policy) is upgraded


KEPT = header_set("web", HeadersPolicy(cache_control="public, max-age=60"), level=2)
CACHING = {
    "web": dresser("web", api=API, web=KEPT),
    "mixed": dresser("mixed", api=API, web=KEPT),
    "mixed, both": dresser("mixed", api=KEPT, web=KEPT),
}


@pytest.mark.parametrize(
    ("status", "answered", "choice", "kept"),
    [
        pytest.param(200, False, "web", True, id="it worked"),
        pytest.param(307, False, "web", True, id="a redirect"),
        pytest.param(404, False, "web", False, id="not found"),
        pytest.param(500, False, "web", False, id="broken"),
        pytest.param(308, True, "web", False, id="the layer's own redirect"),
        pytest.param(304, False, "web", True, id="unchanged"),
        pytest.param(304, False, "mixed", False, id="unchanged, and nobody knows what"),
        pytest.param(304, False, "mixed, both", True, id="unchanged, and both say the same"),
    ],
)
def test_a_lifetime_is_for_answers_that_worked(
    an_exchange: Make, status: int, answered: bool, choice: str, kept: bool
) -> None:
    """An error kept for a minute would outlive its cause."""
    exchange = an_exchange()
    exchange.answered = answered
    found = dict(CACHING[choice](exchange, start(HTML, status=status))["headers"])
    assert (found.get(b"cache-control") == b"public, max-age=60") is kept


def test_a_proof_and_the_operator_s_own_word(an_exchange: Make) -> None:
    """How long is the operator's to say, but no other caller gets it; a nonce must never come back at all."""
    exchange = an_exchange()
    exchange.proofs = {"mark": object()}
    assert dict(CACHING["web"](exchange, start(HTML))["headers"])[b"cache-control"] == b"private, max-age=60"
    exchange.make_nonce()
    assert dict(CACHING["web"](exchange, start(HTML))["headers"])[b"cache-control"] == b"private, no-store"


SAYING = {
    "nothing": HeadersPolicy(),
    "what browsers ask first": HeadersPolicy(cache_control="no-cache"),
    "a lifetime for all": HeadersPolicy(cache_control="public, max-age=60"),
    "a profile's": HeadersPolicy(profile="oshp"),
}


@pytest.mark.parametrize("policy", SAYING.values(), ids=SAYING)
@pytest.mark.parametrize("choice", ["api", "web", "mixed"])
@pytest.mark.parametrize("status", [200, 304, 404])
@pytest.mark.parametrize("reason", [(), ("a nonce",), ("a proof",), ("a style nonce",), ("a nonce", "a proof")])
def test_the_app_s_own_word_is_made_private_whatever_the_policy_says(
    an_exchange: Make, policy: HeadersPolicy, choice: Any, status: int, reason: tuple[str, ...]
) -> None:
    """v5.0.0-14.2.2: an operator's word on caching is for what the app leaves open, and no leave to share."""
    exchange = an_exchange()
    if "a nonce" in reason:
        exchange.make_nonce()
    if "a style nonce" in reason:
        exchange.make_style_nonce()
    if "a proof" in reason:
        exchange.proofs = {"mark": object()}
    styled = replace(policy, csp=WEB_CSP.replace(style_src=["'self'", STYLE_NONCE]))
    dress = dresser(choice, api=header_set("api", policy, level=2), web=header_set("web", styled, level=2))
    found = dict(dress(exchange, start(HTML, (b"cache-control", b"public, max-age=3600"), status=status))["headers"])
    # Also where the policy has no place for the nonce: the app may have put it into one of its own.
    assert found[b"cache-control"] == (b"private, max-age=3600" if reason else b"public, max-age=3600")


@pytest.mark.parametrize("policy", SAYING.values(), ids=SAYING)
@pytest.mark.parametrize("choice", ["api", "web"])
def test_caching_is_never_harmless(policy: HeadersPolicy, choice: Any) -> None:
    """What is ready beforehand merges nothing: an app that speaks of caching gets the whole way."""
    ready = dresser(choice, **{kind: header_set(kind, policy, level=2) for kind in ("api", "web")}).ready
    assert ready is not None
    assert b"cache-control" not in ready.harmless
    assert b"content-type" in ready.harmless


def test_a_profile_that_forbids_storing(an_exchange: Make) -> None:
    """It says so once, whether a proof was needed or not."""
    exchange = an_exchange()
    exchange.proofs = {"mark": object()}
    exchange.make_nonce()
    oshp = header_set("web", HeadersPolicy(profile="oshp"), level=2)
    found = dresser("web", api=API, web=oshp)(exchange, start(HTML))["headers"]
    assert [value for name, value in found if name == b"cache-control"] == [b"no-store, max-age=0"]


def test_a_field_that_is_ours_for_once(an_exchange: Make) -> None:
    """Content-Disposition is nearly always the app's; where the policy sends one, the app's own still wins."""
    attached = header_set("api", HeadersPolicy(attachment="api.json"), level=2)
    dress = dresser("api", api=attached, web=WEB)
    own = (b"content-disposition", b"inline")
    for pairs, expected in (([JSON], b'attachment; filename="api.json"'), ([JSON, own], b"inline")):
        found = dress(an_exchange(), start(*pairs))["headers"]
        assert [value for name, value in found if name == b"content-disposition"] == [expected]


@pytest.mark.parametrize(
    ("choice", "content_type", "expected"),
    [
        ("api", "text/html", "api"),
        ("web", "application/json", "web"),
        ("mixed", "Text/HTML; charset=utf-8", "web"),
        ("mixed", "application/json", "api"),
    ],
)
def test_which_kind_a_response_is(choice: Any, content_type: str, expected: str) -> None:
    """What explain() says is what dress does."""
    assert kind_of(choice, content_type) == expected
