"""The identity a route asks for, compared with a verified certificate: v5.0.0-12.1.3, v5.0.0-12.3.5.

Compared are the whole names of the subject alternative name, the fingerprint or the public key: no common name, no
regular expression over a distinguished name, no wildcard. Only a SPIFFE ID may end with a slash and so stand for
everything below it. Not checked here: the certificate; a proof of that comes in.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from ..errors import ConfigurationError
from ..names import known
from . import spiffe
from .leaf import mailbox
from .verifier import VerifiedCertificate

_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(?!.*\.?[0-9]+\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_LOCAL_PART: Final = re.compile(r"[!-?A-~]{1,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class IdentityPattern:
    """One accepted identity.

    Args:
        text: `spiffe://trust.domain/path`, or ending with a slash for every workload below it; another URI; a host
            name; or a value after `uri:`, `dns:`, `email:`, `sha256:` (of the DER certificate: 64 hexadecimal digits,
            colons allowed) or `spki:` (base64 of the SHA-256 of the public key). It is kept in the spelling of
            `VerifiedCertificate.identities`.

    Raises:
        ConfigurationError: text is none of these.
    """

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _canonical(self.text))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the pattern that text stands for.

        Raises:
            ConfigurationError: it stands for none.

        >>> IdentityPattern.parse("Batch.Example.org").text
        'dns:batch.example.org'
        >>> IdentityPattern.parse("spiffe://example.org/batch/").text
        'uri:spiffe://example.org/batch/'
        """
        return cls(text)

    def matches(self, certificate: VerifiedCertificate) -> bool:
        """Tell whether one of the certificate's names is this one, or is below it."""
        if self.text.startswith(_SPIFFE) and self.text.endswith("/"):
            # A verified SPIFFE ID has no empty segment, so the slash is a border and something follows it.
            return any(name.startswith(self.text) for name in certificate.identities)
        return self.text in certificate.identities


def _canonical(text: object) -> str:
    """Return `kind:value` in the one spelling that names in a certificate are given."""
    if not isinstance(text, str):
        raise _refusal(text, "text", "an identity, such as spiffe://example.org/batch")
    kind, colon, value = text.partition(":")
    if not colon:
        kind, value = "dns", kind
    elif value.startswith("//"):
        kind, value = "uri", text
    return f"{kind}:{_KINDS[known(kind, _KINDS, where='IdentityPattern')](value)}"


def _uri(value: str) -> str:
    if spiffe.is_spiffe(value):
        below = "x" if value.endswith("/") else ""  # Any workload: the rules are the same for all of them.
        if fault := spiffe.fault(value + below):
            raise _refusal(
                value, f"a SPIFFE ID: {fault}", "spiffe://example.org/batch, or spiffe://example.org/ for all"
            )
        return value
    if not _URI.fullmatch(value):
        raise _refusal(value, "a URI", "https://example.org/clients/7")
    return value


def _dns(value: str) -> str:
    name = value.lower()
    if not _HOST.fullmatch(name):
        raise _refusal(value, "a host name", "dns:batch.example.org, or email:ada@example.org for a mailbox")
    return name


def _email(value: str) -> str:
    local, _, host = value.rpartition("@")
    if not _LOCAL_PART.fullmatch(local) or not _HOST.fullmatch(host.lower()):
        raise _refusal(value, "a mailbox", "email:ada@example.org")
    return mailbox(value)


def _sha256(value: str) -> str:
    digest = value.replace(":", "").lower()
    if not _DIGEST.fullmatch(digest):
        raise _refusal(value, "a SHA-256 fingerprint", "what `openssl x509 -noout -fingerprint -sha256` prints after =")
    return digest


def _spki(value: str) -> str:
    try:
        digest = b64decode(value, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise _refusal(value, "the base64 of 32 bytes", "the spki: name listed in VerifiedCertificate.identities")
    return b64encode(digest).decode()


def _refusal(value: object, expected: str, example: str) -> ConfigurationError:
    return ConfigurationError(f"IdentityPattern {value!r} is not {expected}.", fix=f"Write {example}.")


_SPIFFE: Final = f"uri:{spiffe.SCHEME}"
_KINDS: Final[Mapping[str, Callable[[str], str]]] = {
    "dns": _dns,
    "email": _email,
    "sha256": _sha256,
    "spki": _spki,
    "uri": _uri,
}
