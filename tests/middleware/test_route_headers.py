"""@headers: what may be said, and where it may stand."""

from functools import partial
from typing import Any

import pytest
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import CSP, ContentSecurityPolicy
from asvs_middleware.middleware import RouteHeaders, dangerously_below_level, headers
from asvs_middleware.middleware.routes.route_headers import UNSET, choices_of, marked_routers, misplaced
from asvs_middleware.waivers import Waiver


async def endpoint(request: Request) -> Response:
    return Response()


def fresh() -> Any:
    """Return a function that carries nothing yet."""

    async def endpoint(request: Request) -> Response:
        return Response()

    return endpoint


class Methods(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return Response()


class AsgiApp:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def method(self, request: Request) -> Response:
        return Response()


class Slotted:
    __slots__ = ()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    "carrier",
    [
        pytest.param(fresh(), id="function"),
        pytest.param(type("Own", (Methods,), {}), id="class"),
        pytest.param(AsgiApp(), id="ASGI app"),
        pytest.param(AsgiApp().method, id="bound method"),
        pytest.param(partial(fresh()), id="partial"),
        pytest.param(Router(), id="router"),
    ],
)
def test_what_may_carry_headers(carrier: Any) -> None:
    """The object itself comes back, and says what was attached; a second decorator adds, the upper one stronger."""
    assert headers(referrer="no-referrer")(carrier) is carrier
    headers(cache_control="no-cache")(carrier)
    first, second = choices_of(carrier)
    assert (first.referrer, first.cache_control) == ("no-referrer", UNSET)
    assert (second.referrer, second.cache_control) == (UNSET, "no-cache")


@pytest.mark.parametrize(
    ("carrier", "message"),
    [
        pytest.param(Slotted(), "cannot carry headers. Put them on a function", id="no attributes"),
        pytest.param(len, "cannot carry headers", id="built in"),
        pytest.param(int, "cannot carry headers", id="built-in class"),
        pytest.param("text", "cannot stand on a str", id="no callable"),
        pytest.param(None, "cannot stand on a NoneType", id="nothing"),
    ],
)
def test_what_cannot_carry_headers(carrier: Any, message: str) -> None:
    """Nothing is dropped in silence."""
    with pytest.raises(ConfigurationError, match=message):
        headers(referrer="no-referrer")(carrier)


def test_a_foreign_attribute_is_no_choice() -> None:
    """Only what @headers attached counts."""
    carrier = fresh()
    carrier.__asvs_headers__ = "referrer"
    assert choices_of(carrier) == ()


def test_routers_are_remembered_once() -> None:
    """The widest first: the choices of a router inside it are stronger."""
    narrow, wide = Router(), Router()
    wide.add_route("/a", endpoint)
    wide.add_route("/b", endpoint)
    for _ in range(2):
        headers(referrer="no-referrer")(narrow)
        headers(referrer="no-referrer")(wide)
    # By identity: Starlette calls two routers with equal routes equal.
    ours = [router for router in marked_routers() if router is narrow or router is wide]
    assert [len(router.routes) for router in ours] == [2, 0]


def test_a_choice_on_a_method() -> None:
    """It is found, so that it can be refused: routing names the class."""

    class Inside(HTTPEndpoint):
        @headers(cache_control="no-cache")
        async def get(self, request: Request) -> Response:
            return Response()

    assert misplaced(Inside) == "get"
    assert misplaced(Methods) is None
    assert misplaced(endpoint) is None


WAIVER = dangerously_below_level("v5.0.0-3.4.6", reason="partners frame this page")


