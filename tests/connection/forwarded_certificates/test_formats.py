"""What each proxy writes becomes the chain the client showed, and nothing else does: v5.0.0-12.1.3, RFC 9440."""

import ssl
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.connection.forwarded_certificates import FORMATS, ForwardedCertificates, ForwardedFields
from asvs_middleware.errors import CertificateRefused

Chain = tuple[bytes, ...]
Write = Callable[[str, Chain], dict[str, str]]
Pairs = Callable[[dict[str, str]], list[tuple[bytes, bytes]]]

CODES = {
    "forwarded_contradiction",
    "forwarded_duplicate",
    "forwarded_lookalike",
    "forwarded_malformed",
    "forwarded_too_large",
    "forwarded_unverified",
    "forwarded_without_certificate",
}


def read(form: str, *fields: tuple[bytes, bytes]) -> Chain:
    return ForwardedFields(ForwardedCertificates(form, peers=["10.0.0.7"]), tuple(fields)).chain()


def refused(form: str, *fields: tuple[bytes, bytes]) -> str:
    """Return the reason code, and see that nothing of the fields is in the message."""
    with pytest.raises(CertificateRefused, match=r"\.$") as error:
        read(form, *fields)
    assert not any(value.decode("latin-1") in error.value.reason for _, value in fields if len(value) > 16)
    return str(error.value.facts["reason_code"])


def test_every_format_is_here(form: str) -> None:
    """Each decoder has its encoder, under the name it is known by."""
    assert FORMATS[form].name == form
    assert len(FORMATS) == 13


def test_the_chain(form: str, chain: Chain, write: Write, pairs: Pairs, carries_the_chain: Any) -> None:
    """The leaf comes first, then what the format carries of the rest."""
    expected = chain if carries_the_chain(form) else chain[:1]
    assert read(form, *pairs(write(form, chain))) == expected
    assert read(form, *pairs(write(form, chain[:1]))) == chain[:1]


def test_no_certificate(form: str, chain: Chain, write: Write, pairs: Pairs) -> None:
    """No field, and empty ones, say that the client showed none."""
    assert read(form) == ()
    assert read(form, *pairs(dict.fromkeys(write(form, chain), ""))) == ()
    assert read(form, *pairs(dict.fromkeys(write(form, chain), " \t"))) == ()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("nginx", {"ssl-client-verify": "NONE"}),
        ("apache", {"x-client-verify": "NONE", "x-client-cert": ""}),
        ("haproxy", {"x-ssl-client-verify": "0", "x-ssl-client-cert": "", "x-ssl-client-chain": ""}),
        ("rfc9440", {"client-cert": "::"}),
        ("caddy", {"x-client-cert": "{http.request.tls.client.certificate_der_base64}"}),
        ("cloudfront", {"cloudfront-viewer-cert-present": "0"}),
        ("cloudflare", {"client-cert": "", "client-cert-verified": "false", "client-cert-revoked": "false"}),
        ("google", {"x-client-cert-present": "false", "x-client-cert-chain-verified": "false"}),
    ],
)
def test_what_a_proxy_writes_for_none(kind: str, fields: dict[str, str], pairs: Pairs) -> None:
    """Each has its own word for it, and none of them is an error."""
    assert read(kind, *pairs(fields)) == ()


