"""@headers(...): what one route, router, mount or prefix says differently from the policy around it.

v5.0.0-3.4.3 to 3.4.6, v5.0.0-14.3.1, v5.0.0-14.3.2. Only data is attached here; header_routes.py puts it together
once, when the app starts. What is left out is inherited: nothing has a default of its own that could loosen a policy
by being there.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from enum import Enum
from typing import Any, Final, Literal, TypeVar

from starlette.routing import Router

from ...errors import ConfigurationError
from ...headers import ContentSecurityPolicy, CSPChange, Isolation
from ...headers.caching import checked as cache_control_value
from ...headers.clear_site_data import render as clear_site_data_value
from ...headers.content_type import attachment as attachment_value
from ...headers.fields import field_name, field_value
from ...headers.isolation import Embedder, Opener, Resource
from ...headers.merge import targeted
from ...headers.permissions import render as permissions_value
from ...headers.policy import LOCKABLE
from ...headers.referrer import render as referrer_value
from ...names import known
from ...waivers import Waiver

HEADERS: Final = "__asvs_headers__"
"""The attribute choices are found under, on a function, a class, a router or an ASGI app."""


class Unset(Enum):
    """Says that nothing was said."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET

_T = TypeVar("_T")

_MANAGED: Final = frozenset(LOCKABLE) | {
    "cache-control", "clear-site-data", "connection", "content-disposition", "content-encoding", "content-length",
    "content-type", "location", "set-cookie", "transfer-encoding", "vary", "www-authenticate",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RouteHeaders:
    """What differs from the policy around it. UNSET is inherited; None sends no such field.

    Attributes:
        preset: `api` or `web` for every response, or `mixed` to go by the content type.
        csp: a policy, or a change: `CSP.append(...)`, `CSP.replace(...)`.
        referrer: the Referrer-Policy token.
        permissions: features to open, with their allowlists, beside those that are open already.
        coop: Cross-Origin-Opener-Policy.
        coep: Cross-Origin-Embedder-Policy.
        corp: Cross-Origin-Resource-Policy.
        cache_control: on responses below 400, unless they carry a nonce.
        clear_site_data: what the browser forgets, on responses below 400, such as `("cookies", "storage")`.
        attachment: a file name for Content-Disposition, so that nobody opens the answer as a page.
        vary: names added to Vary.
        extra: any other field, by name.
        waiver: from `dangerously_below_level`, one or several; without it a choice below the level stops the start-up.

    Raises:
        ConfigurationError: a value cannot be right, or is for an argument of its own.
    """

    preset: Literal["api", "web", "mixed"] | Unset = UNSET
    csp: ContentSecurityPolicy | CSPChange | Unset | None = UNSET
    referrer: str | Unset | None = UNSET
    permissions: Mapping[str, Sequence[str]] | Unset = UNSET
    coop: Opener | Unset | None = UNSET
    coep: Embedder | Unset | None = UNSET
    corp: Resource | Unset | None = UNSET
    cache_control: str | Unset | None = UNSET
    clear_site_data: Sequence[str] | Unset | None = UNSET
    attachment: str | Unset | None = UNSET
    vary: Sequence[str] | Unset = UNSET
    extra: Mapping[str, str] = field(default_factory=dict)
    waiver: Waiver | Sequence[Waiver] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.csp, ContentSecurityPolicy | CSPChange | Unset | None):
            raise ConfigurationError(
                f"csp={self.csp!r} is no policy.",
                fix='Write csp=CSP.append(script_src=["https://w.example"]), or a ContentSecurityPolicy.',
            )
        if self.preset is not UNSET:
            known(self.preset, {"api", "web", "mixed"}, where="headers(preset=)")
        if not isinstance(self.referrer, Unset | None):
            referrer_value(self.referrer)
        if not isinstance(self.permissions, Unset):
            permissions_value(_mapping("permissions", self.permissions))
        Isolation(
            opener=said(self.coop, None), embedder=said(self.coep, None), resource=said(self.corp, None)
        )  # Refuses what is misspelt.
        if not isinstance(self.clear_site_data, Unset | None):
            clear_site_data_value(_listed("clear_site_data", self.clear_site_data))
        if not isinstance(self.attachment, Unset | None):
            attachment_value(self.attachment)
        if not isinstance(self.cache_control, Unset | None):
            cache_control_value("cache_control", self.cache_control)
        self._check_lists()
        if not all(isinstance(one, Waiver) for one in self.waivers):
            raise ConfigurationError(
                f"waiver={self.waiver!r} is no waiver.",
                fix='Write waiver=dangerously_below_level("v5.0.0-3.4.3", reason="...").',
            )

    def _check_lists(self) -> None:
        if not isinstance(self.vary, Unset):
            for name in _listed("vary", self.vary):
                field_name("vary", name.lower() if isinstance(name, str) else name)
        for name, value in _mapping("extra", self.extra).items():
            field_name("extra", name)
            if name in _MANAGED:
                raise ConfigurationError(
                    f"extra={{{name!r}: ...}} sets a field that has an argument of its own, or belongs to the app.",
                    fix="Use the argument of headers(), or set it on the response.",
                )
            if targeted(name.encode("ascii")):
                raise ConfigurationError(
                    f"extra={{{name!r}: ...}} tells a cache to keep every response, those made for one caller too.",
                    fix="Set it on the response, where it is taken back once a proof or a nonce was needed.",
                )
            field_value(f"extra[{name!r}]", value)

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Every requirement it may miss."""
        given: Any = self.waiver
        if given is None:
            return ()
        return tuple(given) if isinstance(given, list | tuple) else (given,)

    @property
    def chosen(self) -> frozenset[str]:
        """The names of the arguments that were given."""
        return frozenset(one.name for one in fields(self) if getattr(self, one.name) not in (UNSET, None, {})) | {
            one.name for one in fields(self) if one.name != "waiver" and getattr(self, one.name) is None
        }


def headers(
    *args: Any,
    preset: Literal["api", "web", "mixed"] | Unset = UNSET,
    csp: ContentSecurityPolicy | CSPChange | Unset | None = UNSET,
    referrer: str | Unset | None = UNSET,
    permissions: Mapping[str, Sequence[str]] | Unset = UNSET,
    coop: Opener | Unset | None = UNSET,
    coep: Embedder | Unset | None = UNSET,
    corp: Resource | Unset | None = UNSET,
    cache_control: str | Unset | None = UNSET,
    clear_site_data: Sequence[str] | Unset | None = UNSET,
    attachment: str | Unset | None = UNSET,
    vary: Sequence[str] | Unset = UNSET,
    extra: Mapping[str, str] | None = None,
    waiver: Waiver | Sequence[Waiver] | None = None,
) -> Callable[[_T], _T]:
    """Say what differs for this endpoint, router or mounted app; RouteHeaders has the arguments.

    It may stand above or below the route decorator and the marks. For a router and for an app it is called:
    `headers(cache_control="no-cache")(router)`, before or after it is included.

    Args:
        args: none; here for the message when the parentheses were forgotten.

    Raises:
        ConfigurationError: an argument cannot be right, or this object can carry nothing.
    """
    if args:
        raise ConfigurationError("@headers was written without parentheses.", fix="Write @headers(...).")
    choice = RouteHeaders(
        preset=preset,
        csp=csp,
        referrer=referrer,
        permissions=permissions,
        coop=coop,
        coep=coep,
        corp=corp,
        cache_control=cache_control,
        clear_site_data=clear_site_data,
        attachment=attachment,
        vary=vary,
        extra={} if extra is None else extra,
        waiver=waiver,
    )
    if not choice.chosen:
        raise ConfigurationError("@headers() says nothing.", fix='Name a header: @headers(cache_control="no-cache").')
    return functools.partial(_attached, choice)


def dangerously_below_level(requirement_id: str, *, reason: str, expires: date | None = None) -> Waiver:
    """Let the choices it is given to, and those below them, miss one requirement, leaving a line an auditor can read.

    Every other requirement of the level holds. Where several are missed, give a list: `waiver=[...]`.

    Args:
        requirement_id: the ASVS id that is missed, such as `v5.0.0-3.4.6`, as the refusal names it.
        reason: three words at least.
        expires: the day it should be gone.
    """
    missed = known(requirement_id, _WAIVABLE, where="dangerously_below_level()")
    return Waiver(control="route headers", requirement=missed, reason=reason, expires=expires)


_WAIVABLE: Final = frozenset({
    "v5.0.0-3.4.3", "v5.0.0-3.4.5", "v5.0.0-3.4.6", "v5.0.0-3.4.7", "v5.0.0-3.4.8", "v5.0.0-3.5.8", "v5.0.0-14.3.2",
})  # fmt: skip
"""What the headers of a route can miss: the rest no route can change."""


def choices_of(carrier: Any) -> tuple[RouteHeaders, ...]:
    """Return what was attached to an endpoint, a router or an app, the strongest last."""
    found = getattr(carrier, HEADERS, ())
    return found if isinstance(found, tuple) else ()


def marked_routers() -> Sequence[Router]:
    """Return the routers that carry choices, the widest first."""
    return sorted(_routers, key=lambda router: -len(router.routes))


# Kept for good: older versions of FastAPI copy a router's routes when it is included, and forget the router.
_routers: Final[list[Router]] = []


def said(value: _T | Unset, otherwise: Any) -> Any:
    """Return a value that was given; otherwise the other."""
    return otherwise if value is UNSET else value


def _attached(choice: RouteHeaders, carrier: Any) -> Any:
    target = getattr(carrier, "__func__", carrier)  # A bound method takes no attributes.
    if not callable(target):
        raise ConfigurationError(
            f"@headers cannot stand on a {type(target).__name__}.", fix="Put it on an endpoint, a router or an app."
        )
    try:
        setattr(target, HEADERS, (*choices_of(target), choice))
    except (AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"{target!r} cannot carry headers.", fix="Put them on a function of your own that calls it."
        ) from error
    if isinstance(carrier, Router) and not any(one is carrier for one in _routers):
        _routers.append(carrier)
    return carrier


def misplaced(endpoint: Any) -> str | None:
    """Return the name of a method of a class endpoint that carries choices nobody would look for there."""
    if not inspect.isclass(endpoint):
        return None
    return next((name for name, one in vars(endpoint).items() if choices_of(one)), None)


def _listed(argument: str, given: Any) -> Sequence[str]:
    if isinstance(given, Sequence) and not isinstance(given, str):
        return given
    raise ConfigurationError(f"{argument}={given!r} is no list.", fix=f'Write {argument}=["..."].')


def _mapping(argument: str, given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    raise ConfigurationError(f"{argument}={given!r} is no mapping.", fix=f'Write {argument}={{"...": ...}}.')
