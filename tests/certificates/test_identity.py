"""What a route asks for, compared with what a verified certificate is called."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.certificates import ClientCertificateVerifier, IdentityPattern, VerifiedClientCertificate
from asvs_middleware.certificates.leaf import digests
from asvs_middleware.errors import ConfigurationError
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
        pytest.param("dn:uid=7+cn=Batch,o=Example", "dn:CN=Batch+UID=7,O=Example", id="distinguished name"),
    ],
)
def test_parse(text: str, canonical: str) -> None:
    """Every spelling becomes the one that names of certificates are given."""
    assert IdentityPattern.parse(text).text == canonical
    assert IdentityPattern.parse(canonical) == IdentityPattern(text)
    assert IdentityPattern.parse(IdentityPattern(text)) == IdentityPattern(text)


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
        pytest.param("dnss:batch", "Did you mean 'dns'", id="kind we do not have"),
        pytest.param("dn:", "is empty", id="no distinguished name"),
        pytest.param("dn:/CN=batch/O=Example", "-nameopt RFC2253", id="distinguished name as OpenSSL once printed it"),
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


@given(
    st.one_of(
        st.text(),
        st.sampled_from(["dns:", "uri:spiffe://", "email:", "dn:CN=", "sha256:", "spki:"]).flatmap(
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
        pytest.param("dn:CN=Batch,O=Development PKI of asvs-middleware", True, id="distinguished name"),
        pytest.param("dn:CN=Batch", False, id="part of the distinguished name"),
        pytest.param("dn:O=Development PKI of asvs-middleware,CN=Batch", False, id="its parts in another order"),
        pytest.param("dn:CN=Batch+O=Development PKI of asvs-middleware", False, id="its parts as one"),
        pytest.param("dn:CN=batch,O=Development PKI of asvs-middleware", False, id="distinguished names have case"),
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


class TestIssuer:
    """Where several CAs are trusted, a pattern can name the one that has to vouch."""

    @pytest.fixture
    def proofs(
        self,
        verifier: Callable[..., ClientCertificateVerifier],
        ca: DevelopmentCA,
        intermediate: DevelopmentCA,
        deep_client: Issued,
        at: datetime,
    ) -> list[VerifiedClientCertificate]:
        """The same client, below an intermediate it sent and below one that is configured."""
        sent = verifier().verify(deep_client.der, [intermediate.der], at=at)
        return [sent, verifier(intermediates=(intermediate,)).verify(deep_client.der, at=at)]

    @pytest.mark.parametrize("which", ["anchor", "intermediate"])
    @pytest.mark.parametrize("kind", ["sha256:", "spki:"])
    def test_digest(
        self,
        proofs: list[VerifiedClientCertificate],
        *,
        ca: DevelopmentCA,
        intermediate: DevelopmentCA,
        which: str,
        kind: str,
    ) -> None:
        """A fingerprint or key stands for any CA of the chain: nobody can make a namesake of it."""
        authority = ca if which == "anchor" else intermediate
        [issuer] = [name for name in digests(authority.der) if name.startswith(kind)]
        pattern = IdentityPattern("deep.example.org", issuer=issuer)
        assert [pattern.matches(proof) for proof in proofs] == [True, True]
        assert not IdentityPattern("other.example.org", issuer=issuer).matches(proofs[0])

    def test_name(self, proofs: list[VerifiedClientCertificate]) -> None:
        """A name stands for configured CAs alone: one that a CA was given by another proves nothing."""
        organisation = "O=Development PKI of asvs-middleware"
        anchor = IdentityPattern("deep.example.org", issuer=f"dn:CN=Clients,{organisation}")
        below = IdentityPattern("deep.example.org", issuer=f"dn:CN=Batch clients,{organisation}")
        itself = IdentityPattern("deep.example.org", issuer=f"dn:CN=Deep,{organisation}")
        assert [anchor.matches(proof) for proof in proofs] == [True, True]
        assert [below.matches(proof) for proof in proofs] == [False, True]
        assert [itself.matches(proof) for proof in proofs] == [False, False]

    @pytest.mark.parametrize("kind", ["sha256:", "spki:"])
    def test_another(self, proofs: list[VerifiedClientCertificate], at: datetime, kind: str) -> None:
        """A good name from another CA does not do, nor does the client's own key."""
        stranger = DevelopmentCA.root("Clients", at=at)
        for der in (stranger.der, proofs[0].der):
            [issuer] = [name for name in digests(der) if name.startswith(kind)]
            assert not IdentityPattern("deep.example.org", issuer=issuer).matches(proofs[0])

    @pytest.mark.parametrize(
        ("issuer", "message"),
        [
            pytest.param("clients.example.org", "is not a CA", id="host name"),
            pytest.param("spiffe://example.org/ca", "is not a CA", id="SPIFFE ID"),
            pytest.param("dn:Clients", "has no attribute", id="a word"),
            pytest.param("", "is not a host name", id="empty"),
            pytest.param(7, "is not text", id="number"),
        ],
    )
    def test_refuses(self, issuer: Any, message: str) -> None:
        """What no CA can be called stops the start-up."""
        with pytest.raises(ConfigurationError, match=message):
            IdentityPattern("batch.example.org", issuer=issuer)


def test_other_uris(plain: ClientCertificateVerifier, forge: Callable[..., bytes], at: datetime) -> None:
    """Without a SPIFFE ID a certificate may carry several URIs, each compared whole: a slash at the end is a letter."""
    names = [x509.UniformResourceIdentifier(uri) for uri in ("https://example.org/a/b", "urn:example:7")]
    proof = plain.verify(forge(names=names), at=at)
    assert IdentityPattern.parse("uri:urn:example:7").matches(proof)
    assert not IdentityPattern.parse("https://example.org/a/").matches(proof)
