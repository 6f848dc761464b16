"""A private OCSP responder that an operator names: v5.0.0-12.1.4, 13.2.4.

Public CAs have ended or are ending theirs; inside an organisation a responder still tells of a revocation sooner than
the next list. It is asked for each certificate, so it also has to be up: without its answer nobody of its CAs gets in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Final, Literal, get_args

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ...errors import ConfigurationError
from ...names import known
from ..pem import refuse_torn
from .crl import issuer_key

Identifier = Literal["sha256", "sha1"]

ALGORITHMS: Final[dict[str, type[hashes.SHA256 | hashes.SHA1]]] = {"sha256": hashes.SHA256, "sha1": hashes.SHA1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """One responder and the CAs it speaks for.

    Args:
        url: where it is asked, by POST (RFC 6960 appendix A.1).
        issuers: PEM files of the CAs that issued the certificates it knows. Empty: every CA there is.
        certificate_ids: how the certificate is named to it. It has to answer with the same. `sha1` is for responders
            that know nothing else (RFC 5019); the hash is a name there and proves nothing.
        nonce: a random number is sent, and the answer has to bring it back, so that none of before can be shown
            again (RFC 9654). False: for responders that sign in advance; an answer then serves until its nextUpdate.

    Raises:
        ConfigurationError: an argument cannot be right, or a file holds no certificate.
    """

    url: str
    issuers: Sequence[str | PathLike[str]] = ()
    certificate_ids: Identifier = "sha256"
    nonce: bool = True
    keys: frozenset[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known(self.certificate_ids, get_args(Identifier), where="Responder(certificate_ids=)")
        if not isinstance(self.url, str) or not isinstance(self.nonce, bool):
            raise ConfigurationError(
                "Responder(...) got a url that is no text, or a nonce that is neither True nor False.",
                fix='Write Responder(url="https://ocsp.example").',
            )
        if isinstance(self.issuers, str | bytes) or not isinstance(self.issuers, Sequence):
            raise ConfigurationError(
                f"Responder(issuers={self.issuers!r}) is no list of paths.", fix='Write issuers=["issuing-ca.pem"].'
            )
        object.__setattr__(self, "issuers", tuple(self.issuers))
        object.__setattr__(self, "keys", frozenset(key for path in self.issuers for key in _keys_of(path)))

    def speaks_for(self, issuer: x509.Certificate) -> bool:
        """Tell whether certificates of this CA are asked for here."""
        return not self.keys or issuer_key(issuer) in self.keys


def _keys_of(path: str | PathLike[str]) -> list[bytes]:
    try:
        data = Path(path).read_bytes()
        refuse_torn(data, f"Responder(issuers=[{fspath(path)!r}])")
        return [issuer_key(one) for one in x509.load_pem_x509_certificates(data)]
    # A name with a NUL is a ValueError, an int a TypeError.
    except (OSError, TypeError, ValueError, x509.InvalidVersion) as problem:
        place = fspath(path) if isinstance(path, str | PathLike) else path
        raise ConfigurationError(
            f"Responder(issuers=[{place!r}]) cannot be read ({type(problem).__name__}).",
            fix="Give a PEM file with the certificate of the CA, this process may read.",
        ) from None
