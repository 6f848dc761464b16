"""Which client certificates are accepted: v5.0.0-12.1.3, v5.0.0-12.1.4, v5.0.0-12.3.4.

The files are read and checked when the policy is made, so a wrong one stops the start-up and no request ever waits
for a disk. `dataclasses.replace(policy)` reads them again. Not checked here: dates, since there is no clock in this
room; the verifier is given the time with every certificate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Literal, get_args

from cryptography import x509

from ..errors import ConfigurationError
from ..names import known
from .chain import connected, has_issuing_key, is_authority
from .identity import IdentityPattern
from .path import Profile
from .pem import refuse_torn
from .revocation.crl_source import configured_revocation
from .revocation.lists import Revocation
from .revocation.policy import RevocationPolicy

Place = str | PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificates:
    """The trust anchors clients are issued by, and the lists of those struck off.

    Args:
        trust: PEM file with the trust anchors: one CA certificate or more, used for clients and for nothing else.
            Whatever they issue, to anyone, is accepted by the verifier; routes then ask for an identity.
        crls: files with certificate revocation lists, PEM or DER, and folders of such. Given one, *every*
            certificate of a chain but the trust anchor must be covered by a current list of its issuer: a revoked one
            is refused (403), and a missing or stale list refuses everybody (503). Without it and `revocation_policy`,
            revocation is not checked, and v5.0.0-12.1.4 is not met: keep certificates short-lived then.
        intermediates: PEM files with CA certificates between the anchors and the clients, for clients that send
            their leaf alone, and for the lists those CAs sign.
        required: nobody is served without a certificate, whatever the route. The handshake has to ask for one
            (`handshake_mode`); where a server does not, the app refuses the request. False: the routes decide.
        identities: one of them has to match every certificate that is looked at, beside what the route asks for; see
            IdentityPattern. None: whatever the anchors vouch for.
        profile: `strict` asks for a subject alternative name. `legacy_cn` takes certificates without one, by their
            whole distinguished name (`dn:`), fingerprint or key, unless a CA above is constrained in its names; all
            other checks stay, the purpose first of all.
        max_chain_depth: how many CAs may stand between a client and its anchor, 0 to 8.
        revocation_policy: lists and OCSP answers that are fetched, and exceptions; see RevocationPolicy. Given one,
            revocation is checked even without `crls`.

    Raises:
        ConfigurationError: a file is missing or holds something else than said above.
    """

    trust: Place
    crls: Sequence[Place] = ()
    intermediates: Sequence[Place] = ()
    required: bool = False
    identities: Sequence[str | IdentityPattern] | None = None
    profile: Profile = "strict"
    max_chain_depth: int = 3
    revocation_policy: RevocationPolicy | None = None
    patterns: tuple[IdentityPattern, ...] = field(init=False, repr=False, compare=False)
    anchors: tuple[x509.Certificate, ...] = field(init=False, repr=False, compare=False)
    authorities: tuple[x509.Certificate, ...] = field(init=False, repr=False, compare=False)
    revocation: Revocation | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for argument in ("crls", "intermediates"):
            object.__setattr__(self, argument, _several(argument, getattr(self, argument)))
        _check_choices(self)
        object.__setattr__(self, "patterns", _patterns(self.identities))
        object.__setattr__(self, "identities", None if self.identities is None else tuple(self.identities))
        anchors = _read_authorities("trust", self.trust)
        authorities = tuple(found for path in self.intermediates for found in _read_authorities("intermediates", path))
        if len(connected(authorities, anchors)) < len(set(authorities)):
            raise ConfigurationError(
                f"ClientCertificates(intermediates={list(self.intermediates)!r}) holds a CA that no anchor issued.",
                fix=f"Drop it, or add the CA that issued it to {self.trust!r}.",
            )
        revocation = configured_revocation(self.crls, self.revocation_policy, (*anchors, *authorities))
        object.__setattr__(self, "anchors", anchors)
        object.__setattr__(self, "authorities", authorities)
        object.__setattr__(self, "revocation", revocation)

    @property
    def handshake_mode(self) -> Literal["optional", "required"]:
        """What the TLS handshake has to ask for: the server's own setting may not ask for less."""
        return "required" if self.required else "optional"


def _check_choices(policy: ClientCertificates) -> None:
    if not isinstance(policy.revocation_policy, RevocationPolicy | None):
        raise ConfigurationError(
            f"{_where('revocation_policy', policy.revocation_policy)} is no RevocationPolicy.",
            fix='Write revocation_policy=RevocationPolicy(lists=["https://crl.example/ca.crl"]).',
        )
    known(policy.profile, get_args(Profile), where="ClientCertificates(profile=)")
    if not isinstance(policy.required, bool):
        raise ConfigurationError(
            f"{_where('required', policy.required)} is neither True nor False.",
            fix="Write required=True for the whole port, or leave it out and mark the routes.",
        )
    depth = policy.max_chain_depth
    if type(depth) is not int or not 0 <= depth <= 8:
        raise ConfigurationError(
            f"{_where('max_chain_depth', depth)} is no number of CAs.", fix="Use 0 to 8; 3 is the default."
        )


def _patterns(identities: object) -> tuple[IdentityPattern, ...]:
    if identities is None:
        return ()
    # A setting that came out empty must not let everybody in.
    if isinstance(identities, str | bytes) or not isinstance(identities, Sequence) or not identities:
        raise ConfigurationError(
            f"{_where('identities', identities)} is no list of identities.",
            fix='Write identities=["spiffe://example.org/batch/"], with one or more, or leave it out.',
        )
    return tuple(map(IdentityPattern.parse, identities))


def _several(argument: str, paths: Sequence[Place]) -> tuple[Place, ...]:
    # A text is a sequence of letters, and each would be a file name.
    if isinstance(paths, str | bytes) or not isinstance(paths, Sequence):
        raise ConfigurationError(
            f"{_where(argument, paths)} is no list of paths.", fix=f'Write {argument}=["file"], with one path or more.'
        )
    return tuple(paths)


def _read_authorities(argument: str, path: Place) -> tuple[x509.Certificate, ...]:
    where, data = _where(argument, path), _read(argument, path)
    refuse_torn(data, where)
    try:
        found = tuple(x509.load_pem_x509_certificates(data))
        strangers = [certificate for certificate in found if not is_authority(certificate)]
        weak = [certificate for certificate in found if not has_issuing_key(certificate)]
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
    if weak:
        raise ConfigurationError(
            f"{where} holds {weak[0].subject.rfc4514_string()!r}, whose signatures are not taken.",
            fix="Use a CA with an RSA key of 2048 bits or more, or P-256, P-384 or P-521.",
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
