"""The path from a client's certificate to a trust anchor: v5.0.0-12.1.3, v5.0.0-12.3.4, RFC 5280 section 6.

Validated by `cryptography` in its web PKI profile: dates, path lengths, name constraints, key usage and purpose of
each CA, keys and signature algorithms, and no critical extension it does not know. `strictness` and `constraints` add
what it leaves out. In the profile `legacy_cn` one demand is dropped, for a leaf without subject alternative name: to
have one.

Not checked here: the leaf by itself (`leaf`), revocation, certificate policies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from cryptography import x509
from cryptography.x509.verification import (
    ClientVerifier,
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from . import constraints, strictness
from .chain import connected, issued
from .leaf import extension, refused

Profile = Literal["strict", "legacy_cn"]

_LEAF_WITHOUT_NAMES: Final = ExtensionPolicy.webpki_defaults_ee().may_be_present(
    x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
)


@dataclass(frozen=True, slots=True)
class Trust:
    """Where paths may end and what they may look like.

    Attributes:
        anchors: trust anchors.
        authorities: CA certificates between them and the clients that the operator gave.
        profile: see ClientCertificates.
        max_chain_depth: how many CAs may stand between a client and its anchor.
        store: the anchors, as the library wants them.
    """

    anchors: tuple[x509.Certificate, ...]
    authorities: tuple[x509.Certificate, ...]
    profile: Profile
    max_chain_depth: int
    store: Store


def validated_path(
    trust: Trust, leaf: x509.Certificate, sent: Sequence[x509.Certificate], at: datetime
) -> list[x509.Certificate]:
    """Return the chain, from the leaf to a trust anchor.

    Args:
        trust: whom and what to trust.
        leaf: checked by itself already.
        sent: what came with it, in any order.
        at: the time to verify for.

    Raises:
        CertificateRefused: unknown_issuer or path_refused.
    """
    ours = (*trust.anchors, *trust.authorities)
    strangers = [one for one in dict.fromkeys(sent) if one not in ours]
    # Namesakes let the library's search branch, so these have to be tied to us first. Without, there is one way to go.
    if not _all_differ([*strangers, *trust.authorities]):
        strangers = connected(strangers, ours)
    try:
        chain = _verifier(trust, leaf, at).verify(leaf, [*strangers, *trust.authorities]).chain
    except VerificationError as problem:
        if not issued(leaf, (*ours, *connected(strangers, ours))):
            raise refused(
                "unknown_issuer", "No trusted CA issued the certificate, directly or through what was sent."
            ) from None
        # The library's sentence names the rule and no more of the certificate than its names.
        raise refused("path_refused", f"The certificate's chain breaks a rule: {problem}.") from None
    constraints.check(chain)
    strictness.check(chain)
    return chain


def _verifier(trust: Trust, leaf: x509.Certificate, at: datetime) -> ClientVerifier:
    builder = PolicyBuilder().store(trust.store).time(at.astimezone(UTC)).max_chain_depth(trust.max_chain_depth)
    if trust.profile == "legacy_cn" and extension(leaf, x509.SubjectAlternativeName) is None:
        builder = builder.extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=_LEAF_WITHOUT_NAMES
        )
    return builder.build_client_verifier()


def _all_differ(certificates: Sequence[x509.Certificate]) -> bool:
    return len(certificates) < 2 or len({one.subject.public_bytes() for one in certificates}) == len(certificates)
