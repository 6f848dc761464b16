"""The proof that a caller was verified; only the guard makes one."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import Final

from ..certificates import VerifiedClientCertificate
from ..tokens import VerifiedToken
from .marks import Sensitive

_VERIFIED: Final = object()


@dataclass(frozen=True, slots=True)
class VerifiedCaller:
    """Who is calling, as far as the mark of the endpoint asked.

    Attributes:
        token: the access token, where one was needed.
        certificate: the client certificate, where one was shown.
        mark: what was asked for and has been met.
    """

    token: VerifiedToken | None
    certificate: VerifiedClientCertificate | None
    mark: Sensitive
    seal: InitVar[object]  # Not kept, so that dataclasses.replace() cannot carry it over to a forgery.

    def __post_init__(self, seal: object) -> None:
        if seal is not _VERIFIED:
            raise TypeError("VerifiedCaller comes from the guard, never from a constructor call.")

    @property
    def subject(self) -> tuple[str, str]:
        """Who it is, as issuer and subject, never the subject alone (v5.0.0-10.3.3).

        Without a token these are `certificate` and the first identity of the certificate.
        """
        if self.token is not None:
            return self.token.issuer, self.token.subject
        return "certificate", self.certificate.identities[0] if self.certificate else ""

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of the token; none without one."""
        return self.token.scopes if self.token is not None else frozenset()


def verified_caller(
    token: VerifiedToken | None, certificate: VerifiedClientCertificate | None, mark: Sensitive
) -> VerifiedCaller:
    """Return the proof. For the guard alone, after every check of the mark has passed."""
    return VerifiedCaller(token, certificate, mark, _VERIFIED)


def all_of(proofs: Sequence[VerifiedCaller]) -> VerifiedCaller:
    """Return what several proofs of one request show together; the mark is that of the last, the innermost one."""
    token = next((one.token for one in reversed(proofs) if one.token is not None), None)
    certificate = next((one.certificate for one in reversed(proofs) if one.certificate is not None), None)
    return VerifiedCaller(token, certificate, proofs[-1].mark, _VERIFIED)
