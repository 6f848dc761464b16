"""What may be odd about a request: one row for each decision of the short way, and for each edge of one."""

from collections.abc import Callable
from typing import Any

from asvs_middleware.connection.field_names import LOOKALIKES, X_FORWARDED
from asvs_middleware.connection.forwarded_certificates import CertificateFields
from tests.glance.drafts import CLIENT, FOR, OURS, PROTO, PROXY, STRANGER, THEIRS, Draft, Oddity, both

LIST = THEIRS + b"," + OURS
LONGEST = len(b"access-control-request-headers")  # The longest name that needs no look at its characters.
MISSING = object()


def more(*pairs: tuple[bytes, bytes]) -> Oddity:
    return lambda made: made.fields.extend(pairs)


def first(*pairs: tuple[bytes, bytes]) -> Oddity:
    return lambda made: made.fields.__setitem__(slice(0, 0), pairs)


def instead(name: bytes, *values: bytes) -> Oddity:
    """Put these in the place of a field, at the end where there was none; no value takes it off."""

    def change(made: Draft) -> None:
        at = [number for number, pair in enumerate(made.fields) if pair[0] == name]
        kept = [pair for pair in made.fields if pair[0] != name]
        place = at[0] if at else len(kept)
        made.fields[:] = [*kept[:place], *((name, value) for value in values), *kept[place:]]

    return change


def member(**members: Any) -> Oddity:
    def change(made: Draft) -> None:
        for name, value in members.items():
            made.scope.pop(name, None) if value is MISSING else made.scope.__setitem__(name, value)

    return change


def target(path: str, **raw: Any) -> Oddity:
    return member(path=path, **{"raw_path": path.encode(), **raw})


def knows(**facts: Any) -> Oddity:
    return lambda made: made.server.known.update(facts)


def from_peer(peer: Any) -> Oddity:
    """Come from this peer; the scope says the same, as servers have it."""

    def change(made: Draft) -> None:
        made.come_from(peer, tls=made.scope["scheme"] == "https")

    return change


def _leads_nowhere(made: Draft) -> None:
    made.bound = False


def _no_transport(made: Draft) -> None:
    made.server.transport = None


def _mute_transport(made: Draft) -> None:
    made.server.transport = object()


def _on_the_same_connection(made: Draft) -> None:
    known = made.server.known
    made.server.transport = made.plan.kept.setdefault(
        (str(known["peername"]), known["sslcontext"] is None), made.server
    )


def _fill(extra: int, name: bytes = b"accept-language") -> Oddity:
    """Bring the number of fields to the limit, and so many more."""

    def change(made: Draft) -> None:
        missing = made.limits.fields + extra - len(made.fields)
        made.fields.extend([(name, b"")] * max(0, missing))

    return change


def _swell(extra: int, *, short_names: bool) -> Oddity:
    """Bring the values to what needs no sum of the names, or all bytes to the limit, and so many more."""

    def change(made: Draft) -> None:
        most = made.limits.field_bytes
        if most is not None:
            name = b"accept-language"
            values, names = (sum(len(pair[at]) for pair in made.fields) for at in (1, 0))
            room = most - made.limits.fields * LONGEST if short_names else most - names - len(name)
            made.fields.append((name, b"x" * max(0, room + extra - values)))

    return change


def _fields_are(form: Callable[[Any], Any]) -> Oddity:
    return lambda made: setattr(made, "form", form)


def _foreign(site: bytes, *pairs: tuple[bytes, bytes], method: str = "GET") -> Oddity:
    return both(member(method=method), more((b"sec-fetch-site", site), (b"origin", b"https://" + THEIRS), *pairs))


