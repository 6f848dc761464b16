"""SPIFFE: a certificate that claims an ID keeps every rule of X509-SVID, or is refused whole."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.certificates import ClientCertificateVerifier, IdentityPattern, spiffe
from asvs_middleware.errors import CertificateRefused
from asvs_middleware.server.pki import DevelopmentCA

Forge = Callable[..., bytes]


def uris(*texts: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(text) for text in texts]


ID = "spiffe://example.org/batch"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        pytest.param(["spiffe://example.org/a", "spiffe://example.org/b"], "beside another URI", id="two SPIFFE IDs"),
        pytest.param(["spiffe://example.org/a", "https://example.org/b"], "beside another URI", id="and another URI"),
        pytest.param(["https://example.org/b", "spiffe://example.org/a"], "beside another URI", id="another URI first"),
        pytest.param(["spiffe://example.org"], "no workload", id="a trust domain"),
        pytest.param(["spiffe://example.org/"], "a path segment", id="slash at the end"),
        pytest.param(["spiffe://Example.org/a"], "lower-case", id="capitals"),
        pytest.param(["Spiffe://example.org/a"], "lower case", id="scheme in capitals"),
        pytest.param(["spiffe:example.org/a"], "lower case", id="no slashes"),
        pytest.param(["spiffe:///a"], "trust domain", id="no trust domain"),
        pytest.param(["spiffe://example.org/a/../b"], "a path segment", id="parent segment"),
        pytest.param(["spiffe://example.org/a%2fb"], "a path segment", id="percent-encoding"),
        pytest.param(["spiffe://example.org/a?b=c"], "a path segment", id="query"),
        pytest.param(["spiffe://example.org/a#b"], "a path segment", id="fragment"),
        pytest.param(["spiffe://example.org:1/a"], "trust domain", id="port"),
        pytest.param(["spiffe://ada@example.org/a"], "trust domain", id="user"),
        pytest.param(["spiffe://" + "a" * 256 + "/b"], "trust domain", id="trust domain of 256 bytes"),
        pytest.param(["spiffe://example.org/" + "a" * 2028], "longer than 2048", id="2049 bytes"),
    ],
)
def test_bad_id(
    plain: ClientCertificateVerifier, forge: Forge, at: datetime, *, texts: list[str], message: str
) -> None:
    """A certificate whose SPIFFE ID breaks the rules is refused whole, not read as something else."""
    with pytest.raises(CertificateRefused, match=message) as refusal:
        plain.verify(forge(names=uris(*texts)), at=at)
    assert refusal.value.facts["reason_code"] == "bad_spiffe_id"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("spiffe://example.org/" + "a" * 2027, id="2048 bytes"),
        pytest.param("spiffe://" + "a" * 255 + "/b", id="trust domain of 255 bytes"),
        pytest.param("spiffe://a_b-c.1/A.b_C-2/...", id="every character"),
    ],
)
def test_good_id(plain: ClientCertificateVerifier, forge: Forge, at: datetime, text: str) -> None:
    """The limits themselves are allowed."""
    assert f"uri:{text}" in plain.verify(forge(names=uris(text)), at=at).identities


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param({"usage": None}, "no critical key usage", id="no key usage"),
        pytest.param({"usage_critical": False}, "no critical key usage", id="key usage not critical"),
        pytest.param({"usage": "digital_signature crl_sign"}, "key usage is a CA's", id="signs lists"),
        pytest.param({"usage": "digital_signature key_cert_sign"}, "CA|breaks a rule", id="signs certificates"),
    ],
)
def test_bad_usage(
    plain: ClientCertificateVerifier, forge: Forge, at: datetime, *, parts: dict[str, Any], message: str
) -> None:
    """Section 4.3: key usage is there, critical, and not a CA's."""
    with pytest.raises(CertificateRefused, match=message):
        plain.verify(forge(names=uris(ID), **parts), at=at)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"usage": "digital_signature key_encipherment key_agreement"}, id="other usages"),
        pytest.param({"names": [*uris(ID), x509.DNSName("a.example.org")]}, id="names of other kinds"),
        pytest.param({"subject": x509.Name([]), "names_critical": True}, id="no subject, critical names"),
    ],
)
def test_allowed(plain: ClientCertificateVerifier, forge: Forge, at: datetime, parts: dict[str, Any]) -> None:
    """Sections 2, 3.1 and 4.3 say what may be there too."""
    proof = plain.verify(forge(**{"names": uris(ID), **parts}), at=at)
    assert IdentityPattern(ID).matches(proof)


def test_no_subject_and_names_not_critical(plain: ClientCertificateVerifier, forge: Forge, at: datetime) -> None:
    """Section 3.1: without a subject the names are critical."""
    with pytest.raises(CertificateRefused, match="breaks a rule"):
        plain.verify(forge(names=uris(ID), subject=x509.Name([])), at=at)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        pytest.param(["spiffe://example.org"], None, id="the same trust domain"),
        pytest.param(["https://example.org/ca"], None, id="another kind of URI"),
        pytest.param(["https://example.org/a", "https://example.org/b"], None, id="two of another kind"),
        pytest.param(["spiffe://example.com"], "of another trust domain", id="another trust domain"),
        pytest.param(["spiffe://example.org/ca"], "a path, and a CA's may have none", id="with a path"),
        pytest.param(["spiffe://example.org/"], "a path, and a CA's may have none", id="with a slash"),
        pytest.param(["spiffe://Example.org"], "its CA's is wrong", id="in capitals"),
        pytest.param(["spiffe://example.org", "https://example.org"], "beside another URI", id="beside another URI"),
    ],
)
def test_issuer(
    plain: ClientCertificateVerifier, forge: Forge, at: datetime, *, texts: list[str], message: str | None
) -> None:
    """Section 3.2: a CA with a SPIFFE ID of its own issues for its own trust domain. Other clients are not affected."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Below")])
    authority = {"is_ca": True, "usage": "key_cert_sign crl_sign", "purposes": None, "key": key.public_key()}
    certificate = x509.load_der_x509_certificate(forge(subject=name, names=uris(*texts), **authority))
    below = DevelopmentCA(certificate, key)
    leaf = forge(names=uris(ID), issuer=below)
    assert plain.verify(forge(issuer=below), [below.der], at=at)
    if message is None:
        assert plain.verify(leaf, [below.der], at=at)
        return
    with pytest.raises(CertificateRefused, match=message):
        plain.verify(leaf, [below.der], at=at)


@given(st.text(max_size=40), st.sampled_from(["", "spiffe://", "spiffe://example.org/", "spiffe://example.org"]))
def test_any_text(text: str, before: str) -> None:
    """An ID without fault has one spelling: its parts put together give it back, and nothing in it needs decoding."""
    uri = before + text
    if spiffe.fault(uri) is None:
        path = uri.removeprefix(spiffe.SCHEME + spiffe.trust_domain(uri))
        assert uri == f"spiffe://{spiffe.trust_domain(uri)}{path}"
        assert uri.isascii()
        assert not set(uri) & set("%?#@ \\\n")
        assert not {"", ".", ".."} & set(path.split("/")[1:])
