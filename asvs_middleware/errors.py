"""Everything this package raises.

ASVSMiddlewareError
├── ConfigurationError         while the app is built, never during a request
└── AccessDenied         403   a request was refused
    ├── PeerRefused      403   the peer is none that may connect at all
    ├── HostRefused      421   the Host is not one of ours (400 when it is malformed)
    ├── MessageRefused   400   the bytes are no HTTP/1.1 message that every parser reads alike
    ├── TLSRequired      403   the request came over plaintext
    ├── RequestRefused   400   its method, size or framing is refused (405, 408, 413, 431)
    ├── CrossOriginRefused 403 a page of another origin sent it
    ├── TokenRefused     401   with a WWW-Authenticate challenge (RFC 6750)
    ├── ScopeRefused     403   the token is good and not enough (RFC 6750 section 3.1)
    ├── CertificateRefused 403 no client certificate, or not an accepted one
    ├── DependencyUnavailable 503  a check could not be made (v5.0.0-16.5.3)
    └── Misconfigured    500   the app cannot make a check it promised
"""

from collections.abc import Sequence
from typing import ClassVar


class ASVSMiddlewareError(Exception):
    """Catch this to catch everything this package raises."""


class ConfigurationError(ASVSMiddlewareError):
    """What was given and why it is refused, then what to write instead."""

    def __init__(self, problem: str, *, fix: str) -> None:
        super().__init__(f"{problem} {fix}")
        self.problem, self.fix = problem, fix


class AccessDenied(ASVSMiddlewareError):
    """A request was refused.

    The message goes to the security event only. The caller sees `status`, `code`, `title` and `headers`, which hold
    nothing an attacker could learn from.

    Args:
        reason: for the log: what was found. Never a token, a key or a whole certificate.
        code: stable machine-readable name; the class's own unless given.
        status: HTTP status; the class's own unless given.
        headers: extra response fields, such as a challenge; lower-case names.
        requirement: the ASVS id this refusal serves; the class's own unless given.
        facts: more named facts for the event.

    Attributes:
        quiet: no event is written; an earlier one stands for this refusal too.
    """

    status: int = 403
    code: str = "access_denied"
    title: str = "Access denied"
    event: ClassVar[str] = "authz_fail"
    requirement: str = "v5.0.0-8.3.1"

    def __init__(
        self,
        reason: str,
        *,
        code: str | None = None,
        status: int | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        requirement: str | None = None,
        facts: dict[str, str | int | bool | None] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code or self.code
        self.status = status or self.status
        self.headers = tuple(headers)
        self.requirement = requirement or self.requirement
        self.facts = facts or {}
        self.quiet = False


class PeerRefused(AccessDenied):
    """403: the transport's peer is none of those the origin is locked to."""

    status, code, title = 403, "peer_refused", "Access denied"
    event: ClassVar[str] = "peer_refused"
    requirement = "v5.0.0-4.1.3"


class HostRefused(AccessDenied):
    """421 (RFC 9110 section 15.5.20): the Host is none of the configured ones."""

    status, code, title = 421, "host_refused", "This host is not served here"
    event: ClassVar[str] = "host_refused"
    requirement = "v5.0.0-4.1.3"


class MessageRefused(AccessDenied):
    """400 (or 405, 414, 431, 501, 505): the bytes are no HTTP/1.1 message that every parser reads alike."""

    status, code, title = 400, "message_malformed", "The request is not well-formed HTTP/1.1"
    event: ClassVar[str] = "malformed_request"
    requirement = "v5.0.0-4.2.1"


class TLSRequired(AccessDenied):
    """The request came over plaintext and is not a page a person opens."""

    status, code, title = 403, "tls_required", "This service answers over TLS only"
    event: ClassVar[str] = "plaintext_refused"
    requirement = "v5.0.0-4.1.2"


class RequestRefused(AccessDenied):
    """The request breaks a limit or the framing of HTTP: 400, 405, 408, 413 or 431."""

    status, code, title = 400, "request_refused", "The request is not accepted in this form"
    event: ClassVar[str] = "input_validation_fail"
    requirement = "v5.0.0-15.2.2"


class CrossOriginRefused(AccessDenied):
    """A page of another origin sent the request, and that origin is not allowed to."""

    status, code, title = 403, "cross_origin_refused", "Requests from other origins are not accepted here"
    event: ClassVar[str] = "malicious_cors"
    requirement = "v5.0.0-3.5.1"


class TokenRefused(AccessDenied):
    """401: no access token, or one that does not hold. The challenge is in `headers`."""

    status, code, title = 401, "token_refused", "A valid access token is needed"
    event: ClassVar[str] = "authn_login_fail"
    requirement = "v5.0.0-9.1.1"


class ScopeRefused(AccessDenied):
    """403: the token is good, and its scopes do not cover the route."""

    status, code, title = 403, "insufficient_scope", "The access token does not cover this"
    requirement = "v5.0.0-10.3.2"


class CertificateRefused(AccessDenied):
    """403: no client certificate, or one that is not accepted here."""

    status, code, title = 403, "client_certificate_refused", "A client certificate accepted here is needed"
    event: ClassVar[str] = "authn_login_fail"
    requirement = "v5.0.0-12.1.3"


class DependencyUnavailable(AccessDenied):
    """503: what a check needs (keys, revocation data, a store) cannot be had now."""

    status, code, title = 503, "check_unavailable", "A security check cannot be made at the moment"
    event: ClassVar[str] = "check_unavailable"
    requirement = "v5.0.0-16.5.2"


class Misconfigured(AccessDenied):
    """500: the app promised a check that nothing makes. Refused, never passed."""

    status, code, title = 500, "misconfigured", "Internal server error"
    event: ClassVar[str] = "sys_misconfigured"
    requirement = "v5.0.0-16.5.3"
