"""HeadersPolicy: what an operator chooses for the response headers; each family has its own file beside this one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ..errors import ConfigurationError
from ..names import known
from .caching import checked as cache_control_value
from .cookies import CookiePolicy
from .csp import ContentSecurityPolicy
from .hsts import HSTSPolicy
from .integrity import IntegrityPolicy
from .isolation import Isolation
from .reporting import Reports
from .shortfall import Shortfall

Profile = Literal["oshp", "mozilla", "dev"]
_PROFILES: Final = ("oshp", "mozilla", "dev")

LOCKABLE: Final = (
    "content-security-policy", "cross-origin-embedder-policy", "cross-origin-opener-policy",
    "cross-origin-resource-policy", "permissions-policy", "referrer-policy", "strict-transport-security",
    "x-content-type-options", "x-frame-options",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadersPolicy:
    """What the response headers say. A None takes the preset's own value for the level.

    Attributes:
        hsts: Strict-Transport-Security.
        csp: Content-Security-Policy.
        csp_report_only: a second policy that browsers only report on; needs `reports`.
        referrer: the Referrer-Policy token.
        permissions: features to open, with their allowlists; all others are closed.
        reports: where violations are reported. At level 3 `Reports()` unless given, as v5.0.0-3.4.7 asks for one.
        isolation: COOP, COEP, CORP and Origin-Agent-Cluster.
        integrity: Integrity-Policy.
        document_policy: Document-Policy features.
        profile: `oshp` and `mozilla` send what those suites ask for; `dev` lets a developer's machine do without TLS.
        removes: fields taken off every response beside those of removal.py; `()` for these alone. At level 3 and in
            the profile `oshp` these are taken off unless told otherwise.
        charset: add `charset=utf-8` to text types that name none.
        attachment: the file name of a call's answer, in Content-Disposition (v4.0.3-14.4.2).
        cookies: what becomes of a cookie that lacks an attribute.
        cache_control: Cache-Control of responses below 400 that say nothing about it themselves.
        locked: names of fields for which the app's own value does not win, and which no route changes.

    Raises:
        ConfigurationError: a value is of the wrong type, `cache_control` is no list of directives, or a trial has no
            place for its reports.
    """

    hsts: HSTSPolicy | None = None
    csp: ContentSecurityPolicy | None = None
    csp_report_only: ContentSecurityPolicy | None = None
    referrer: str | None = None
    permissions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reports: Reports | None = None
    isolation: Isolation | None = None
    integrity: IntegrityPolicy | None = None
    document_policy: Mapping[str, bool | int | float] = field(default_factory=dict)
    profile: Profile | None = None
    removes: Sequence[str] | None = None
    charset: bool = False
    attachment: str | None = None
    cookies: CookiePolicy | None = None
    cache_control: str | None = None
    locked: Collection[str] = frozenset()

    def __post_init__(self) -> None:
        for argument, kind in _KINDS.items():
            given = getattr(self, argument)
            if given is not None and not isinstance(given, kind):
                raise ConfigurationError(
                    f"HeadersPolicy({argument}=...) is a {type(given).__name__}, not a {kind.__name__}.",
                    fix=f"Write {argument}={kind.__name__}(...).",
                )
        if self.profile is not None:
            known(self.profile, _PROFILES, where="HeadersPolicy(profile=)")
        if self.cache_control is not None:
            cache_control_value("cache_control", self.cache_control)
        if isinstance(self.locked, str):
            raise ConfigurationError(f"locked={self.locked!r} is one text.", fix=f'Write locked={{"{self.locked}"}}.')
        for name in self.locked:
            known(name, LOCKABLE, where="HeadersPolicy(locked=)")

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What is left open on purpose."""
        ramp = () if self.hsts is None else self.hsts.shortfalls
        return (*ramp, *(_DEV if self.profile == "dev" else ()))


_KINDS: Final[dict[str, type]] = {
    "hsts": HSTSPolicy,
    "csp": ContentSecurityPolicy,
    "csp_report_only": ContentSecurityPolicy,
    "permissions": Mapping,
    "reports": Reports,
    "isolation": Isolation,
    "integrity": IntegrityPolicy,
    "document_policy": Mapping,
    "charset": bool,
    "cookies": CookiePolicy,
}

_WHY: Final = "profile dev: this app runs on a developer's machine"
_DEV: Final = (
    Shortfall(control="hsts", requirement="v5.0.0-3.4.1", reason=_WHY),
    Shortfall(control="plaintext", requirement="v5.0.0-12.2.1", reason=_WHY),
    Shortfall(control="upgrade-insecure-requests", requirement="v5.0.0-12.2.1", reason=_WHY),
)