HOSTS: dict[str, Oddity] = {
    "a foreign host": instead(b"host", THEIRS),
    "a list of hosts": instead(b"host", LIST),
    "a list of hosts twice": both(instead(b"host", LIST), instead(b"x-forwarded-host", LIST)),
    "a host in capitals": instead(b"host", b"API.example.com"),
    "a host with a port": instead(b"host", OURS + b":443"),
    "a host with another port": instead(b"host", OURS + b":8443"),
    "a host with a dot": instead(b"host", OURS + b"."),
    "a host with a name before it": instead(b"host", OURS + b"@" + THEIRS),
    "a host below ours": instead(b"host", b"a.example.org"),
    "an address as host": instead(b"host", b"127.0.0.1"),
    "a name that is not public": instead(b"host", b"localhost"),
    "an empty host": instead(b"host", b""),
    "no host": instead(b"host"),
    "no host, and ours in another field": both(instead(b"host"), first((b"x-any", OURS))),
    "the host twice": instead(b"host", OURS, OURS),
    "two hosts": instead(b"host", OURS, THEIRS),
    "two hosts, the foreign one first": first((b"host", THEIRS)),
    "two hosts, the second at the end": more((b"host", THEIRS)),
    "two hosts, the first an address": first((b"host", b"127.0.0.1")),
    "the host at the end": both(instead(b"host"), more((b"host", OURS))),
    "a host in capital letters of its name": more((b"Host", THEIRS)),
}
FORWARDED: dict[str, Oddity] = {
    **{
        f"proto {value!r}": instead(b"x-forwarded-proto", value)
        for value in (b"http", b"HTTPS", b"wss", b"https, http", b"http, https", b"https,https", b"", b" https", b"ftp")
    },
    **{
        f"for {value!r}": instead(b"x-forwarded-for", value)
        for value in (
            *(b"1.2.3.4", b"junk", b"", b"1.2.3.4, 203.0.113.7", b"203.0.113.7, 10.0.0.5", b"10.0.0.5", b"unix"),
            PROXY.encode(),
            *(b"[2001:db8::7]:4711", b'"[2001:db8::7]"', b"2001:db8::7", b"203.0.113.7:80", b" 203.0.113.7"),
        )
    },
    **{
        f"forwarded host {value!r}": instead(b"x-forwarded-host", value)
        for value in (OURS, THEIRS, LIST, b"a.example.org", b"", OURS + b":443")
    },
    "proto twice": instead(b"x-forwarded-proto", b"https", b"https"),
    "proto twice, and not the same": instead(b"x-forwarded-proto", b"https", b"http"),
    "no proto": instead(b"x-forwarded-proto"),
    "for twice": instead(b"x-forwarded-for", CLIENT, CLIENT),
    "for twice, and not the same": instead(b"x-forwarded-for", CLIENT, b"10.0.0.5"),
    "for twice, the first no address": instead(b"x-forwarded-for", b"junk", b"10.0.0.5"),
    "for twice, the first empty": instead(b"x-forwarded-for", b"", CLIENT),
    "no for": instead(b"x-forwarded-for"),
    "forwarded host twice": instead(b"x-forwarded-host", OURS, THEIRS),
    "forwarded host first": first((b"x-forwarded-host", OURS)),
    "proto and for": more(PROTO, FOR),
    **{name.decode(): more((name, b"https")) for name in sorted(X_FORWARDED)},
    **{name.decode(): more((name, b"https")) for name in sorted(LOOKALIKES)[::6]},
    **{name: more((name.encode(), b"https")) for name in ("x_forwarded_proto", "x_forwarded_for", "x-real_ip")},
    **{
        f"forwarded {value!r}": more((b"forwarded", value))
        for value in (b"for=1.2.3.4;proto=https", b"proto=http", b"host=evil.example", b'for="')
    },
    "X-Forwarded-Proto in capitals": more((b"X-Forwarded-Proto", b"http")),
    **{name.decode(): more((name, b"x")) for name in sorted(CertificateFields(None).names)[::4]},
    "a certificate": more((b"client-cert", b":AAAA:")),
    "a certificate's chain": more((b"client-cert-chain", b":AAAA:")),
}
FIELDS: dict[str, Oddity] = {
    "a bad token": more((b"authorization", b"Bearer x")),
    "another scheme": more((b"authorization", b"Basic eDp5")),
    "two tokens": more((b"authorization", b"Bearer x"), (b"authorization", b"Bearer y")),
    "a key": more((b"x-api-key", b"x")),
    "a proxy's password": more((b"proxy-authorization", b"Basic eDp5")),
    "a cookie": more((b"cookie", b"a=b")),
    "it wants a page": instead(b"accept", b"text/html"),
    "our own origin": more((b"origin", b"https://" + OURS)),
    "a foreign origin": more((b"origin", b"https://" + THEIRS)),
    "two origins": more((b"origin", b"https://" + OURS), (b"origin", b"https://" + THEIRS)),
    "no origin": instead(b"origin"),
    "from a foreign page": _foreign(b"cross-site"),
    "from a foreign page that embeds it": _foreign(b"cross-site", (b"sec-fetch-dest", b"object")),
    "from a foreign page that leads to it": _foreign(b"cross-site", (b"sec-fetch-mode", b"navigate")),
    "from a foreign page that posts": _foreign(b"cross-site", method="POST"),
    "from a page beside ours": _foreign(b"same-site", method="POST"),
    "from a page of ours": _foreign(b"same-origin", method="POST"),
    "from a partner": both(member(method="POST"), more((b"origin", b"https://p.example"))),
    "a site no browser knows": _foreign(b"bogus", method="POST"),
    "a preflight": _foreign(b"cross-site", (b"access-control-request-method", b"POST"), method="OPTIONS"),
    **{
        f"length {value!r}": both(member(method="POST"), more((b"content-length", value)))
        for value in (b"0", b"9", b"10", b"11", b"-1", b"", b"1" * 20)
    },
    "a length": more((b"content-length", b"99")),
    "chunked": more((b"transfer-encoding", b"chunked")),
    "Chunked": more((b"Transfer-Encoding", b"chunked")),
    "chunked, with a length": more((b"transfer-encoding", b"chunked"), (b"content-length", b"1")),
    "a space in a name": more((b"bad name", b"")),
    "a colon in a name": more((b"a:b", b"")),
    "a name that is empty": more((b"", b"x")),
    "a name that is no ASCII": more((b"n\xe9", b"x")),
    "a name nobody knows": more((b"x-any", b"1")),
    "the longest name": more((b"x" * LONGEST, b"")),
    "a longer name": more((b"x" * (LONGEST + 1), b"")),
    "a name longer than all": more((b"x" * 40_000, b"")),
    **{f"fields: the limit and {extra}": _fill(extra) for extra in (-1, 0, 1)},
    **{f"fields nobody knows: the limit and {extra}": _fill(extra, b"x-any") for extra in (0, 1)},
    **{f"bytes: the room and {extra}": _swell(extra, short_names=True) for extra in (-1, 0, 1)},
    **{f"bytes: the limit and {extra}": _swell(extra, short_names=False) for extra in (-1, 0, 1)},
    "fields in a tuple": _fields_are(tuple),
    "fields as lists": _fields_are(lambda pairs: [list(pair) for pair in pairs]),
    "no fields": _fields_are(lambda _pairs: []),
}
MEMBERS: dict[str, Oddity] = {
    **{
        f"method {value!r}": member(method=value)
        for value in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "QUERY", "TRACE", "CONNECT", "get", "", "GET ")
    },
    **{f"scheme {value!r}": member(scheme=value) for value in ("http", "https", "HTTPS", "ws", "wss", "", None)},
    "no scheme": member(scheme=MISSING),
    **{
        f"path {value!r}": target(value)
        for value in ("/locked", "/parsed", "/answered", "/m/x", "/inner/x", "/unmarked", "/m")
    },
    **{f"path {value!r}": target(value) for value in ("", "//", "*", "x", "//evil.example/", "/a//b", "/a:/b", "/a:b")},
    **{
        f"path {value!r}": target(value)
        for value in ("http://evil.example/", "/api" + "http://evil.example/", "/://", "evil.example:443", "/x?y=://")
    },
    **{
        f"path {value!r}, no raw path": target(value, raw_path=MISSING)
        for value in ("", "x", "*", "evil.example:443", "http://evil.example/", "https://api.example.com/", "/://")
    },
    **{
        f"path {value!r} behind a root path": both(target("/api" + value), member(root_path="/api"))
        for value in ("http://evil.example/", "https://api.example.com/", "/")
    },
    "path '/locked' alone": member(path="/locked"),
    **{
        f"raw path {value!r}": target("/", raw_path=value)
        for value in (None, b"", b"*", b"x", b"//", b"https://evil.example/", b"/://", b"?")
    },
    "no raw path": member(raw_path=MISSING),
    "a root path": member(root_path="/api"),
    "a root path in the path": member(root_path="/m", path="/m/x"),
    "a query": member(query_string=b"a=://&b"),
    **{f"version {value}": member(http_version=value) for value in ("1.0", "2", "3")},
    "no version": member(http_version=MISSING),
    "a state": lambda made: made.scope.update(state={"pool": 1}),
    "a state that is None": member(state=None),
    "a caller in the state": lambda made: made.scope.update(state={"caller": "forged"}),
    "extensions": member(extensions={"tls": {"client_cert": "x"}}),
    "no extensions": member(extensions=None),
    "a key of ours": member(asvs_middleware="forged"),
    "a type nobody knows": member(type="webtransport"),
    "a handshake refused with a body": member(extensions={"websocket.http.response": {}}),
}
CONNECTIONS: dict[str, Oddity] = {
    "client unknown": member(client=None),
    "client missing": member(client=MISSING),
    "client empty": member(client=()),
    "client a list": lambda made: made.scope.update(client=list(made.scope["client"] or ())),
    "client another": member(client=("198.51.100.3", 3)),
    "client the proxy": member(client=(PROXY, 3)),
    "client put right before": member(client=(CLIENT.decode(), 0)),
    "client put right before, with a port": member(client=(CLIENT.decode(), 99)),
    "client and scheme put right before": member(client=(CLIENT.decode(), 0), scheme="https"),
    "peer unknown": from_peer(None),
    "peer the proxy": from_peer((PROXY, 5)),
    "peer another proxy": from_peer(("10.0.0.5", 5)),
    "peer the edge of the proxies": from_peer(("10.255.255.255", 5)),
    "peer beside the proxies": from_peer(("11.0.0.0", 5)),
    "peer the proxy in IPv6": from_peer(("::ffff:10.0.0.1", 5, 0, 0)),
    "peer with a zone": from_peer(("fe80::1%eth0", 5, 0, 0)),
    "peer a socket file": from_peer("/run/app.sock"),
    "peer a stranger": from_peer((STRANGER, 5)),
    "transport the proxy's": knows(peername=(PROXY, 5)),
    "transport a stranger's": knows(peername=(STRANGER, 5)),
    "transport has no peer": knows(peername=None),
    "transport over TLS": knows(sslcontext=object()),
    "transport in clear": knows(sslcontext=None, ssl_object=None),
    "transport in clear, scheme too": both(knows(sslcontext=None), member(scheme="http")),
    "transport over TLS, scheme too": both(knows(sslcontext=object()), member(scheme="https")),
    "transport with a TLS object alone": knows(sslcontext=None, ssl_object=object()),
    "receive leads nowhere": _leads_nowhere,
    "receive leads nowhere, from the proxy": both(from_peer((PROXY, 5)), _leads_nowhere),
    "no transport, from the proxy": both(from_peer((PROXY, 5)), _no_transport),
    "on the connection of the one before": _on_the_same_connection,
    "no transport": _no_transport,
    "a transport that says nothing": _mute_transport,
}
ASKED = HOSTS | FORWARDED | FIELDS | MEMBERS | CONNECTIONS
