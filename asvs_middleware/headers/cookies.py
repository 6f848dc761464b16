"""Cookies as they leave the app: Secure, HttpOnly, SameSite and `__Host-`. v5.0.0-3.3.1 to 3.3.4; RFC 6265bis.

The app makes its cookies; here a missing attribute is added, or only reported. Never changed: a cookie's name or
value, an attribute the app set, and whatever cannot be read. Not checked: what a cookie is for.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from ..errors import ConfigurationError
from ..names import known

SameSite = Literal["Strict", "Lax"]

_PREFIXES: Final = (b"__host-", b"__secure-")


class Fault(NamedTuple):
    """What one cookie lacks; `name` is the cookie's, never its value."""

    name: str
    missing: str
    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CookiePolicy:
    """What becomes of cookies.

    Attributes:
        repair: add what is missing; otherwise it is only reported.
        same_site: what is added where the app says nothing.
        readable: names of cookies that scripts read, such as one with a CSRF token: these need no HttpOnly.

    Raises:
        ConfigurationError: same_site is misspelt, or readable is one text.
    """

    repair: bool = True
    same_site: SameSite = "Lax"
    readable: Collection[str] = ()

    def __post_init__(self) -> None:
        known(self.same_site, {"Strict", "Lax"}, where="CookiePolicy(same_site=)")
        if isinstance(self.readable, str):
            raise ConfigurationError(
                f"CookiePolicy(readable={self.readable!r}) is one text.", fix=f"Write a list: [{self.readable!r}]."
            )
        object.__setattr__(self, "readable", frozenset(self.readable))


class Cookie(NamedTuple):
    """One Set-Cookie field, read as browsers do (RFC 6265bis section 5.6): names of attributes in lower case."""

    name: bytes
    attributes: dict[bytes, bytes]


def parse(value: bytes) -> Cookie | None:
    """Return the cookie; None for a field that browsers ignore.

    >>> parse(b"id=1; Secure; samesite=Lax")
    Cookie(name=b'id', attributes={b'secure': b'', b'samesite': b'Lax'})
    """
    pair, *rest = value.split(b";")
    name, equals, _ = pair.partition(b"=")
    if not equals or not name.strip() or not _plain(value):
        return None
    parts = (part.partition(b"=") for part in rest)
    return Cookie(name.strip(), {key.strip().lower(): said.strip() for key, _, said in parts})


def mended(value: bytes, policy: CookiePolicy, *, over_tls: bool = True) -> tuple[bytes, tuple[Fault, ...]]:
    """Return the field as it should go out, and what was missing.

    Over plaintext no Secure is added: the browser would drop the cookie, and plaintext is the fault to mend.

    >>> mended(b"id=1", CookiePolicy())[0]
    b'id=1; Secure; HttpOnly; SameSite=Lax'
    """
    cookie = parse(value)
    if cookie is None:
        return value, ()
    faults = []
    added = b""
    for missing, attribute, requirement in _lacking(cookie, policy):
        if missing == "Secure" and not over_tls:
            continue
        faults.append(Fault(cookie.name.decode("latin-1"), missing, requirement))
        added += attribute
    return (value.rstrip(b"; \t") + added if policy.repair and added else value), tuple(faults)


def mender(policy: CookiePolicy, report: Callable[[Fault], None]) -> Callable[[bytes, bool], bytes]:
    """Return the function for one field value and whether TLS is spoken; each kind of fault is reported once.

    The memory holds 256 faults: names of cookies are the app's, few unless it makes them up.
    """
    told: set[Fault] = set()

    def mend(value: bytes, over_tls: bool) -> bytes:
        result, faults = mended(value, policy, over_tls=over_tls)
        for fault in faults:
            if fault not in told and len(told) < _TOLD_AT_MOST:
                told.add(fault)
                report(fault)
        return result

    return mend


_TOLD_AT_MOST: Final = 256


def _lacking(cookie: Cookie, policy: CookiePolicy) -> list[tuple[str, bytes, str]]:
    """Return what is missing: its word, what to add, and who asks for it."""
    has = cookie.attributes
    lower = cookie.name.lower()
    lacking = []
    if b"secure" not in has:
        lacking.append(("Secure", b"; Secure", "v5.0.0-3.3.1"))
    if b"httponly" not in has and cookie.name.decode("latin-1") not in policy.readable:
        lacking.append(("HttpOnly", b"; HttpOnly", "v5.0.0-3.3.4"))
    if has.get(b"samesite", b"").lower() not in {b"strict", b"lax", b"none"}:
        lacking.append(("SameSite", f"; SameSite={policy.same_site}".encode("ascii"), "v5.0.0-3.3.2"))
    if not lower.startswith(_PREFIXES):
        lacking.append(("a __Host- or __Secure- name", b"", "v5.0.0-3.3.1"))
    elif lower.startswith(b"__host-") and (has.get(b"path") != b"/" or b"domain" in has):
        lacking.append(("Path=/ without Domain, which a __Host- name asks for", b"", "v5.0.0-3.3.3"))
    return lacking


def _plain(value: bytes) -> bool:
    return all(octet >= 0x20 and octet != 0x7F for octet in value)