@pytest.mark.parametrize(
    ("choices", "chosen"),
    [
        ({"preset": "web"}, {"preset"}),
        ({"csp": None, "referrer": None}, {"csp", "referrer"}),
        ({"csp": CSP.append(img_src=["data:"])}, {"csp"}),
        ({"csp": ContentSecurityPolicy({})}, {"csp"}),
        ({"permissions": {"camera": ["self"]}}, {"permissions"}),
        ({"coop": None, "coep": "credentialless", "corp": "cross-origin"}, {"coop", "coep", "corp"}),
        ({"clear_site_data": ("cookies", "storage"), "cache_control": None}, {"clear_site_data", "cache_control"}),
        ({"attachment": "report.csv", "vary": ["Accept"]}, {"attachment", "vary"}),
        ({"extra": {"x-robots-tag": "noindex"}, "waiver": WAIVER}, {"extra", "waiver"}),
    ],
    ids=str,
)
def test_what_may_be_said(choices: Any, chosen: set[str]) -> None:
    """Each argument alone; what is not named is inherited, and None is something said."""
    assert RouteHeaders(**choices).chosen == chosen


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param({"preset": "webb"}, "Did you mean 'web'", id="preset"),
        pytest.param({"csp": "default-src 'self'"}, r"is no policy\. Write csp=CSP\.append", id="csp as text"),
        pytest.param({"csp": True}, "is no policy", id="csp as a switch"),
        pytest.param({"referrer": "no-referer"}, "Did you mean 'no-referrer'", id="referrer"),
        pytest.param({"permissions": {"camra": []}}, "Did you mean 'camera'", id="permissions"),
        pytest.param({"coop": "same-site"}, "Choose from|Did you mean", id="coop"),
        pytest.param({"coep": "require"}, "require-corp", id="coep"),
        pytest.param({"corp": "same"}, "same-site", id="corp"),
        pytest.param({"cache_control": "no-cache\r\nset-cookie: a=1"}, "is no field value", id="injection"),
        pytest.param({"cache_control": 60}, "is no field value", id="a number"),
        pytest.param({"cache_control": 'public, x="a, private'}, "no list of Cache-Control", id="an open quote"),
        pytest.param({"clear_site_data": "cookies"}, "is no list", id="clear_site_data as text"),
        pytest.param({"clear_site_data": ["cookie"]}, "Did you mean 'cookies'", id="clear_site_data"),
        pytest.param({"attachment": "../x"}, "no plain file name", id="attachment"),
        pytest.param({"vary": "Accept"}, "vary='Accept' is no list", id="vary as text"),
        pytest.param({"vary": ["Acc ept"]}, "vary holds 'acc ept', which is no field name", id="vary"),
        pytest.param({"vary": [1]}, "vary holds 1", id="vary as a number"),
        pytest.param({"extra": {"X-Robots-Tag": "a"}}, "no field name. Write it in lower case", id="extra in capitals"),
        pytest.param({"extra": {"x-robots-tag": "a\n"}}, "is no field value", id="extra with a line end"),
        pytest.param({"extra": {"set-cookie": "a=1"}}, "belongs to the app", id="extra for a cookie"),
        pytest.param({"extra": {"cache-control": "a"}}, "has an argument of its own", id="extra for an argument"),
        pytest.param({"extra": {"cdn-cache-control": "a"}}, "tells a cache to keep every response", id="for a CDN"),
        pytest.param({"extra": {"surrogate-control": "a"}}, "Set it on the response", id="for a CDN, as of old"),
        pytest.param({"extra": {"strict-transport-security": "a"}}, "has an argument", id="extra for HSTS"),
        pytest.param({"permissions": "camera"}, "permissions='camera' is no mapping", id="permissions as text"),
        pytest.param({"extra": ["x"]}, "is no mapping", id="extra as a list"),
        pytest.param({"referrer": 1}, "does not know 1", id="referrer as a number"),
        pytest.param({"attachment": 1}, "no plain file name", id="attachment as a number"),
        pytest.param({"vary": 1}, "vary=1 is no list", id="vary as no list"),
        pytest.param({"waiver": "because"}, "is no waiver. Write waiver=dangerously_below_level", id="waiver"),
        pytest.param({"waiver": [WAIVER, "because"]}, "is no waiver", id="one of several waivers"),
    ],
)
def test_what_may_not_be_said(choices: Any, message: str) -> None:
    """Said at import, where it is written, with the way out."""
    with pytest.raises(ConfigurationError, match=message):
        RouteHeaders(**choices)
    with pytest.raises(ConfigurationError, match=message):
        headers(**choices)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: headers(endpoint), r"without parentheses. Write @headers\(...\)", id="no parentheses"),
        pytest.param(lambda: headers(), "says nothing", id="nothing said"),
    ],
)
def test_an_empty_decorator(make: Any, message: str) -> None:
    """It would look as if something had been done."""
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_a_waiver() -> None:
    """It names a requirement that headers of a route can miss, and a reason an auditor can read."""
    assert isinstance(WAIVER, Waiver)
    assert (WAIVER.requirement, WAIVER.reason) == ("v5.0.0-3.4.6", "partners frame this page")
    with pytest.raises(ConfigurationError, match=r"does not know 'v5\.0\.0-3\.4\.66'"):
        dangerously_below_level("v5.0.0-3.4.66", reason="partners frame this page")
    with pytest.raises(ConfigurationError, match=r"does not know 'v5\.0\.0-12\.2\.1'"):
        dangerously_below_level("v5.0.0-12.2.1", reason="partners frame this page")
    with pytest.raises(ConfigurationError, match="three words"):
        dangerously_below_level("v5.0.0-3.4.6", reason="because")
    assert RouteHeaders(waiver=WAIVER).waivers == RouteHeaders(waiver=[WAIVER]).waivers == (WAIVER,)


def test_nothing_said_is_shown_as_such() -> None:
    """In the repr of a choice."""
    assert repr(UNSET) == "UNSET"
