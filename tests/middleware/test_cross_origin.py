"""What a page of another site makes a browser send: v5.0.0-3.5.1 to 3.5.3 and 3.5.8."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError, CrossOriginRefused
from asvs_middleware.middleware import CrossOrigin, cross_origin_gate
from asvs_middleware.waivers import Waiver

Make = Callable[..., Any]

OURS, PARTNER, EVIL = b"https://api.example.com", b"https://partner.example", b"https://evil.example"
requests = cross_origin_gate(CrossOrigin(allowed_origins=[PARTNER.decode()]))
resources = cross_origin_gate(CrossOrigin(allowed_origins=[PARTNER.decode()], isolation="resources"))


def fields(**values: bytes | list[bytes]) -> list[tuple[bytes, bytes]]:
    names = {
        "site": b"sec-fetch-site", "mode": b"sec-fetch-mode", "dest": b"sec-fetch-dest", "origin": b"origin",
        "asks": b"access-control-request-method",
    }  # fmt: skip
    listed = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    return [(names[name], one) for name, given_values in listed.items() for one in given_values]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY", "OPTIONS", "post"])
@pytest.mark.parametrize(
    ("sent", "passes"),
    [
        pytest.param({"site": b"same-origin"}, True, id="our own page"),
        pytest.param({"site": b"same-origin", "origin": OURS}, True, id="our own page, with Origin"),
        pytest.param({"site": b"none"}, True, id="the person, not a page"),
        pytest.param({"site": b"cross-site", "origin": EVIL}, False, id="another site"),
        pytest.param({"site": b"cross-site"}, False, id="another site without Origin"),
        pytest.param({"site": b"cross-site", "origin": b"null"}, False, id="a sandboxed frame"),
        pytest.param({"site": b"same-site", "origin": b"https://www.example.com"}, False, id="a sister host"),
        pytest.param({"site": b"same-site", "origin": b"https://api.example.com:8443"}, False, id="another port"),
        pytest.param({"site": b"same-site", "origin": b"http://api.example.com"}, False, id="our page over plaintext"),
        pytest.param({"site": b"cross-site", "origin": PARTNER}, True, id="an allowed origin"),
        pytest.param({"site": b"same-site", "origin": PARTNER}, True, id="an allowed sister"),
        pytest.param({"site": b"cross-site", "origin": OURS}, False, id="a contradiction"),
        pytest.param({"site": b"cross-site", "origin": [PARTNER, PARTNER]}, False, id="an allowed origin twice"),
        pytest.param({"site": b"cross-site", "origin": [PARTNER, EVIL]}, False, id="an allowed one and another"),
        pytest.param({"site": b"cross-site", "mode": b"navigate", "dest": b"document"}, False, id="a form of theirs"),
        pytest.param({}, True, id="no browser"),
        pytest.param({"origin": OURS}, True, id="an old browser, our page"),
        pytest.param({"origin": b"HTTPS://API.example.com:443"}, True, id="our page in another spelling"),
        pytest.param({"origin": EVIL}, False, id="an old browser, another site"),
        pytest.param({"origin": b"null"}, False, id="an old browser, sandboxed"),
        pytest.param({"origin": b""}, False, id="an empty Origin"),
        pytest.param({"origin": PARTNER}, True, id="an old browser, an allowed origin"),
        pytest.param({"origin": b"https://api.example.com@evil.example"}, False, id="user information"),
        pytest.param({"origin": b"https://api.example.com.evil.example"}, False, id="our name as a prefix"),
        pytest.param({"origin": b"https://api.example.com.evil.example/api.example.com"}, False, id="a path"),
        pytest.param({"origin": [OURS, EVIL]}, False, id="ours and another"),
        pytest.param({"origin": OURS + b", " + EVIL}, False, id="ours and another in a line"),
        pytest.param({"site": b"sideways"}, False, id="an unknown site without Origin"),
        pytest.param({"site": b"sideways", "origin": OURS}, True, id="an unknown site, our Origin"),
        pytest.param({"site": b"Same-Origin", "origin": EVIL}, False, id="a site in capitals, another Origin"),
        pytest.param({"site": [b"same-origin", b"same-origin"]}, False, id="two sites without Origin"),
        pytest.param({"site": [b"same-origin", b"cross-site"], "origin": EVIL}, False, id="two sites"),
        pytest.param({"site": b"same-origin, cross-site", "origin": EVIL}, False, id="two sites in a line"),
        pytest.param({"site": b""}, False, id="an empty site"),
    ],
)
def test_a_request_that_may_change_something(a_connection: Make, method: str, sent: Any, passes: bool) -> None:
    """Our own pages and allowed ones; whatever is no browser; nobody else. The same with and without isolation."""
    connection = a_connection(*fields(**sent), method=method, scheme="https")
    for judge in (requests, resources):
        verdict = judge(connection)
        assert (verdict is None) is passes
        if verdict is not None:
            assert isinstance(verdict, CrossOriginRefused)
            assert (verdict.status, verdict.event, verdict.requirement) == (403, "malicious_cors", "v5.0.0-3.5.1")
            assert dict(verdict.headers)[b"vary"].startswith(b"Origin, Sec-Fetch-")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("sent", "isolated"),
    [
        pytest.param({}, True, id="no browser"),
        pytest.param({"site": b"same-origin", "mode": b"cors", "dest": b"image"}, True, id="our own image"),
        pytest.param({"site": b"none", "mode": b"navigate", "dest": b"document"}, True, id="the address bar"),
        pytest.param({"site": b"cross-site", "mode": b"navigate", "dest": b"document"}, True, id="a link to us"),
        pytest.param({"site": b"cross-site", "mode": b"navigate", "dest": b"iframe"}, True, id="a frame, CSP's affair"),
        pytest.param({"site": b"cross-site", "mode": b"navigate"}, True, id="a link, old browser"),
        pytest.param({"site": b"cross-site", "mode": b"navigate", "dest": b"object"}, False, id="an object"),
        pytest.param({"site": b"same-site", "mode": b"navigate", "dest": b"embed"}, False, id="an embed"),
        pytest.param({"site": b"cross-site", "mode": b"navigate", "dest": [b"document", b"embed"]}, False, id="both"),
        pytest.param({"site": b"cross-site", "mode": [b"navigate", b"cors"]}, False, id="two modes"),
        pytest.param({"site": b"cross-site", "mode": b"no-cors", "dest": b"image"}, False, id="an image of ours"),
        pytest.param({"site": b"cross-site", "mode": b"no-cors", "dest": b"script"}, False, id="a script of ours"),
        pytest.param({"site": b"cross-site", "mode": b"cors", "origin": EVIL}, False, id="a fetch"),
        pytest.param({"site": b"cross-site", "mode": b"cors", "origin": PARTNER}, True, id="an allowed fetch"),
        pytest.param({"site": b"cross-site"}, False, id="nothing but the site"),
        pytest.param({"origin": EVIL}, False, id="an old browser's fetch"),
        pytest.param({"origin": OURS}, True, id="an old browser's own fetch"),
    ],
)
def test_a_request_that_reads(a_connection: Make, method: str, sent: Any, isolated: bool) -> None:
    """Everybody may, unless resources are isolated: then a link to us works, and embedding does not."""
    connection = a_connection(*fields(**sent), method=method, scheme="https")
    assert requests(connection) is None
    assert (resources(connection) is None) is isolated


@pytest.mark.parametrize(
    ("sent", "passes"),
    [
        pytest.param({"origin": EVIL, "asks": b"POST", "site": b"cross-site"}, True, id="a preflight"),
        pytest.param({"origin": EVIL, "asks": b"POST"}, True, id="a preflight of an old browser"),
        pytest.param({"origin": b"null", "asks": b"POST"}, True, id="a preflight from a sandbox"),
        pytest.param({"origin": EVIL}, False, id="no method asked for"),
        pytest.param({"origin": EVIL, "asks": b""}, False, id="an empty method"),
        pytest.param({"origin": EVIL, "asks": [b"POST", b"PUT"]}, False, id="two methods"),
        pytest.param({"origin": [EVIL, OURS], "asks": b"POST"}, False, id="two origins"),
        pytest.param({"asks": b"POST", "site": b"cross-site"}, False, id="no Origin"),
        pytest.param({"asks": b"POST"}, True, id="no browser"),
    ],
)
def test_a_preflight(a_connection: Make, sent: Any, passes: bool) -> None:
    """It changes nothing, and CORS answers it; another OPTIONS is a request like any other: v5.0.0-3.5.2."""
    connection = a_connection(*fields(**sent), method="OPTIONS", scheme="https")
    assert (requests(connection) is None) is passes
    post = a_connection(*fields(**sent), method="POST", scheme="https")
    assert requests(post) is None or "origin" in sent or "site" in sent


def test_what_the_event_says(a_connection: Make) -> None:
    """Who sent it, and which settings would let it pass."""
    verdict = requests(a_connection(*fields(site=b"cross-site", origin=EVIL), method="POST"))
    assert isinstance(verdict, CrossOriginRefused)
    assert verdict.facts == {"origin": "https://evil.example", "site": "cross-site"}
    assert "allowed_origins" in verdict.reason
    assert "@cross_origin" in verdict.reason
    nameless = requests(a_connection(*fields(site=b"cross-site"), method="POST"))
    assert isinstance(nameless, CrossOriginRefused)
    assert nameless.facts == {"origin": None, "site": "cross-site"}
    assert "no origin" in nameless.reason
    opaque = requests(a_connection(*fields(origin=b"null"), method="POST"))
    assert isinstance(opaque, CrossOriginRefused)
    assert "no single origin" in opaque.reason


def test_only_http(a_connection: Make) -> None:
    """A handshake has a gate of its own."""
    assert requests(a_connection(*fields(origin=EVIL), type="websocket", scheme="wss")) is None


def test_a_route_is_asked_last(a_connection: Make) -> None:
    """The table of routes costs nothing until a request would be refused, and is told method and origin."""
    asked: list[Any] = []

    def allowed_here(scope: Any, method: str, origin: Any) -> bool:
        asked.append((scope["path"], method, origin and origin.host))
        return origin is not None and bool(origin.host == "evil.example")

    judge = cross_origin_gate(CrossOrigin(), allowed_here=allowed_here)
    for passing in ({"site": b"same-origin"}, {}, {"origin": OURS}):
        assert judge(a_connection(*fields(**passing), method="POST", scheme="https")) is None
    assert not asked
    assert judge(a_connection(*fields(site=b"cross-site", origin=EVIL), method="POST", path="/a")) is None
    assert judge(a_connection(*fields(site=b"cross-site", origin=PARTNER), method="PUT", path="/a")) is not None
    assert judge(a_connection(*fields(site=b"cross-site", origin=b"null"), method="PUT", path="/a")) is not None
    assert asked == [("/a", "POST", "evil.example"), ("/a", "PUT", "partner.example"), ("/a", "PUT", None)]


def test_reports_come_from_anywhere(a_connection: Make) -> None:
    """A frame in a sandbox reports to us too, without cookies and with Origin null."""
    judge = cross_origin_gate(CrossOrigin(), reports="/reports")
    sent = fields(site=b"cross-site", origin=b"null")
    assert judge(a_connection(*sent, method="POST", path="/reports")) is None
    assert judge(a_connection(*sent, method="POST", path="/reports/")) is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"isolation": "ressources"}, "Did you mean 'resources'", id="misspelt"),
        pytest.param({"websocket_without_origin": "alow"}, "Did you mean 'allow'", id="misspelt too"),
        pytest.param({"allowed_origins": ["*"]}, r"CrossOrigin\(allowed_origins\) holds '\*'", id="everybody"),
        pytest.param({"dangerously_accept_requests": "no"}, "needs a reason", id="no reason"),
    ],
)
def test_a_policy_that_cannot_be_right(options: Any, message: str) -> None:
    """Refused while the app is built."""
    with pytest.raises(ConfigurationError, match=message):
        CrossOrigin(**options)


def test_a_weakening_leaves_a_waiver() -> None:
    """For the auditor, with the reason; none otherwise."""
    assert CrossOrigin().waivers == ()
    reason = "a CSRF token guards every form"
    assert CrossOrigin(dangerously_accept_requests=reason).waivers == (
        Waiver(control="CrossOrigin(dangerously_accept_requests=...)", requirement="v5.0.0-3.5.1", reason=reason),
    )


VALUES = st.sampled_from(
    [OURS, PARTNER, EVIL, b"null", b"cross-site", b"same-site", b"same-origin", b"none", b"navigate", b"POST", b""]
) | st.binary(max_size=12)
NAMES = st.sampled_from(
    [b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"access-control-request-method", b"accept"]
)


@given(st.sampled_from(["GET", "POST", "OPTIONS", "DELETE", "x"]), st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_no_pass_the_table_does_not_allow(a_connection: Make, method: str, pairs: Any) -> None:
    """Whatever a browser is made to say: whoever changes something is ours, allowed, or no browser."""
    connection = a_connection(*pairs, method=method, scheme="https")
    values = {name: [value for key, value in pairs if key == name] for name, _ in pairs}
    site, origin = values.get(b"sec-fetch-site", []), values.get(b"origin", [])
    verdict = requests(connection)
    assert verdict is None or isinstance(verdict, CrossOriginRefused)
    if verdict is None and method != "GET":
        preflight = method == "OPTIONS" and len(origin) == 1 and b"access-control-request-method" in values
        nobody = not site and not origin
        ours = site in ([b"same-origin"], [b"none"]) or (
            origin == [OURS] and site not in ([b"cross-site"], [b"same-site"])
        )
        assert preflight or nobody or ours or origin == [PARTNER]
