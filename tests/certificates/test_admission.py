"""Whom a port admits: `required`, `identities`, and what the proof says about the way the certificate came."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from asvs_middleware.certificates import ClientCertificateVerifier, IdentityPattern
from asvs_middleware.certificates.identity import required_identity
from asvs_middleware.certificates.verdicts import LARGEST
from asvs_middleware.errors import CertificateRefused
from asvs_middleware.server.pki import Issued

Verifier = Callable[..., ClientCertificateVerifier]
BATCH = "spiffe://example.org/batch/"


@pytest.mark.parametrize(
    ("choices", "shown", "expected"),
    [
        pytest.param({}, False, None, id="nothing asked, nothing shown"),
        pytest.param({}, True, "proof", id="nothing asked, shown all the same"),
        pytest.param({"required": True}, True, "proof", id="required and shown"),
        pytest.param({"required": True}, False, "client_certificate_missing", id="required and not shown"),
        pytest.param({"identities": [BATCH]}, True, "proof", id="one of those accepted"),
        pytest.param({"identities": ["other.example.org", BATCH]}, True, "proof", id="the second of those"),
        pytest.param({"identities": [BATCH]}, False, None, id="identities alone ask nobody"),
        pytest.param({"identities": ["other.example.org"]}, True, "client_certificate_identity", id="another"),
        pytest.param(
            {"identities": [IdentityPattern(BATCH, issuer="dn:CN=Other")]},
            True,
            "client_certificate_identity",
            id="from another CA",
        ),
        pytest.param(
            {"required": True, "identities": ["other.example.org"]}, False, "client_certificate_missing", id="both"
        ),
    ],
)
def test_admit(
    verifier: Verifier, client: Issued, at: datetime, *, choices: dict[str, Any], shown: bool, expected: str | None
) -> None:
    """What the policy asks for holds for every request, whatever its route asks for."""
    chain = [client.der] if shown else []
    admitting = verifier(**choices)
    if expected in {None, "proof"}:
        proof = admitting.admit(chain, at=at)
        assert (proof is not None) is (expected == "proof")
        return
    with pytest.raises(CertificateRefused, match="certificate") as refusal:
        admitting.admit(chain, at=at)
    assert (refusal.value.code, refusal.value.status) == (expected, 403)


def test_admit_verifies(verifier: Verifier, at: datetime) -> None:
    """A certificate that does not hold is refused, also where none would have been needed."""
    with pytest.raises(CertificateRefused, match="cannot be read"):
        verifier().admit([b"0"], at=at)


def test_required_identity(plain: ClientCertificateVerifier, client: Issued, at: datetime) -> None:
    """A route's patterns are asked in the same way; no pattern asks for nothing. The refusal names names only."""
    proof = plain.verify(client.der, at=at)
    required_identity([], proof)
    with pytest.raises(CertificateRefused, match="not one that is accepted") as refusal:
        required_identity([IdentityPattern("other.example.org")], proof)
    assert str(refusal.value.facts["identities"]).startswith("uri:spiffe://example.org/batch/nightly, dns:")


@pytest.mark.parametrize(
    ("source", "resumed"),
    [("tls", False), ("tls", True), ("forwarded:rfc9440", False), ("forwarded:envoy", False)],
)
def test_proof_says_how_it_came(
    plain: ClientCertificateVerifier, client: Issued, at: datetime, *, source: str, resumed: bool
) -> None:
    """Each way has proofs of its own, so none is taken for another's."""
    proof = plain.verify(client.der, at=at, source=source, resumed=resumed)
    assert (proof.source, proof.resumed) == (source, resumed)
    again = plain.admit([client.der], at=at, source=source, resumed=resumed)
    assert again is proof


def test_checked_at(verifier: Verifier, client: Issued, at: datetime) -> None:
    """`checked_at` is when signatures and lists were looked at, not when the verdict was given again."""
    warm, later = verifier(), at + timedelta(minutes=5)
    assert warm.verify(client.der, at=at).checked_at == at
    assert warm.verify(client.der, at=later).checked_at == at
    warm.trust(warm.policy)
    assert warm.verify(client.der, at=later).checked_at == later


def test_generation(verifier: Verifier, client: Issued, at: datetime) -> None:
    """Every new policy is a generation of its own, and its verdicts are its own too."""
    warm = verifier()
    first = warm.verify(client.der, at=at)
    warm.trust(warm.policy)
    assert warm.generation == 1
    assert warm.verify(client.der, at=at) is not first


def test_heavy_chains_are_not_kept(
    verifier: Verifier, forge: Callable[..., bytes], client: Issued, at: datetime
) -> None:
    """A client cannot make the memory of verdicts heavy: what it pads its chain with is verified each time."""
    warm = verifier()
    for size in (100, LARGEST):
        weight = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), bytes(size))
        chain = [client.der, forge(extra=[weight])]
        assert (warm.admit(chain, at=at) is warm.admit(chain, at=at)) is (size < LARGEST)
