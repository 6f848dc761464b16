"""What a route asks for, compared with what a verified certificate is called."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.certificates import ClientCertificateVerifier, IdentityPattern
from asvs_middleware.errors import CertificateRefused, ConfigurationError
from asvs_middleware.server.pki import DevelopmentCA, Issued

HEX = "0123456789abcdef" * 4
SPKI = b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        pytest.param("spiffe://example.org/batch", "uri:spiffe://example.org/batch", id="SPIFFE ID"),
        pytest.param("spiffe://example.org/batch/", "uri:spiffe://example.org/batch/", id="below a path"),
        pytest.param("spiffe://example.org/", "uri:spiffe://example.org/", id="a whole trust domain"),
        pytest.param("uri:spiffe://example.org/batch", "uri:spiffe://example.org/batch", id="SPIFFE ID, kind given"),
        pytest.param("https://example.org/clients/7", "uri:https://example.org/clients/7", id="URI"),
        pytest.param("uri:urn:example:client:7", "uri:urn:example:client:7", id="URN"),
        pytest.param("batch.example.org", "dns:batch.example.org", id="host name"),
        pytest.param("dns:Batch.Example.ORG", "dns:batch.example.org", id="host names have no case"),
        pytest.param("localhost", "dns:localhost", id="one label"),
        pytest.param("dns:_service.example.org", "dns:_service.example.org", id="underscore"),
        pytest.param("email:Ops@Example.org", "email:Ops@example.org", id="mailbox"),
        pytest.param(f"sha256:{HEX}", f"sha256:{HEX}", id="fingerprint"),
        pytest.param(
            "sha256:" + ":".join(HEX[n : n + 2].upper() for n in range(0, 64, 2)),
            f"sha256:{HEX}",
            id="as OpenSSL prints",
        ),
        pytest.param(f"spki:{SPKI}", f"spki:{SPKI}", id="public key"),
    ],
)
def test_parse(text: str, canonical: str) -> None:
    """Every spelling becomes the one that names of certificates are given."""
    assert IdentityPattern.parse(text).text == canonical
    assert IdentityPattern.parse(canonical) == IdentityPattern(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is not a host name", id="nothing"),
        pytest.param("dns:*.example.org", "is not a host name", id="wildcard"),
        pytest.param("192.0.2.7", "is not a host name", id="IP address"),
        pytest.param("ada@example.org", "email:ada@example.org for a mailbox", id="mailbox without its kind"),
        pytest.param("batch example", "is not a host name", id="space"),
        pytest.param("example.org.", "is not a host name", id="final dot"),
        pytest.param("example.org\n", "is not a host name", id="line end"),
        pytest.param("CN=batch", "is not a host name", id="distinguished name"),
        pytest.param("dn:CN=batch", "Did you mean 'dns'", id="kind we do not have"),
        pytest.param("sha265:" + HEX, "Did you mean 'sha256'", id="misspelt kind"),
        pytest.param("sha256:" + HEX[1:], "openssl x509 -noout -fingerprint", id="63 digits"),
        pytest.param("sha256:" + HEX.replace("a", "g"), "is not a SHA-256 fingerprint", id="no digits"),
        pytest.param("spki:AAAA", "is not the base64 of 32 bytes", id="3 bytes"),
        pytest.param("spki:" + HEX, "is not the base64 of 32 bytes", id="hexadecimal for base64"),
        pytest.param("spki:é", "is not the base64 of 32 bytes", id="not ASCII"),
        pytest.param("email:@example.org", "is not a mailbox", id="no local part"),
        pytest.param("email:ada@", "is not a mailbox", id="no domain"),
        pytest.param("email:a@b@example.org", "is not a mailbox", id="two @"),
        pytest.param("uri:nothing", "is not a URI", id="no scheme"),
        pytest.param("https://example.org/a b", "is not a URI", id="space in a URI"),
        pytest.param("spiffe://example.org", "spiffe://example.org/ for all", id="trust domain without slash"),
        pytest.param("SPIFFE://example.org/a", "lower case", id="scheme in capitals"),
        pytest.param("spiffe://Example.org/a", "lower-case letters", id="trust domain in capitals"),
        pytest.param("spiffe:///a", "lower-case letters", id="no trust domain"),
        pytest.param("spiffe://user@example.org/a", "lower-case letters", id="user"),
        pytest.param("spiffe://example.org:8443/a", "lower-case letters", id="port"),
        pytest.param("spiffe://example.org/a?b", "a path segment", id="query"),
        pytest.param("spiffe://example.org/a#b", "a path segment", id="fragment"),
        pytest.param("spiffe://example.org/a%2fb", "a path segment", id="percent-encoding"),
        pytest.param("spiffe://example.org/a/../b", "a path segment", id="parent segment"),
        pytest.param("spiffe://example.org/a/./b", "a path segment", id="dot segment"),
        pytest.param("spiffe://example.org/a//b", "a path segment", id="empty segment"),
        pytest.param("spiffe://example.org//", "a path segment", id="empty segment before the last slash"),
        pytest.param("spiffe://example.org/" + "a" * 2048, "longer than 2048", id="too long"),
        pytest.param("uri:spiffe:example.org/a", "does not start with spiffe://", id="no slashes"),
        pytest.param(True, "is not text", id="no text"),
    ],
)
def test_parse_refuses(text: Any, message: str) -> None:
    """A pattern that could never match, or would match something else, stops the start-up with the fix."""
    with pytest.raises(ConfigurationError, match=message):
        IdentityPattern.parse(text)


@settings(deadline=None)
@given(
    st.one_of(
        st.text(),
        st.sampled_from(["dns:", "uri:spiffe://", "email:", "sha256:", "spki:"]).flatmap(
            lambda kind: st.text(max_size=70).map(kind.__add__)
        ),
    )
)
def test_parse_any_text(text: str) -> None:
    """Any text is a pattern or a ConfigurationError, and a pattern reads back as itself."""
    try:
        pattern = IdentityPattern.parse(text)
    except ConfigurationError:
        return
    assert IdentityPattern.parse(pattern.text) == pattern


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("spiffe://example.org/batch/nightly", True, id="the ID"),
        pytest.param("spiffe://example.org/batch/", True, id="above it"),
        pytest.param("spiffe://example.org/", True, id="its trust domain"),
        pytest.param("spiffe://example.org/batch", False, id="a parent, without slash"),
        pytest.param("spiffe://example.org/batch/night", False, id="part of a segment"),
        pytest.param("spiffe://example.org/bat/", False, id="part of a segment, with slash"),
        pytest.param("spiffe://example.org/batch/nightly/", False, id="below it"),
        pytest.param("spiffe://example.com/batch/nightly", False, id="another trust domain"),
        pytest.param("spiffe://example.org.evil.example/", False, id="a longer trust domain"),
        pytest.param("spiffe://example.org/Batch/nightly", False, id="paths have case"),
        pytest.param("BATCH.example.org", True, id="host name"),
        pytest.param("example.org", False, id="parent domain"),
        pytest.param("email:Ops@example.ORG", True, id="mailbox"),
        pytest.param("email:ops@example.org", False, id="local parts have case"),
        pytest.param("https://example.org/batch/", False, id="another URI"),
        pytest.param("dns:batch", False, id="the common name is no identity"),
        pytest.param(f"sha256:{HEX}", False, id="another fingerprint"),
        pytest.param(f"spki:{SPKI}", False, id="another key"),
    ],
)
def test_matches(plain: ClientCertificateVerifier, client: Issued, at: datetime, *, text: str, expected: bool) -> None:
    """Whole names are compared; a SPIFFE pattern with a slash at its end covers what is below it."""
    assert IdentityPattern.parse(text).matches(plain.verify(client.der, at=at)) is expected


def test_matches_fingerprint_and_key(
    plain: ClientCertificateVerifier, ca: DevelopmentCA, client: Issued, at: datetime
) -> None:
    """A fingerprint is for one certificate; a key survives its renewal."""
    proof = plain.verify(client.der, at=at)
    renewed = plain.verify(ca.issue_client("Batch", dns=["batch.example.org"], at=at, key=client.key).der, at=at)
    *_, fingerprint, key = map(IdentityPattern.parse, proof.identities)
    assert (fingerprint.matches(proof), fingerprint.matches(renewed)) == (True, False)
    assert (key.matches(proof), key.matches(renewed)) == (True, True)


@pytest.mark.parametrize(
    ("uris", "message"),
    [
        pytest.param(["spiffe://example.org/a", "spiffe://example.org/b"], "beside another URI", id="two SPIFFE IDs"),
        pytest.param(["spiffe://example.org/a", "https://example.org/b"], "beside another URI", id="and another URI"),
        pytest.param(["spiffe://example.org"], "no workload", id="a trust domain"),
        pytest.param(["spiffe://example.org/"], "a path segment", id="slash at the end"),
        pytest.param(["spiffe://Example.org/a"], "lower-case", id="capitals"),
        pytest.param(["Spiffe://example.org/a"], "lower case", id="scheme in capitals"),
        pytest.param(["spiffe://example.org/a/../b"], "a path segment", id="parent segment"),
        pytest.param(["spiffe://example.org:1/a"], "trust domain", id="port"),
    ],
)
def test_bad_spiffe_id(
    plain: ClientCertificateVerifier, forge: Callable[..., bytes], at: datetime, *, uris: list[str], message: str
) -> None:
    """A certificate whose SPIFFE ID breaks the rules is refused whole, not read as something else."""
    with pytest.raises(CertificateRefused, match=message) as refusal:
        plain.verify(forge(names=[x509.UniformResourceIdentifier(uri) for uri in uris]), at=at)
    assert refusal.value.facts["reason_code"] == "bad_spiffe_id"


def test_other_uris(plain: ClientCertificateVerifier, forge: Callable[..., bytes], at: datetime) -> None:
    """Without a SPIFFE ID a certificate may carry several URIs, each compared whole: a slash at the end is a letter."""
    names = [x509.UniformResourceIdentifier(uri) for uri in ("https://example.org/a/b", "urn:example:7")]
    proof = plain.verify(forge(names=names), at=at)
    assert IdentityPattern.parse("uri:urn:example:7").matches(proof)
    assert not IdentityPattern.parse("https://example.org/a/").matches(proof)