def test_a_verdict_against_the_certificate(form: str, verdict: Any, chain: Chain, write: Write, pairs: Pairs) -> None:
    """A certificate the proxy did not verify is refused, and so is one without its verdict."""
    name, failed = verdict
    fields = write(form, chain)
    assert refused(form, *pairs({**fields, name: failed})) == "forwarded_unverified"
    assert refused(form, *pairs({**fields, name: ""})) == "forwarded_unverified"
    assert refused(form, *pairs({**fields, name: fields[name] + "x"})) == "forwarded_unverified"
    assert refused(form, *pairs({one: value for one, value in fields.items() if one != name})) == "forwarded_unverified"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("nginx", {"ssl-client-verify": "SUCCESS"}),
        ("nginx", {"ssl-client-verify": "FAILED:unable to get local issuer certificate"}),
        ("apache", {"x-client-verify": "GENEROUS"}),
        ("haproxy", {"x-ssl-client-verify": "20"}),
        ("haproxy", {"x-ssl-client-verify": "0", "x-ssl-client-chain": "MAA="}),
        ("rfc9440", {"client-cert-chain": ":MAA=:"}),
        ("rfc9440", {"client-cert": "::", "client-cert-chain": ":MAA=:"}),
        ("cloudfront", {"cloudfront-viewer-cert-present": "1"}),
        ("cloudflare", {"client-cert-verified": "true", "client-cert-revoked": "false"}),
        ("cloudflare", {"client-cert-verified": "true", "client-cert-revoked": "true"}),
        ("google", {"x-client-cert-present": "true", "x-client-cert-chain-verified": "false"}),
        ("google", {"x-client-cert-present": "true", "x-client-cert-chain-verified": "true"}),
    ],
)
def test_a_verdict_without_a_certificate(kind: str, fields: dict[str, str], pairs: Pairs) -> None:
    """Something was shown, judged or sent along, and the certificate is not there."""
    assert refused(kind, *pairs(fields)) == "forwarded_contradiction"


def test_a_revoked_one_at_cloudflare(chain: Chain, write: Write, pairs: Pairs) -> None:
    """There a revoked certificate counts as verified, so the second verdict is needed."""
    fields = write("cloudflare", chain)
    assert refused("cloudflare", *pairs({**fields, "client-cert-revoked": "true"})) == "forwarded_unverified"
    del fields["client-cert-revoked"]
    assert refused("cloudflare", *pairs(fields)) == "forwarded_unverified"


def test_a_field_twice(form: str, chain: Chain, write: Write, pairs: Pairs) -> None:
    """One was the client's; which, nobody can tell. Two of the same, and an empty one, are two as well."""
    fields = pairs(write(form, chain))
    for name, value in fields:
        assert refused(form, *fields, (name, value)) == "forwarded_duplicate"
        assert refused(form, (name, b""), *fields) == "forwarded_duplicate"


def test_a_lookalike(form: str, chain: Chain, write: Write, pairs: Pairs) -> None:
    """A name with underscores was written by a client, whatever it holds, so nothing beside it is believed."""
    fields = pairs(write(form, chain))
    for name, value in fields:
        for spelling in (name.replace(b"-", b"_"), name.replace(b"-", b"_", 1)):
            assert refused(form, (spelling, value)) == "forwarded_lookalike"
            assert refused(form, *fields, (spelling, b"")) == "forwarded_lookalike"


def test_a_large_field(form: str, chain: Chain, write: Write, pairs: Pairs) -> None:
    """16 KiB are looked at, one byte more is not."""
    for name, _ in pairs(write(form, chain)):
        assert refused(form, (name, b"!" * (16 * 1024 + 1))) == "forwarded_too_large"
        assert refused(form, (name, b"!" * 16 * 1024)) != "forwarded_too_large"


def test_what_is_not_ascii(form: str, chain: Chain, write: Write) -> None:
    """No format has such bytes."""
    for name in write(form, chain):
        assert refused(form, (name.encode(), b"\xc3\xa9")) == "forwarded_malformed"


