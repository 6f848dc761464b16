"""The compact JWS, in one spelling: RFC 7515 sections 3.1 and 4, RFC 8725 sections 3.1 and 3.5.

v5.0.0-9.1.1, 9.1.2, 9.1.3. The size is judged before anything is parsed, the header before the payload is decoded,
and the payload is handed out by `verify_signature` only. Refused: JWE (five segments), the JSON serialisations,
any `crit`, `b64`, keys or links to keys inside the header. Claims are not looked at here.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from . import base64url
from .refusals import invalid_token
from .strict_json import parse_object

LONGEST_TOKEN: Final = 8192
"""Bytes. Servers stop at 8 to 16 KiB for all headers together."""

LONGEST_HEADER: Final = 2048
"""Bytes of the encoded header: it is parsed before anything is authenticated, so it must stay cheap."""

LONGEST_KID: Final = 256

_KEYS_IN_HEADER: Final = ("jwk", "jku", "x5c", "x5u")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CompactJWS:
    """A well-formed JWS whose signature nobody has checked: nothing in it may be believed yet."""

    algorithm: str
    kid: str | None
    type: str | None
    signing_input: bytes
    unverified_payload: bytes
    signature: bytes


def parse_compact(raw: str, *, algorithms: frozenset[str]) -> CompactJWS:
    """Take a compact JWS apart.

    Args:
        raw: the token, as it came.
        algorithms: the allow list; `alg` must be in it, letter by letter.

    Raises:
        TokenRefused: with an `invalid_token` challenge and the reason for the log.
    """
    token = token_bytes(raw)
    segments = token.split(b".", 5)  # Six are enough to know that three were meant otherwise.
    if len(segments) != 3:
        raise invalid_token(_WRONG_SEGMENTS.get(len(segments), "The token does not have three segments."))
    header_segment, payload_segment, signature_segment = segments
    header = _header(header_segment, algorithms)
    signature = _decoded(signature_segment, "signature")
    if not signature:
        raise invalid_token("The token carries no signature.", requirement="v5.0.0-9.1.1")
    return CompactJWS(
        algorithm=header.algorithm,
        kid=header.kid,
        type=header.type,
        signing_input=token[: -len(signature_segment) - 1],
        unverified_payload=_decoded(payload_segment, "payload"),
        signature=signature,
    )


def token_bytes(raw: str) -> bytes:
    """Return the token's ASCII bytes; size and alphabet are judged before anything else touches it."""
    if len(raw) > LONGEST_TOKEN:
        raise invalid_token(f"The token is longer than {LONGEST_TOKEN} bytes.")
    if not raw.isascii():
        raise invalid_token("The token holds other characters than ASCII.")
    return raw.encode("ascii")


_WRONG_SEGMENTS: Final = {
    5: "The token is encrypted (JWE), which is not accepted here.",
    1: "The token is no JWS in the compact serialisation.",
}


class _Header(NamedTuple):
    algorithm: str
    kid: str | None
    type: str | None


@lru_cache(maxsize=64)
def _header(segment: bytes, algorithms: frozenset[str]) -> _Header:
    """Judge a header. All tokens of one key share theirs, so the verdict on the last few good ones is kept."""
    if len(segment) > LONGEST_HEADER:
        raise invalid_token(f"The token's header is longer than {LONGEST_HEADER} bytes.")
    try:
        header = parse_object(base64url.decode(segment))
    except ValueError as error:
        raise invalid_token(f"The token's header is {error}.") from None
    algorithm = _algorithm(header, algorithms)
    _refuse_traps(header)
    kid = _text(header, "kid")
    if kid is not None and len(kid.encode("utf-8")) > LONGEST_KID:
        raise invalid_token("The token's kid is too long.")
    return _Header(algorithm, kid, _text(header, "typ"))


def _decoded(segment: bytes, what: str) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError as error:
        raise invalid_token(f"The token's {what} is {error}.") from None


def _algorithm(header: dict[str, Any], algorithms: frozenset[str]) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise invalid_token("The token's alg is not in the allow list.", requirement="v5.0.0-9.1.2")
    return algorithm


def _refuse_traps(header: dict[str, Any]) -> None:
    """Refuse what would change how the rest must be read, or where the key would come from."""
    if "crit" in header or "b64" in header:
        raise invalid_token("The token needs a header extension (crit or b64); none is understood here.")
    if any(name in header for name in _KEYS_IN_HEADER):
        raise invalid_token("The token brings its own key or a link to it.", requirement="v5.0.0-9.1.3")


def _text(header: dict[str, Any], name: str) -> str | None:
    value = header.get(name)
    if not (isinstance(value, str) or (value is None and name not in header)):
        raise invalid_token(f"The token's {name} is not text.")
    return value
