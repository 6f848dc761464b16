"""Which client certificates are accepted: v5.0.0-12.1.3, v5.0.0-12.1.4, v5.0.0-12.3.4.

The files are read and checked when the policy is made, so a wrong one stops the start-up and no request ever waits
for a disk. `dataclasses.replace(policy)` reads them again. Not checked here: dates, since there is no clock in this
room; the verifier is given the time with every certificate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from cryptography import x509

from ..errors import ConfigurationError
from .chain import connected, is_authority
from .revocation import Revocation, read_revocation

Place = str | PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificates:
    """The trust anchors clients are issued by, and the lists of those struck off.

    Args:
        trust: PEM file with the trust anchors: one CA certificate or more, used for clients and for nothing else.
            Whatever they issue, to anyone, is accepted by the verifier; routes then ask for an identity.
        crls: PEM or DER files with certificate revocation lists. Given one, *every* certificate of a chain but the
            trust anchor must be covered by a current list of its issuer: a revoked one is refused (403), and
            a missing or stale list refuses everybody (503). Left empty, revocation is not checked, and
            v5.0.0-12.1.4 is not met: keep certificates short-lived then.
        intermediates: PEM files with CA certificates between the anchors and the clients, for clients that send
            their leaf alone, and for the lists those CAs sign.

    Raises:
        ConfigurationError: a file is missing or holds something else than said above.
    """

    trust: Place
    crls: Sequence[Place] = ()
    intermediates: Sequence[Place] = ()
    anchors: tuple[x509.Certificate, ...] = field(init=False, repr=False, compare=False)
    authorities: tuple[x509.Certificate, ...] = field(init=False, repr=False, compare=False)
    revocation: Revocation | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for argument in ("crls", "intermediates"):
            object.__setattr__(self, argument, _several(argument, getattr(self, argument)))
        anchors = _read_authorities("trust", self.trust)
        authorities = tuple(found for path in self.intermediates for found in _read_authorities("intermediates", path))
        if len(connected(authorities, anchors)) < len(set(authorities)):
            raise ConfigurationError(
                f"ClientCertificates(intermediates={list(self.intermediates)!r}) holds a CA that no anchor issued.",
                fix=f"Drop it, or add the CA that issued it to {self.trust!r}.",
            )
        lists = [(_where("crls", path), _read("crls", path)) for path in self.crls]
        object.__setattr__(self, "anchors", anchors)
        object.__setattr__(self, "authorities", authorities)
        object.__setattr__(self, "revocation", read_revocation(lists, (*anchors, *authorities)) if lists else None)


def _several(argument: str, paths: Sequence[Place]) -> tuple[Place, ...]:
    # A text is a sequence of letters, and each would be a file name.
    if isinstance(paths, str | bytes) or not isinstance(paths, Sequence):
        raise ConfigurationError(
            f"{_where(argument, paths)} is no list of paths.", fix=f'Write {argument}=["file"], with one path or more.'
        )
    return tuple(paths)


def _read_authorities(argument: str, path: Place) -> tuple[x509.Certificate, ...]:
    where, data = _where(argument, path), _read(argument, path)
    try:
        found = tuple(x509.load_pem_x509_certificates(data))
        strangers = [certificate for certificate in found if not is_authority(certificate)]
    except Exception as problem:  # noqa: BLE001  # A refusal: whatever a parser says of this file, we cannot use it.
        raise ConfigurationError(
            f"{where} holds no PEM certificate that can be read ({type(problem).__name__}).",
            fix="Give the CA's certificate as PEM: `openssl x509 -inform der -in ca.der -out ca.pem` converts.",
        ) from None
    if strangers:
        raise ConfigurationError(
            f"{where} holds {strangers[0].subject.rfc4514_string()!r}, which is not a CA certificate.",
            fix="Give the certificate of the CA that issues the clients, not a client's or a server's own.",
        )
    return found


def _read(argument: str, path: Place) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as problem:  # A name with a NUL is a ValueError, an int a TypeError.
        raise ConfigurationError(
            f"{_where(argument, path)} cannot be read: {problem}.",
            fix="Give the path of a file this process may read.",
        ) from None


def _where(argument: str, path: object) -> str:
    return f"ClientCertificates({argument}={path!r})"
