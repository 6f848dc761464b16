"""Tell the fields of a configured peer from those of everybody else, which are taken away: v5.0.0-4.1.3.

Names with `_` in place of `-` arrive side by side with the real ones, and some code takes both for the same: they are
taken away from everybody, and from a configured peer they are a reason to refuse, for a client wrote them. Nothing is
decoded until somebody asks for the certificate, so a route that needs none pays nothing.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Scope

from ... import events
from ..transport import Transport
from .decoding import Chain, malformed, refused
from .formats import KNOWN, spellings
from .policy import ForwardedCertificates

Pairs = list[tuple[bytes, bytes]]

LARGEST: Final = 16 * 1024
"""Bytes of one field, asked before anything is decoded. Proxies stop near this themselves."""

_ALL_KNOWN: Final = spellings(KNOWN)
_TOLD_AT_MOST: Final = 256


@dataclass(frozen=True, slots=True, repr=False)
class ForwardedFields:
    """What a configured peer sent. Its own certificate, should it have one, is not the client's.

    Attributes:
        policy: in which format.
        pairs: the fields of that format, and lookalikes of them.
    """

    policy: ForwardedCertificates
    pairs: tuple[tuple[bytes, bytes], ...]

    @property
    def source(self) -> str:
        """What a proof names as its source: `forwarded:` and the format."""
        return f"forwarded:{self.policy.format}"

    def chain(self) -> Chain:
        """Return the DER certificates, leaf first; empty where the client showed none.

        Raises:
            CertificateRefused: `facts["reason_code"]` says why: forwarded_lookalike, forwarded_duplicate,
                forwarded_too_large, forwarded_malformed, forwarded_unverified, forwarded_contradiction or
                forwarded_without_certificate.
        """
        values = dict.fromkeys(self.policy.roles.values(), "")
        seen = set[str]()
        for name, value in self.pairs:
            role = self.policy.roles.get(name)
            if role is None:
                raise refused("forwarded_lookalike", "A field came whose name only looks like that of the proxy's.")
            if role in seen:
                raise refused("forwarded_duplicate", "A field of the forwarded certificate came twice.")
            if len(value) > LARGEST:
                raise refused("forwarded_too_large", f"A field of the forwarded certificate is above {LARGEST} bytes.")
            if not value.isascii():
                raise malformed("ASCII")
            seen.add(role)
            values[role] = value.decode("ascii").strip(" \t")
        return self.policy.decode(values)


def stripped(pairs: Iterable[tuple[bytes, bytes]], names: Container[bytes] = _ALL_KNOWN) -> Pairs:
    """Return the fields without those that may hold a forwarded certificate, in any format and spelling."""
    return [pair for pair in pairs if pair[0] not in names]


@dataclass(slots=True)
class CertificateFields:
    """Takes a request's fields apart, by one policy; None where no certificates are forwarded.

    Attributes:
        names: the fields that are looked at; a request without any is of no interest here.
    """

    policy: ForwardedCertificates | None
    names: frozenset[bytes] = field(init=False)
    _read: frozenset[bytes] = field(init=False)
    _removed: frozenset[bytes] = field(init=False)
    _told: set[tuple[str | None, bool]] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        own = frozenset[bytes]() if self.policy is None else self.policy.own
        self._read = frozenset() if self.policy is None else self.policy.read
        self.names = _ALL_KNOWN | spellings(own)
        self._removed = self.names - own

    def expects(self, transport: Transport) -> bool:
        """Tell whether the certificate of this peer's clients comes in fields.

        Only the transport itself can say who the peer is: a scope may say what somebody read from a field before us.
        """
        return self.policy is not None and transport.reached and transport.peer in self.policy.networks

    def unshown(self, transport: Transport) -> ForwardedFields | None:
        """Return what a request without any of these fields shows: of a peer that forwards them, no certificate."""
        return None if self.policy is None or not self.expects(transport) else ForwardedFields(self.policy, ())

    def separate(self, scope: Scope, transport: Transport, *, via_proxy: bool) -> tuple[Scope, ForwardedFields | None]:
        """Return the scope the app may see, and what a configured peer sent.

        Where nothing is configured, a trusted proxy's fields stay: the app may read them itself.
        """
        pairs = scope["headers"]
        shown = None
        if self.policy is not None and self.expects(transport):
            shown = ForwardedFields(self.policy, tuple(pair for pair in pairs if pair[0] in self._read))
        elif self.policy is None and via_proxy:
            return scope, None
        kept = stripped(pairs, self.names if shown is None else self._removed)
        if len(kept) == len(pairs):
            return scope, shown
        self._tell(transport, expected=shown is not None)
        return {**scope, "headers": kept}, shown

    def _tell(self, transport: Transport, *, expected: bool) -> None:
        """Say it once per peer: it is an attack, or the commonest mistake behind a proxy."""
        told = transport.peer, expected
        if told in self._told or len(self._told) >= _TOLD_AT_MOST:
            return
        self._told.add(told)
        events.emit(
            "connection",
            "forwarded_certificate_spoofed",
            reason=self._reason(transport, expected=expected),
            requirement="v5.0.0-4.1.3",
            peer=transport.peer,
        )

    def _reason(self, transport: Transport, *, expected: bool) -> str:
        peer, policy = transport.peer, self.policy
        if policy is not None and expected:
            return (
                f"Fields that are not those of the format {policy.format!r} came through {peer} and were removed: "
                "let it drop what clients write into them."
            )
        removed = f"Forwarded client certificates from {peer} are ignored and removed: "
        if policy is None:
            return removed + "the policy has no forwarded_certificates."
        if not transport.reached:
            return removed + "the server's transport is out of reach, so who sent them is not known."
        return removed + "it is not in the peers of forwarded_certificates. If this is your proxy, add it there."
