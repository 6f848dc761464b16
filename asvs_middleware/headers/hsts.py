"""Strict-Transport-Security (RFC 6797): v4.0.3-14.4.5, v5.0.0-3.4.1.

Sent over TLS only and only for domain names (middleware/dress.py asks connection.is_public_name).
"""

from dataclasses import dataclass
from datetime import timedelta

from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class HSTSPolicy:
    """How long, and for which hosts, browsers must refuse plaintext.

    Raises:
        ConfigurationError: max_age is no timedelta or under a year, or preload without subdomains.
    """

    max_age: timedelta = timedelta(days=365)
    include_subdomains: bool = True
    preload: bool = False  # Joins the browsers' built-in list: slow to undo.

    def __post_init__(self) -> None:
        if not isinstance(self.max_age, timedelta) or self.max_age < timedelta(days=365):
            raise ConfigurationError(
                f"HSTSPolicy(max_age={self.max_age!r}) is no duration of one year or more.",
                fix="Use timedelta(days=365) or more, or leave max_age out.",
            )
        if self.preload and not self.include_subdomains:
            raise ConfigurationError(
                "HSTSPolicy(preload=True) needs every subdomain on HTTPS.",
                fix="Set include_subdomains=True, or drop preload.",
            )


def render(policy: HSTSPolicy) -> str:
    """Return the field value, directives in the order of RFC 6797 section 6.1.

    >>> render(HSTSPolicy())
    'max-age=31536000; includeSubDomains'
    """
    directives = [f"max-age={int(policy.max_age.total_seconds())}"]
    directives += ["includeSubDomains"] * policy.include_subdomains
    directives += ["preload"] * policy.preload
    return "; ".join(directives)
