"""NIST PKITS, the Public Key Interoperability Test Suite: paths, name constraints and revocation lists.

The certificates come with the package `cryptography_vectors`; a file's name says what is expected and, with the topics
below, which test of the document it is. They name no client and no purpose, so what is judged is the part below that:
the path, in the profile that takes subjects alone, and the lists. Nothing that must fail may pass. What should pass and
does not is a frozen list with reasons: each makes the verifier stricter than RFC 5280.

Left out: sections 4.8 to 4.12, certificate policies, which the verifier does not look at.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import Store

from asvs_middleware.certificates import ClientCertificates
from asvs_middleware.certificates.path import Trust, validated_path
from asvs_middleware.errors import ASVSMiddlewareError

cryptography_vectors = pytest.importorskip("cryptography_vectors", reason="cryptography_vectors is not installed")
PKITS = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"
AT = datetime(2026, 6, 1, tzinfo=UTC)

SECTIONS = {
    "4.1": "CertificatePath|CASignature|EESignature|DSA",
    "4.2": "not(Before|After)Date",
    "4.3": "NameChaining|NameUIDs|RFC3280|UTF8String|Rollover",
    "4.4": "MissingCRL|RevokedCA|RevokedEE|BadCRL|WrongCRL|TwoCRLs|UnknownCRL|CRLnextUpdate|SerialNumber|SeparateCert",
    "4.5": "BasicSelfIssued",
    "4.6": "basicConstraints|cAFalse|pathLenConstraint",
    "4.7": "keyUsage",
    "4.13": "nameConstraints",
    "4.14": "distributionPoint|onlyContains|onlySome|indirectCRL|cRLIssuer|DistributionPoint",
    "4.15": "deltaCRL",
    "4.16": "CriticalCertificateExtension",
}
"""The topic of each section, as the names of its files have it."""

REFUSED = {
    "DSA signs nothing that is taken (FIPS 186-5 withdrew it)": ["4.1.4", "4.1.5"],
    "dates before 2050 are in UTCTime (RFC 5280 section 4.1.2.5)": ["4.2.4"],
    "names are the same when their bytes are; capitals, spaces and string types are not folded": [
        "4.3.3", "4.3.4", "4.3.5", "4.3.10", "4.3.11",
    ],
    "a list signed with another key of the CA than the one that issued the certificate": [
        "4.4.19", "4.5.1", "4.5.4", "4.5.6",
    ],
    "basic constraints of a CA are critical (RFC 5280 section 4.2.1.9)": ["4.6.4"],
    "a CA's certificate is no client's": ["4.6.8", "4.6.14"],
    "self-issued certificates with the name of another are taken for it": ["4.6.15", "4.6.17"],
    "constraints on distinguished names are not understood, so such a CA issues for nobody": [
        "4.13.1", "4.13.4", "4.13.5", "4.13.6", "4.13.11", "4.13.14", "4.13.18", "4.13.19", "4.13.27",
    ],
    "constraints on URIs are not understood, so such a CA issues for nobody": ["4.13.34", "4.13.36"],
    "lists for a part of the certificates or reasons prove nothing about the rest": [
        "4.14.13", "4.14.18", "4.14.19",
    ],
    "indirect lists, of one CA about another's certificates, are not taken": [
        "4.14.22", "4.14.24", "4.14.25", "4.14.28", "4.14.29", "4.14.30", "4.14.33",
    ],
    "delta lists are not taken": ["4.15.2", "4.15.5", "4.15.7", "4.15.8"],
}  # fmt: skip
FROZEN = {number: reason for reason, numbers in REFUSED.items() for number in numbers}


def documented() -> Iterator[Any]:
    """Yield number, file and expectation."""
    for section, topic in SECTIONS.items():
        for path in sorted((PKITS / "certs").glob("*EE.crt")):
            found = re.fullmatch(r"(Valid|Invalid)(.+)Test(\d+)EE", path.stem)
            if found and re.search(topic, found[2]) and "olicy" not in found[2]:
                yield pytest.param(f"{section}.{found[3]}", path, found[1] == "Valid", id=f"{section}.{found[3]}")


@cache
def authorities() -> dict[str, list[x509.Certificate]]:
    """Return the CA certificates that can be read, by subject."""
    found: dict[str, list[x509.Certificate]] = {}
    for path in sorted((PKITS / "certs").glob("*Cert.crt")):
        if path.stem != "DSAParametersInheritedCACert":  # Its key is no key by itself.
            certificate = load(path)
            found.setdefault(written(certificate.subject), []).append(certificate)
    return found


@cache
def lists() -> dict[str, list[Path]]:
    """Return the revocation lists by issuer."""
    found: dict[str, list[Path]] = {}
    for path in sorted((PKITS / "crls").glob("*.crl")):
        found.setdefault(written(x509.load_der_x509_crl(path.read_bytes()).issuer), []).append(path)
    return found


def load(path: Path) -> x509.Certificate:
    return x509.load_der_x509_certificate(path.read_bytes())


def written(name: x509.Name) -> str:
    return name.rfc4514_string()


def above(leaf: x509.Certificate) -> list[x509.Certificate]:
    """Return whatever CA certificate may stand above the leaf, by name alone."""
    found: list[x509.Certificate] = []
    waiting = [leaf]
    for certificate in waiting:
        fresh = [one for one in authorities().get(written(certificate.issuer), []) if one not in found]
        found += fresh
        waiting += fresh
    return found


def judge(leaf: x509.Certificate, folder: Path) -> None:
    root = load(PKITS / "certs" / "TrustAnchorRootCertificate.crt")
    below = above(leaf)
    (folder / "trust.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "below.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in below))
    issuers = sorted({written(one.issuer) for one in (leaf, *below)})
    policy = ClientCertificates(
        trust=folder / "trust.pem",
        intermediates=[folder / "below.pem"] if below else [],
        crls=[path for issuer in issuers for path in lists().get(issuer, [])],
        profile="legacy_cn",
        max_chain_depth=8,
    )
    trust = Trust(policy.anchors, policy.authorities, policy.profile, policy.max_chain_depth, Store([root]))
    chain = validated_path(trust, leaf, [], AT)
    assert policy.revocation
    policy.revocation.check(chain, AT)


def accepts(path: Path, folder: Path) -> bool:
    try:
        judge(load(path), folder)
    except (ASVSMiddlewareError, ValueError):  # A refusal; a certificate that cannot be read.
        return False
    return True


@pytest.mark.filterwarnings("ignore:Parsed a serial number:UserWarning")
@pytest.mark.parametrize(("number", "path", "valid"), list(documented()))
def test_pkits(number: str, path: Path, valid: bool, tmp_path: Path) -> None:
    """What must fail fails, what should pass passes, but for the frozen list."""
    assert accepts(path, tmp_path) is (valid and number not in FROZEN)


def test_pkits_is_whole() -> None:
    """Every test of these sections is here, and every number on the list is one that should pass."""
    found = {number: valid for number, _, valid in (one.values for one in documented())}
    assert len(found) == 161
    assert all(found[number] for number in FROZEN)
