"""What a TLS context has in force, for a report and for the log of a start: evidence for v5.0.0-12.1.1, 12.1.2, 13.2.6.

Read from the context itself, not from what was asked for; the groups by a handshake in memory (groups.py). Beside it
stands what this build of Python cannot do, and who owes it instead: a library cannot make those requirements true.
"""

import platform
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

from .groups import in_force
from .hardening import suites

_CLIENT: Final = ssl.PROTOCOL_TLS_CLIENT


@dataclass(frozen=True, slots=True)
class Missing:
    """What cannot be done here.

    Attributes:
        what: in a word or two.
        why: which part lacks it.
        owed_by: who can provide it instead.
        requirement: the ASVS id it is about.
    """

    what: str
    why: str
    owed_by: str
    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is in force in one context.

    Attributes:
        oldest_version: the oldest version of TLS it agrees to, by Python's name.
        newest_version: the newest one.
        suites: that it can agree on, best first.
        security_level: OpenSSL's.
        groups: for key exchange, those it was seen to take or offer; empty if it does not tell.
        server_preference: its own order of suites counts, not the client's.
        compression: of records; never with us.
        renegotiation: of TLS 1.2, asked for by a client.
        tickets: sessions can be resumed by tickets. Of the TLS 1.2 session cache see `missing`.
        verify_mode: whether the peer must show a certificate, by Python's name.
        verify_flags: the rules of its chain, by Python's names.
        check_hostname: the peer's name is compared.
        trust_anchors: how many certificates are trusted.
        key_log: session keys are written to a file.
        openssl: the version linked.
        python: the version running.
        missing: what this build cannot do.
    """

    oldest_version: str
    newest_version: str
    suites: tuple[str, ...]
    security_level: int
    groups: tuple[str, ...]
    server_preference: bool
    compression: bool
    renegotiation: bool
    tickets: bool
    verify_mode: str
    verify_flags: tuple[str, ...]
    check_hostname: bool
    trust_anchors: int
    key_log: bool
    openssl: str
    python: str
    missing: tuple[Missing, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def facts(self) -> dict[str, str]:
        """Return the few that belong into the event of a server's start: short texts, each in one piece."""
        return {
            "versions": f"{self.oldest_version} to {self.newest_version}",
            "groups": " ".join(self.groups) or "not told",
            "openssl": self.openssl,
            "python": self.python,
            "not_here": "; ".join(one.what for one in self.missing),
        }

    def __str__(self) -> str:
        """Return lines for a person: what is in force, then what is not to be had here."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.oldest_version} to {self.newest_version} by {self.openssl}, Python {self.python}"
        yield f"suites: {' '.join(self.suites)}"
        yield f"groups: {' '.join(self.groups) or 'not told'}"
        yield f"session tickets: {'on' if self.tickets else 'off'}; peer's certificate: {self.verify_mode}"
        yield from (f"not here: {one.what}: {one.why}. Owed by {one.owed_by}." for one in self.missing)


def describe(context: ssl.SSLContext) -> Description:
    """Return what is in force in the context.

    A server context sees some failed handshakes while it is asked for its groups: ask before anything watches it.
    """
    groups = in_force(context) or ()
    return Description(
        oldest_version=context.minimum_version.name,
        newest_version=context.maximum_version.name,
        suites=tuple(suite["name"] for suite in context.get_ciphers() if suite["name"] in suites(context)),
        security_level=context.security_level,
        groups=groups,
        server_preference=bool(context.options & ssl.OP_CIPHER_SERVER_PREFERENCE),
        compression=not context.options & ssl.OP_NO_COMPRESSION,
        renegotiation=not context.options & ssl.OP_NO_RENEGOTIATION,
        # Only a server issues tickets.
        tickets=not (context.options & ssl.OP_NO_TICKET and context.num_tickets == 0),
        verify_mode=context.verify_mode.name,
        verify_flags=tuple(sorted(flag.name or "" for flag in ssl.VerifyFlags if flag & context.verify_flags)),
        check_hostname=context.check_hostname,
        trust_anchors=context.cert_store_stats()["x509"],
        key_log=context.keylog_filename is not None,
        openssl=ssl.OPENSSL_VERSION,
        python=platform.python_version(),
        missing=missing(groups, client=context.protocol == _CLIENT),
    )


def missing(
    groups: tuple[str, ...],
    *,
    client: bool,
    openssl: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO,
    choosable: bool = hasattr(ssl.SSLContext, "set_groups"),
) -> tuple[Missing, ...]:
    """Return what a context of this build cannot do.

    Args:
        groups: those in force.
        client: it is a client's context.
        openssl: the version linked.
        choosable: Python can choose groups and signature algorithms.
    """
    return tuple(_missing(groups, client=client, openssl=openssl, choosable=choosable))


def _missing(groups: tuple[str, ...], *, client: bool, openssl: tuple[int, ...], choosable: bool) -> Iterator[Missing]:
    if not choosable:
        yield Missing(
            "a choice of key-exchange groups and signature algorithms",
            "Python's ssl has it from 3.15 on",
            "OpenSSL's configuration, which `asvs serve` writes for the groups",
            "v5.0.0-12.1.2",
        )
    if "X25519MLKEM768" not in groups:
        yield Missing(
            "post-quantum key exchange (X25519MLKEM768)",
            "it is not among the groups in force" if openssl >= (3, 5) else "OpenSSL has it from 3.5 on",
            "the operator: a Python that is linked to a newer OpenSSL",
            "v5.0.0-12.1.2",
        )
    yield Missing(
        "encrypted client hello",
        "Python's ssl has no call for it",
        "whatever ends TLS in front, such as a CDN",
        "v5.0.0-12.1.5",
    )
    if client:
        return
    yield Missing(
        "OCSP stapling",
        "Python's ssl has no call for it",
        "the CA, by certificates of a few days or by the lists browsers are sent",
        "v5.0.0-12.1.4",
    )
    yield Missing(
        "an end to the TLS 1.2 session cache",
        "Python's ssl cannot switch it off",
        "the app, which verifies client certificates of resumed sessions again",
        "v5.0.0-12.1.3",
    )
    yield Missing(
        "refusal of a client that offers no application protocol of ours",
        "Python's ssl goes on without one (RFC 7301 section 3.2 would end the connection)",
        "the HTTP parser, which refuses what is no HTTP",
        "v5.0.0-12.2.1",
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return {field.name: getattr(value, field.name) for field in fields(value)} if isinstance(value, Missing) else value