DER = b"0\x03\x02\x01\x05"
PEM = ssl.DER_cert_to_PEM_cert(DER)
BODY = b64encode(DER).decode()
ESCAPED = quote(PEM, safe="")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        pytest.param("rfc9440", BODY, id="no colons"),
        pytest.param("rfc9440", f":{BODY}", id="one colon"),
        pytest.param("rfc9440", ":", id="nothing but a colon"),
        pytest.param("rfc9440", f"'{BODY}'", id="other quotes"),
        pytest.param("rfc9440", f":{BODY}:;a=1", id="a parameter"),
        pytest.param("rfc9440", f":{BODY}:, :{BODY}:", id="a list where one is meant"),
        pytest.param("rfc9440", f": {BODY} :", id="spaces inside"),
        pytest.param("rfc9440", f":{BODY.rstrip('=')}:", id="padding left out"),
        pytest.param("rfc9440", ":MAMCAQV=:", id="spare bits set"),
        pytest.param("rfc9440", ":MAMC-QU_:", id="base64url"),
        pytest.param("azure", f"{BODY}{BODY}", id="two values in one"),
        pytest.param("azure", PEM.replace("\n", " "), id="PEM where base64 is meant"),
        pytest.param("traefik", f"{BODY},", id="a comma at the end"),
        pytest.param("traefik", f"{BODY}, {BODY}", id="a space behind the comma"),
        pytest.param("traefik", f"{BODY}%", id="half an escape"),
        pytest.param("alb-verify", ESCAPED * 2, id="two certificates where one is meant"),
        pytest.param("alb-verify", PEM.replace("\n", " "), id="spaces that are not escaped"),
        pytest.param("alb-verify", quote(ESCAPED), id="escaped twice"),
        pytest.param("alb-verify", ESCAPED.replace("%0A", "%zz"), id="no hexadecimal"),
        pytest.param("alb-verify", ESCAPED.replace("%0A", "+"), id="a plus for a space"),
        pytest.param("alb-verify", quote("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), id="empty PEM"),
        pytest.param("alb-verify", quote(PEM.replace("CERTIFICATE", "PUBLIC KEY")), id="something else in PEM"),
        pytest.param("alb-passthrough", ESCAPED + "x", id="text after it"),
        pytest.param("alb-passthrough", "x" + ESCAPED, id="text before it"),
        pytest.param("alb-passthrough", "%20", id="nothing but an escaped space"),
        pytest.param("alb-passthrough", ESCAPED + "%00", id="NUL"),
        pytest.param("envoy", "Cert", id="a key without a value"),
        pytest.param("envoy", f'Cert="{ESCAPED}', id="an open quote"),
        pytest.param("envoy", f'Cert="{ESCAPED}"x', id="text after a quote"),
        pytest.param("envoy", f'Cert="{ESCAPED}";', id="a semicolon at the end"),
        pytest.param("envoy", f'Cert="{ESCAPED}",', id="a comma at the end"),
        pytest.param("envoy", f'=;Cert="{ESCAPED}"', id="a value without a key"),
        pytest.param("envoy", f'x="y,Cert="{ESCAPED}"', id="a quote a client left open before the proxy's element"),
        pytest.param("envoy", f'Cert="{ESCAPED * 2}"', id="two certificates in Cert"),
        pytest.param("envoy", f'Cert="{ESCAPED}\\""', id="an escaped quote in Cert"),
    ],
)
def test_what_cannot_be_decoded(kind: str, text: str) -> None:
    """It is refused, never taken for "no certificate", and there is one spelling of each value."""
    [name] = [name for name, role in ForwardedCertificates(kind, peers=["unix"]).roles.items() if role == "certificate"]
    assert refused(kind, (name, text.encode())) == "forwarded_malformed"


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(DER[:1], id="a tag alone"),
        pytest.param(DER[:-1], id="one byte short"),
        pytest.param(DER + b"\x00", id="one byte more"),
        pytest.param(b"\x31" + DER[1:], id="a SET"),
        pytest.param(b"0\x80" + DER[2:] + b"\0\0", id="indefinite length"),
        pytest.param(b"0\x84\xff\xff\xff\xff", id="4 GiB"),
        pytest.param(b"0\xff" + b"\xff" * 126, id="a length of 127 bytes, one missing"),
        pytest.param(b"0\x82\x01", id="half a length"),
    ],
)
def test_what_cannot_be_split(rest: bytes) -> None:
    """HAProxy writes the chain as DER certificates one after the other; each tells its own length."""
    fields = [(b"x-ssl-client-cert", BODY.encode()), (b"x-ssl-client-verify", b"0")]
    assert refused("haproxy", *fields, (b"x-ssl-client-chain", b64encode(rest))) == "forwarded_malformed"


@given(lengths=st.lists(st.integers(0, 70_000), max_size=3))
def test_the_chain_is_split_at_its_borders(lengths: list[int]) -> None:
    """Whatever their lengths, the same certificates come out."""
    from asvs_middleware.connection.forwarded_certificates.decoding import concatenated_der

    def wrapped(length: int) -> bytes:
        if length < 0x80:
            return bytes([0x30, length]) + bytes(length)
        digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
        return bytes([0x30, 0x80 + len(digits)]) + digits + bytes(length)

    chain = tuple(map(wrapped, lengths))
    assert concatenated_der(b"".join(chain)) == chain


