"""Whether the sender is the one a token was issued to: RFC 8705 section 3, v5.0.0-10.3.5.

Not here: DPoP. A token bound by any other means was refused with its claims.
"""

import hmac
from dataclasses import InitVar, dataclass
from typing import Final, Literal

from .refusals import invalid_token
from .verified import VerifiedToken

_CHECKED: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VerifiedBinding:
    """Proof that the binding of a token was judged. Only verify_binding() makes one.

    Args:
        token: the token.
        method: "mtls" when the sender holds the certificate the token is bound to; None for a plain bearer token.
    """

    token: VerifiedToken
    method: Literal["mtls"] | None
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _CHECKED:
            raise TypeError("VerifiedBinding comes from verify_binding(), never from a constructor call.")


def verify_binding(token: VerifiedToken, thumbprint: bytes | None) -> VerifiedBinding:
    """Compare the certificate a token is bound to with the one the sender presented.

    Args:
        token: a verified token.
        thumbprint: SHA-256 over the DER of the client certificate of this connection, whose private key the sender
            has shown to hold; None when there is none.

    Raises:
        TokenRefused: the token is bound to a certificate, and the sender has none or another one.
    """
    bound = token.certificate_thumbprint
    if bound is None:
        return VerifiedBinding(token=token, method=None, seal=_CHECKED)
    if thumbprint is None:
        raise invalid_token("The token is bound to a certificate, and none came.", requirement="v5.0.0-10.3.5")
    if not hmac.compare_digest(bound, thumbprint):
        raise invalid_token("The token is bound to another certificate.", requirement="v5.0.0-10.3.5")
    return VerifiedBinding(token=token, method="mtls", seal=_CHECKED)
