"""From the Authorization header to the raw token: RFC 6750 section 2.1, and no other place.

Not here: a token in the query or in the body. Whoever sees one there answers with `invalid_request`.
"""

import re
from collections.abc import Sequence
from typing import Final

from .jws import LONGEST_TOKEN
from .refusals import invalid_request, invalid_token, missing_token

_B64TOKEN: Final = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")


def bearer_token(authorization: Sequence[bytes]) -> str | None:
    """Return the raw token, or None when nothing was sent.

    Args:
        authorization: the value of every Authorization header of the request, as it came.

    Raises:
        TokenRefused: two headers (400), another scheme (401, bare challenge), or no token in the header (401).
    """
    if not authorization:
        return None
    if len(authorization) > 1:
        raise invalid_request("The request carries more than one Authorization header.")
    scheme, _, rest = authorization[0].partition(b" ")
    if scheme.lower() != b"bearer":
        raise missing_token("The Authorization header uses another scheme than Bearer.")
    credential = rest.lstrip(b" ")
    if len(credential) > LONGEST_TOKEN:
        raise invalid_token(f"The token is longer than {LONGEST_TOKEN} bytes.")
    if not _B64TOKEN.fullmatch(credential):
        raise invalid_token("The Authorization header holds no b64token.")
    return credential.decode("ascii")
