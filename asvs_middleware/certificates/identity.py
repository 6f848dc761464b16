"""The identity a route or the whole app asks for, compared with a verified certificate: v5.0.0-12.1.3, v5.0.0-12.3.5.

Compared are the whole names of the subject alternative name, the whole distinguished name, the fingerprint or the
public key: no common name by itself, no regular expression, no wildcard. Only a SPIFFE ID may end with a slash and so
stand for everything below it. Where several CAs are trusted, a pattern may name the one that has to vouch for it.
Not checked here: the certificate; a proof of that comes in.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from ..errors import CertificateRefused, ConfigurationError
from ..names import known
from . import spiffe
from .distinguished_name import RDNs, parse, render
from .leaf import mailbox
from .proof import VerifiedClientCertificate

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
            name; or a value after `uri:`, `dns:`, `email:`, `dn:` (the whole subject as in RFC 4514), `sha256:` (of
            the DER certificate: 64 hexadecimal digits, colons allowed) or `spki:` (base64 of the SHA-256 of the
            public key). It is kept in the spelling of `VerifiedClientCertificate.identities`.
        issuer: which CA of the chain has to vouch for it, at any height: `sha256:` or `spki:` of any CA, or `dn:` of
            one that `trust` or `intermediates` hold, for other CAs choose their own names. None: any trusted one.

    Raises:
        ConfigurationError: text or issuer is none of these.
    """

    text: str
    issuer: str | None = None
    _name: RDNs | None = field(init=False, repr=False, compare=False)
    _issuer_name: RDNs | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _canonical(self.text))
        object.__setattr__(self, "_name", _parsed(self.text))
        if self.issuer is not None:
            object.__setattr__(self, "issuer", _canonical_issuer(self.issuer))
        object.__setattr__(self, "_issuer_name", _parsed(self.issuer))

    @classmethod
    def parse(cls, text: "str | IdentityPattern") -> Self:
        """Return the pattern that text stands for; a pattern stands for itself.

        Raises:
            ConfigurationError: it stands for none.

        >>> IdentityPattern.parse("Batch.Example.org").text
        'dns:batch.example.org'
        >>> IdentityPattern.parse("dn:cn=Batch,O=Example").text
        'dn:CN=Batch,O=Example'
        """
        return text if isinstance(text, cls) else cls(text)  # type: ignore[arg-type]  # Whatever else is refused.

    def matches(self, certificate: VerifiedClientCertificate) -> bool:
        """Tell whether one of the certificate's names is this one, or is below it, by the issuer asked for."""
        return self._names(certificate) and self._issued(certificate)

    def _names(self, certificate: VerifiedClientCertificate) -> bool:
        if self._name is not None:
            return self._name == certificate.name
        if self.text.startswith(_SPIFFE) and self.text.endswith("/"):
            # A verified SPIFFE ID has no empty segment, so the slash is a border and something follows it.
            return any(name.startswith(self.text) for name in certificate.identities)
        return self.text in certificate.identities

    def _issued(self, certificate: VerifiedClientCertificate) -> bool:
        if self._issuer_name is not None:
            return self._issuer_name in certificate.issuer_names
        return self.issuer is None or self.issuer in certificate.issuers


def required_identity(patterns: Sequence[IdentityPattern], certificate: VerifiedClientCertificate) -> None:
    """Refuse a certificate that none of the patterns matches. No patterns: any verified one will do.

    Raises:
        CertificateRefused: none does (code client_certificate_identity).
    """
    if patterns and not any(pattern.matches(certificate) for pattern in patterns):
        raise CertificateRefused(
            "The certificate holds, and its identity is not one that is accepted here.",
            code="client_certificate_identity",
            facts={"identities": ", ".join(certificate.identities[:4])},
        )


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


def _canonical_issuer(text: object) -> str:
    canonical = _canonical(text)
    if not canonical.startswith(("dn:", "sha256:", "spki:")):
        raise _refusal(text, "a CA", 'issuer="spki:..." or "sha256:..." of the CA, or "dn:..." of a configured one')
    return canonical


def _parsed(canonical: str | None) -> RDNs | None:
    kind, _, value = (canonical or "").partition(":")
    return parse(value) if kind == "dn" else None


def _dn(value: str) -> str:
    return render(parse(value))


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
        raise _refusal(value, "the base64 of 32 bytes", "the spki: name listed in VerifiedClientCertificate.identities")
    return b64encode(digest).decode()


def _refusal(value: object, expected: str, example: str) -> ConfigurationError:
    return ConfigurationError(f"IdentityPattern {value!r} is not {expected}.", fix=f"Write {example}.")


_SPIFFE: Final = f"uri:{spiffe.SCHEME}"
_KINDS: Final[Mapping[str, Callable[[str], str]]] = {
    "dn": _dn,
    "dns": _dns,
    "email": _email,
    "sha256": _sha256,
    "spki": _spki,
    "uri": _uri,
}
