"""What a TLS context has in force, in words for a report: evidence for v5.0.0-12.1.1, 12.1.2 and 13.2.6.

Read from the context itself, not from what was asked for. Named groups cannot be read before Python 3.15.
"""

import platform
import ssl

from .hardening import suites


def describe(context: ssl.SSLContext) -> dict[str, str | int | bool | list[str]]:
    """Return plain values that JSON can hold."""
    return {
        "oldest_version": context.minimum_version.name,
        "newest_version": context.maximum_version.name,
        "suites": [suite["name"] for suite in context.get_ciphers() if suite["name"] in suites(context)],
        "security_level": context.security_level,
        "groups": "chosen by OpenSSL",
        "server_preference": bool(context.options & ssl.OP_CIPHER_SERVER_PREFERENCE),
        "compression": not context.options & ssl.OP_NO_COMPRESSION,
        "renegotiation": not context.options & ssl.OP_NO_RENEGOTIATION,
        # Only a server issues tickets. The TLS 1.2 session cache of a server cannot be switched off in Python.
        "tickets": not (context.options & ssl.OP_NO_TICKET and context.num_tickets == 0),
        "verify_mode": context.verify_mode.name,
        "verify_flags": sorted(flag.name or "" for flag in ssl.VerifyFlags if flag and flag in context.verify_flags),
        "check_hostname": context.check_hostname,
        "trust_anchors": context.cert_store_stats()["x509"],
        "key_log": context.keylog_filename is not None,
        "openssl": ssl.OPENSSL_VERSION,
        "python": platform.python_version(),
    }
