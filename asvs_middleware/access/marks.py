"""What a mark says: @sensitive asks for a proof, @public gives the reason why none is asked for.

v5.0.0-8.2.1 (functions open only to callers with a permission), v5.0.0-10.3.2 (scopes), v5.0.0-10.3.4 (age and
strength of the login), v5.0.0-10.3.5 (sender-constrained tokens), v5.0.0-12.1.3 (certificate identity).
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal, TypeVar, get_args

from ..certificates import IdentityPattern
from ..errors import ConfigurationError
from ..names import known
from ..tokens import scope_token
from ..waivers import stated_reason

MARK: Final = "__asvs_mark__"
"""The attribute a mark is found under, on a function, a class or an ASGI app."""

ENFORCED: Final = "__asvs_enforced__"
"""Set on what enforces a mark itself, as opposed to what merely carries one."""

Bound = Literal["mtls"]
Place = Literal["prefix", "mount", "router"]
"""What can carry a mark for all that is below it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sensitive:
    """Needs a proof before it runs.

    Attributes:
        token: a bearer token is needed.
        scopes: all of them have to be in the token.
        bound: `mtls`: the token has to be bound to the client certificate (RFC 8705).
        max_age: how long ago the login may have been (RFC 9470).
        acr: authentication context classes, one of which the token has to carry.
        certificate: a verified client certificate is needed.
        identities: one of them has to match the certificate; none means any verified one.
    """

    token: bool
    scopes: tuple[str, ...]
    bound: Bound | None
    max_age: timedelta | None
    acr: tuple[str, ...]
    certificate: bool
    identities: tuple[IdentityPattern, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Public:
    """Open to everyone, for a reason an auditor can read.

    Attributes:
        reason: why.
        overrides: the places round it whose @sensitive mark is not asked for here.
    """

    reason: str
    overrides: frozenset[Place] = frozenset()


Mark = Sensitive | Public

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Marking:
    """What sensitive(...) and public(...) return: called, it marks an endpoint; in a policy, it marks a path prefix.

    Attributes:
        mark: what it says.
        put: puts a mark on an endpoint, and returns what is to be registered in its place.
    """

    mark: Mark
    put: Callable[[Any, Mark], Any]

    def __call__(self, endpoint: _T) -> _T:
        """Return the endpoint, marked."""
        marked: _T = self.put(endpoint, self.mark)
        return marked


def sensitive_mark(
    *,
    scopes: str | Iterable[str] = (),
    bound: Bound | None = None,
    max_age: timedelta | int | None = None,
    acr: str | Iterable[str] = (),
    client_certificate: bool | str | IdentityPattern | Iterable[str | IdentityPattern] = False,
) -> Sensitive:
    """Return the mark; see `sensitive` for the arguments."""
    wanted = _texts(scopes, argument="scopes")
    classes = _texts(acr, argument="acr")
    if bound is not None:
        known(bound, {"mtls"}, where="@sensitive(bound=)")
    identities = _identities(client_certificate)
    age = None if max_age is None else _age(max_age)
    by_certificate = client_certificate is not False
    asks_token = bool(wanted or classes or bound or age is not None)
    return Sensitive(
        token=asks_token or not by_certificate,
        scopes=wanted,
        bound=bound,
        max_age=age,
        acr=classes,
        certificate=by_certificate,
        identities=identities,
    )


def public_mark(*, reason: str, overrides: Place | Iterable[Place] = ()) -> Public:
    """Return the mark of an endpoint that asks for no proof; see `public` for the arguments."""
    if isinstance(overrides, bytes) or not isinstance(overrides, Iterable):
        raise ConfigurationError(
            f"@public(overrides={overrides!r}) names no place.", fix="Write prefix, mount or router, or leave it out."
        )
    places = [overrides] if isinstance(overrides, str) else list(overrides)
    return Public(
        reason=stated_reason(reason, for_what="@public"),
        overrides=frozenset(_place(one) for one in places),
    )


def mark_of(endpoint: Any, method: str = "GET") -> Mark | None:
    """Return the mark of an endpoint; of a class-based endpoint without one, that of the method's handler."""
    found = getattr(endpoint, MARK, None)
    if isinstance(found, Public) and inspect.isclass(endpoint) and MARK not in vars(endpoint):
        found = None  # The reason was given for another class; this one may do more.
    if found is None and inspect.isclass(endpoint):
        handler = getattr(endpoint, method.lower(), None) or (
            getattr(endpoint, "get", None) if method == "HEAD" else None
        )
        found = getattr(handler, MARK, None)
    return found if isinstance(found, (Sensitive, Public)) else None


def enforces(endpoint: Any, method: str = "GET") -> bool:
    """Whether the endpoint itself refuses to run without the proof its mark asks for.

    Of a class, `dispatch` does, or the method's handler; a subclass may have replaced either.
    """
    if isinstance(endpoint, type):
        own = getattr(endpoint, MARK, None) is not None
        endpoint = getattr(endpoint, "dispatch" if own else method.lower(), None)
    return bool(getattr(endpoint, ENFORCED, False))


def _place(given: Any) -> Place:
    known(given, get_args(Place), where="@public(overrides=)")
    place: Place = given
    return place


def _age(given: object) -> timedelta:
    try:
        age = timedelta(seconds=given) if isinstance(given, (int, float)) and given is not True else given
    except (ValueError, OverflowError):  # Not a number; more than a timedelta holds.
        age = None
    if not isinstance(age, timedelta) or age <= timedelta():
        raise ConfigurationError(
            f"@sensitive(max_age={given!r}) is no time a login could be old.",
            fix="Give seconds or a timedelta, such as max_age=300.",
        )
    return age


def _texts(given: object, *, argument: str) -> tuple[str, ...]:
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"@sensitive({argument}={given!r}) is no text and no list of texts.", fix="Name one, or leave it out."
        )
    texts = given.split() if isinstance(given, str) else list(given)
    if isinstance(given, str) and not texts:  # A setting that came out empty must not ask for less.
        raise ConfigurationError(f"@sensitive({argument}={given!r}) is empty.", fix="Name one, or leave it out.")
    return tuple(scope_token(text) for text in texts)


def _identities(given: object) -> tuple[IdentityPattern, ...]:
    if isinstance(given, bool):
        return ()
    texts = [given] if isinstance(given, str | IdentityPattern) else list(given) if isinstance(given, Iterable) else []
    if not texts:
        raise ConfigurationError(
            f"@sensitive(client_certificate={given!r}) accepts nobody.",
            fix="Name the identities, or write client_certificate=True for any verified certificate.",
        )
    return tuple(IdentityPattern.parse(text) for text in texts)
