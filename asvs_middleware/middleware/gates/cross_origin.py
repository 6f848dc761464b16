"""Refuse what a page of another site makes a visitor's browser send: v5.0.0-3.5.1, 3.5.2, 3.5.3 and 3.5.8.

Fetch Metadata first (Sec-Fetch-Site, -Mode, -Dest: no script can set them), then Origin against Host for browsers
that do not send it. A request with neither comes from no browser of the last years, so nobody's cookies are abused;
it passes. Not decided here: which origins may read an answer; that is CORS, and the app's CORSMiddleware.

| method | the browser says | verdict |
|---|---|---|
| OPTIONS with Origin and Access-Control-Request-Method | anything | passes: it changes nothing, CORS answers |
| GET, HEAD | anything, `isolation="requests"` | passes |
| GET, HEAD | cross-site or same-site, `isolation="resources"` | a navigation passes, but into object or embed |
| any other | same-origin, none | passes |
| any other | cross-site, same-site | passes with one allowed Origin, else refused |
| any other | several values, an unknown value | passes with one Origin, ours or allowed, else refused |
| any other | nothing | the same, and passes without Origin |

What would be refused passes where the route it goes to says so (cross_origin_routes.py).
A route that changes something on GET is out of reach here: v5.0.0-3.5.3 is the app's own duty.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final, NamedTuple

from starlette.types import Scope

from ...connection import Connection
from ...connection.glance import Ordinary
from ...errors import CrossOriginRefused
from .cross_origin_policy import CrossOrigin
from .origins import Origin, own_origin, parse_origin
from .verdict import Gate, Verdict

AllowedHere = Callable[[Scope, str, Origin | None], bool]
"""Whether a route of its own allows this origin: path in the scope, method, origin; None where none is named."""

READING: Final = frozenset({"GET", "HEAD"})
_OURS: Final = frozenset({b"same-origin", b"none"})
_FOREIGN: Final = frozenset({b"same-site", b"cross-site"})
_PLUGINS: Final = frozenset({b"object", b"embed"})
_FIELDS: Final = frozenset({
    b"access-control-request-method", b"origin", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site",
})  # fmt: skip
VARIES_BY: Final = ("Origin", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site")
"""What an answer depends on with `isolation="resources"`: whoever keeps one has to know (RFC 9110 section 12.5.5)."""

_VARY: Final = (b"vary", ", ".join(VARIES_BY).encode("ascii"))


class Sender(NamedTuple):
    """What a browser says about where a request comes from; every value of each field, in order."""

    origin: tuple[bytes, ...] = ()
    site: tuple[bytes, ...] = ()
    mode: tuple[bytes, ...] = ()
    destination: tuple[bytes, ...] = ()
    asks_method: tuple[bytes, ...] = ()


def cross_origin_gate(
    policy: CrossOrigin,
    *,
    https_port: int = 443,
    allowed_here: AllowedHere | None = None,
    reports: str | None = None,
) -> Gate:
    """Return the gate for HTTP requests; the Host gate has to stand before it. WebSockets are none of its business.

    Args:
        policy: the operator's choice.
        https_port: where TLS is served, for an Origin whose port a proxy has taken out of the Host.
        allowed_here: asked only when a request would be refused otherwise.
        reports: the path of the report collector: browsers send reports for other sites' frames too, without cookies.
    """
    allowed = policy.origins
    unlooked = frozenset() if policy.isolation == "resources" else READING

    def judge(connection: Connection) -> Verdict:
        scope = connection.scope
        if scope["type"] != "http" or scope["method"] in unlooked:
            return None
        method: str = scope["method"]
        sender = sender_of(scope)
        if method == "OPTIONS" and is_preflight(sender):
            return None
        refusal = judge_sender(sender, connection, allowed, https_port=https_port)
        if refusal is None or (reports is not None and scope["path"] == reports):
            return None
        if allowed_here is not None and allowed_here(scope, method, the_origin(sender)):
            return None
        return refusal

    return judge


def from_anywhere(ordinary: Ordinary, policy: CrossOrigin) -> Ordinary:
    """Return the ordinary requests that pass this gate too, wherever they come from: those that only read."""
    methods = frozenset() if policy.isolation == "resources" else READING.intersection(ordinary.methods)
    return replace(ordinary, methods=methods)


def judge_sender(
    sender: Sender, connection: Connection, allowed: Collection[Origin], *, https_port: int = 443
) -> CrossOriginRefused | None:
    """Judge one request that is no preflight, by the table above as it is with `isolation="resources"`."""
    site = sender.site[0] if len(sender.site) == 1 else None
    if site in _OURS or not (sender.site or sender.origin):
        return None
    if connection.scope["method"] in READING and _navigates(sender):
        return None
    origin = the_origin(sender)
    if origin is not None:
        # Where the browser itself says cross-site, an Origin that looks like ours is a contradiction.
        ours = site not in _FOREIGN and own_origin(connection, origin, https_port=https_port)
        if ours or origin in allowed:
            return None
    return _refused(sender, origin)


def the_origin(sender: Sender) -> Origin | None:
    """Return the one Origin that is named; None for none, several, `null`, and what is no origin."""
    return parse_origin(sender.origin[0]) if len(sender.origin) == 1 else None


def is_preflight(sender: Sender) -> bool:
    """Whether an OPTIONS request is a CORS preflight (Fetch section 4.8): it names one Origin and one method."""
    return len(sender.origin) == 1 and len(sender.asks_method) == 1 and bool(sender.asks_method[0])


def sender_of(scope: Scope) -> Sender:
    """Collect the fields that say where a request comes from."""
    found: dict[bytes, tuple[bytes, ...]] = {}
    for name, value in scope["headers"]:
        if name in _FIELDS:
            found[name] = (*found.get(name, ()), value)
    return Sender(
        found.get(b"origin", ()),
        found.get(b"sec-fetch-site", ()),
        found.get(b"sec-fetch-mode", ()),
        found.get(b"sec-fetch-dest", ()),
        found.get(b"access-control-request-method", ()),
    )


def _navigates(sender: Sender) -> bool:
    """Whether a person follows a link to us; an object or embed is a page of theirs that shows one of ours."""
    into = sender.destination
    return sender.mode == (b"navigate",) and len(into) < 2 and not _PLUGINS.intersection(into)


def _refused(sender: Sender, origin: Origin | None) -> CrossOriginRefused:
    named = "no origin" if not sender.origin else "an origin that is not allowed" if origin else "no single origin"
    site = b", ".join(sender.site).decode("latin-1")
    return CrossOriginRefused(
        f"A browser sent the request for another site's page; it names {named}. If that page is a partner's, add its "
        "origin to CrossOrigin(allowed_origins=...) or to @cross_origin(allow=...) on the route.",
        headers=[_VARY],
        facts={"origin": b", ".join(sender.origin).decode("latin-1") or None, "site": site or None},
    )