def test_the_leaf_at_the_head_of_its_chain(chain: Chain, pairs: Pairs) -> None:
    """A proxy that repeats the leaf there changes nothing."""
    fields = {
        "x-ssl-client-cert": b64encode(chain[0]).decode(),
        "x-ssl-client-chain": b64encode(b"".join(chain)).decode(),
        "x-ssl-client-verify": "0",
    }
    assert read("haproxy", *pairs(fields)) == chain


def test_traefik_before_it_stopped_escaping(chain: Chain, write: Write) -> None:
    """Releases up to 2.x percent-encoded the value, commas as well."""
    [value] = write("traefik", chain).values()
    assert read("traefik", (b"x-forwarded-tls-client-cert", quote(value, safe="").encode())) == chain


def element(*certificates: bytes, key: str = "Cert") -> str:
    return f'{key}="{quote("".join(map(ssl.DER_cert_to_PEM_cert, certificates)), safe="")}"'


LYFT = "By=http://frontend.lyft.com;Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688"


class TestEnvoy:
    """X-Forwarded-Client-Cert, the one with a grammar."""

    def read(self, text: str) -> Chain:
        return read("envoy", (b"x-forwarded-client-cert", text.encode()))

    def refused(self, text: str) -> str:
        return refused("envoy", (b"x-forwarded-client-cert", text.encode()))

    def test_the_last_element_is_the_nearest_proxys(self, chain: Chain) -> None:
        """What stands before it was said by others, maybe by the client."""
        mine, other = element(chain[0]), element(chain[1])
        assert self.read(f"{other},{mine}") == chain[:1]
        assert self.read(f"{other} ;By=a , {mine}".replace(" ;", ";").replace(" ,", ",")) == chain[:1]
        assert self.refused(f"{mine},By=spiffe://example.org/edge") == "forwarded_without_certificate"

    def test_cert_or_chain_or_both(self, chain: Chain) -> None:
        """Chain begins with the leaf; both have to agree on it."""
        assert self.read(element(chain[0])) == chain[:1]
        assert self.read(element(*chain, key="Chain")) == chain
        assert self.read(f"{element(chain[0])};{element(*chain, key='Chain')}") == chain
        contradicting = f"{element(chain[0])};{element(*chain[1:], key='Chain')}"
        assert self.refused(contradicting) == "forwarded_contradiction"

    def test_hash(self, chain: Chain) -> None:
        """Where it comes along it is that of the certificate, in either case."""
        digest = sha256(chain[0]).hexdigest()
        assert self.read(f"Hash={digest.upper()};{element(chain[0])}") == chain[:1]
        assert self.refused(f"Hash={digest};{element(chain[1])}") == "forwarded_contradiction"
        assert self.refused(f"Hash=;{element(chain[1])}") == "forwarded_contradiction"

    def test_a_key_twice(self, chain: Chain) -> None:
        """DNS may come often, Cert only once, whatever its case."""
        assert self.read(f"DNS=a;DNS=b;URI=a;URI=b;By=a;By=b;{element(chain[0])}") == chain[:1]
        assert self.refused(f"{element(chain[0])};{element(chain[0], key='CERT')}") == "forwarded_duplicate"

    @pytest.mark.parametrize("subject", ["", "a,b;c=d", r"\"", r"\\", r"\",Cert=\"x\"", "=,;"])
    def test_what_quotes_hide(self, chain: Chain, subject: str) -> None:
        """A subject cannot break out of its quotes."""
        assert self.read(f'Subject="{subject}";{element(chain[0])}') == chain[:1]
        assert self.read(f'{element(chain[0])};Subject="{subject}"') == chain[:1]

    @pytest.mark.parametrize(
        "text",
        [
            f'{LYFT};Subject="/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test Client";URI=http://testclient.lyft.com',
            f"{LYFT};URI=http://testclient.lyft.com,By=http://backend.lyft.com;Hash={64 * '9'};URI=http://frontend.lyft.com",
            f'{LYFT};Subject="/C=US/CN=Test Client";URI=http://testclient.lyft.com;DNS=lyft.com;DNS=www.lyft.com',
            f'By=spiffe://cluster.local/ns/a/sa/b;Hash={64 * "b"};Subject="";URI=spiffe://cluster.local/ns/a/sa/c',
        ],
        ids=["Envoy's manual, 1", "Envoy's manual, 2", "Envoy's manual, 3", "an Istio sidecar"],
    )
    def test_published_examples(self, text: str) -> None:
        """All can be read, and none carries a certificate: there is nothing to verify again."""
        assert self.refused(text) == "forwarded_without_certificate"


