"""Put a guideline into a context, then read back that it is in force: v5.0.0-12.1.1, 12.1.2; RFC 9325.

The same verdict on every Python: the context starts bare (`create_default_context` changes with the version and obeys
SSLKEYLOGFILE, which hands the session keys to a file) and each setting is made here.
"""

import ssl
from typing import Final

from ..errors import ConfigurationError
from .groups import as_setting
from .guidelines import GUIDELINES, Guideline

LEVEL: Final = 2
"""OpenSSL security level: 112 bits, so RSA and DH from 2048, EC from 224, no SHA-1 signatures."""

_OPTIONS: Final = ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
_CHAIN_FLAGS: Final = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN

_EVERY_SUITE: Final = tuple(dict.fromkeys(suite for profile in GUIDELINES.values() for suite in profile.tls_1_2_suites))


def harden(context: ssl.SSLContext, profile: Guideline) -> None:
    """Set versions, suites, groups, security level and chain rules of a bare context."""
    context.minimum_version, context.maximum_version = profile.oldest, profile.newest
    # OpenSSL wants at least one TLS 1.2 suite, also where TLS 1.2 is off and none can be used.
    context.set_ciphers(":".join((f"@SECLEVEL={LEVEL}", *(profile.tls_1_2_suites or _EVERY_SUITE))))
    context.options |= _OPTIONS
    # Python 3.15. Before, OpenSSL's own list holds, unless its configuration limits it (server/keys/groups.py).
    set_groups = getattr(context, "set_groups", None)
    if set_groups is not None:
        set_groups(as_setting(profile.groups))
    # RFC 5280 to the letter, as Python 3.13 does by default; any given certificate may be the anchor.
    context.verify_flags |= _CHAIN_FLAGS


def confirm(context: ssl.SSLContext, profile: Guideline) -> ssl.SSLContext:
    """Return the context if what it says of itself is what the profile says.

    Raises:
        ConfigurationError: it is not: the OpenSSL in use, or its configuration, overrules us.
    """
    for setting, is_right in (
        ("minimum_version", context.minimum_version == profile.oldest),
        ("maximum_version", context.maximum_version == profile.newest),
        ("suites", suites(context) <= {*profile.tls_1_3_suites, *profile.tls_1_2_suites}),
        ("TLS 1.3 suites", bool(suites(context) & {*profile.tls_1_3_suites})),
        ("security_level", context.security_level >= LEVEL),
        ("options", context.options & _OPTIONS == _OPTIONS),
        ("verify_flags", context.verify_flags & _CHAIN_FLAGS == _CHAIN_FLAGS),
        ("keylog_filename", context.keylog_filename is None),
    ):
        if not is_right:
            raise ConfigurationError(
                f"{ssl.OPENSSL_VERSION} does not keep the {setting} of profile {profile.name!r}.",
                fix="Look for an OPENSSL_CONF that overrules it, or use another build of Python.",
            )
    return context


def suites(context: ssl.SSLContext) -> set[str]:
    """Return the names of the suites the context can agree on, given its lowest version."""
    allowed = {"TLSv1.3"} if context.minimum_version == ssl.TLSVersion.TLSv1_3 else {"TLSv1.3", "TLSv1.2"}
    return {suite["name"] for suite in context.get_ciphers() if suite["protocol"] in allowed}