RFC_LEAF = (
    "MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0"
    "ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaU"
    "gmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAW"
    "gBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1w"
    "bGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBV"
    "oU4hBVZ1yhk="
)
RFC_INTERMEDIATE = (
    "MIIB5jCCAYugAwIBAgIBFjAKBggqhkjOPQQDAjBWMQswCQYDVQQGEwJVUzEbMBkGA1UECgwSTGV0J3MgQXV0aGVudGljYXRlMSowKAYDVQQDDCFM"
    "ZXQncyBBdXRoZW50aWNhdGUgUm9vdCBBdXRob3JpdHkwHhcNMjAwMTE0MjEzMjMwWhcNMzAwMTExMjEzMjMwWjA6MRswGQYDVQQKDBJMZXQncyBB"
    "dXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJf+aA54RC5pyLAR5yfXVYmN"
    "pgd+CGUTDp2KOGhc0gK91zxhHesEYkdXkpS2UN8Kati+yHtWCV3kkhCngGyv7RqjZjBkMB0GA1UdDgQWBBRm3WjLa38lbEYCuiCPct0ZaSED2DAf"
    "BgNVHSMEGDAWgBTEA2Q6eecKu9g9yb5glbkhhVINGDASBgNVHRMBAf8ECDAGAQH/AgEAMA4GA1UdDwEB/wQEAwIBhjAKBggqhkjOPQQDAgNJADBG"
    "AiEA5pLvaFwRRkxomIAtDIwg9D7gC1xzxBl4r28EzmSO1pcCIQCJUShpSXO9HDIQMUgH69fNDEMHXD3RRX5gP7kuu2KGMg=="
)


def test_the_example_of_rfc_9440() -> None:
    """Appendix A: a leaf for a mailbox, and its issuer in the chain."""
    from cryptography import x509

    fields = [
        (b"client-cert", f":{RFC_LEAF}:".encode()),
        (b"client-cert-chain", f":{RFC_INTERMEDIATE}:".encode()),
    ]
    leaf, issuer = map(x509.load_der_x509_certificate, read("rfc9440", *fields))
    assert leaf.serial_number == 7
    leaf.verify_directly_issued_by(issuer)


TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet='=",;\\:%-_+/ABCert{}01\t ', max_size=60),
    st.sampled_from(
        [BODY, ESCAPED, f":{BODY}:", f'Cert="{ESCAPED}"', "SUCCESS", "NONE", "0", "1", "true", "false", ""]
    ),
    st.binary(max_size=60).map(lambda data: b64encode(data).decode()),
)


@given(data=st.data())
@settings(max_examples=60)
def test_any_bytes(form: str, data: st.DataObject, chain: Chain, write: Write, pairs: Pairs) -> None:
    """Whatever comes in: a chain of bytes or one of the refusals, never another exception."""
    fields = pairs(write(form, chain))
    roles = ForwardedCertificates(form, peers=["unix"]).roles
    for at, (name, value) in enumerate(fields):
        if data.draw(st.booleans()):
            cut = data.draw(st.integers(0, len(value)))
            text = data.draw(TEXTS).encode("utf-8", "surrogatepass")
            fields[at] = name, data.draw(st.sampled_from([text, value[:cut] + text + value[cut:], value[:cut]]))
    fields += [(data.draw(st.sampled_from(list(roles))), b"x")] * data.draw(st.integers(0, 1))
    try:
        found = read(form, *data.draw(st.permutations(fields)))
    except CertificateRefused as refusal:
        assert refusal.facts["reason_code"] in CODES  # noqa: PT017  # A chain would be as right.
    else:
        assert all(isinstance(one, bytes) and one for one in found)
