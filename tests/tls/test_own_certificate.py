"""A server's own certificate: what is refused before the first client, and what is advised on."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.tls import advise, guideline, server_context
from asvs_middleware.tls.own_certificate import covered, refuse_unusable

AT = datetime(2026, 11, 21, tzinfo=UTC)
P256 = ec.generate_private_key(ec.SECP256R1())
CA_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_2048 = rsa.generate_private_key(65537, 2048)
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
ANY = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
URL = x509.UniformResourceIdentifier("http://ca.test/ca.cer")


def named(*names: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in names])


of = x509.UnrecognizedExtension
NAMES = x509.SubjectAlternativeName.oid


def certificate(
    *extensions: x509.ExtensionType,
    key: CertificateIssuerPrivateKeyTypes = P256,
    issuer: str = "ca",
    subject: str = "server",
    signer: CertificateIssuerPrivateKeyTypes = CA_KEY,
    begin: datetime = AT,
    days: float = 90,
) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=days))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else SHA256())


ROOT = certificate(key=CA_KEY, subject="ca")
LEAF = certificate(named("api.test"), SERVER)


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        pytest.param([certificate(CLIENT)], "lacks serverAuth.*issued for TLS servers", id="for clients"),
        pytest.param([certificate(ANY)], "lacks serverAuth", id="for anything: OpenSSL's clients refuse it"),
        pytest.param([LEAF, LEAF], "certificate 2 in the file did not issue the one before it", id="twice"),
        pytest.param([LEAF, ROOT, LEAF], "certificate 3 in the file", id="wrong order further up"),
        pytest.param(
            [LEAF, certificate(key=P256, subject="ca")], "certificate 2 in the file", id="the name, not the key"
        ),
    ],
)
def test_what_no_client_takes_is_refused(chain: Sequence[x509.Certificate], message: str) -> None:
    """The purpose, and the order of the chain (RFC 8446 section 4.4.2)."""
    with pytest.raises(ConfigurationError, match=f"certfile='own.pem'.*{message}"):
        refuse_unusable("certfile='own.pem'", chain)


@pytest.mark.parametrize(
    "chain",
    [
        pytest.param([LEAF], id="alone"),
        pytest.param([LEAF, ROOT], id="with its CA"),
        pytest.param([certificate(named("api.test"))], id="for no purpose in particular"),
        pytest.param([certificate(x509.ExtendedKeyUsage([*CLIENT, *SERVER]))], id="for both ends"),
    ],
)
def test_what_clients_take_passes(chain: Sequence[x509.Certificate]) -> None:
    """No purpose named means every purpose (RFC 5280 section 4.2.1.12)."""
    refuse_unusable("certfile", chain)


def twice(certificate: x509.Certificate) -> x509.Certificate:
    """Give its second extension the identifier of its first."""
    der = certificate.public_bytes(Encoding.DER)
    return x509.load_der_x509_certificate(der.replace(b"\x06\x03\x2a\x03\x05", b"\x06\x03\x2a\x03\x04"))


FIRST, SECOND = (x509.ObjectIdentifier(f"1.2.3.{number}") for number in (4, 5))


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(certificate(of(NAMES, b"\x30\xff")), id="cut off"),
        pytest.param(certificate(of(NAMES, b"\x30\x04\xa3\x02\x30\x00")), id="an X.400 address for a name"),
        pytest.param(twice(certificate(of(FIRST, b""), of(SECOND, b""))), id="the same extension twice"),
    ],
)
def test_an_extension_that_cannot_be_read_is_refused(damaged: x509.Certificate) -> None:
    """Damaged certificates stop the start-up with our error, not with the parser's."""
    with pytest.raises(ConfigurationError, match=r"cannot be read to its end.*issued anew"):
        refuse_unusable("certfile", [damaged])


@pytest.mark.parametrize(
    ("names", "host", "is_covered"),
    [
        pytest.param(["api.test"], "api.test", True, id="the name"),
        pytest.param(["API.test"], "api.TEST", True, id="in any case"),
        pytest.param(["*.api.test"], "a.api.test", True, id="wildcard"),
        pytest.param(["*.api.test"], "*.api.test", True, id="every host of a suffix"),
        pytest.param(["*.api.test"], "api.test", False, id="wildcard is a whole label"),
        pytest.param(["*.api.test"], "a.b.api.test", False, id="and one only"),
        pytest.param(["a*.test"], "ab.test", False, id="no part of a label"),
        pytest.param(["api.test"], "192.0.2.1", False, id="an address"),
        pytest.param(["192.0.2.1"], "192.0.2.1", False, id="an address as a name"),
        pytest.param(["*"], "localhost", False, id="a bare star"),
    ],
)
def test_names(names: list[str], host: str, is_covered: bool) -> None:
    """RFC 9525: the subject alternative names only, compared label by label."""
    assert covered(host, certificate(named(*names))) is is_covered


def test_addresses() -> None:
    """An address is compared as an address, whatever its spelling."""
    import ipaddress

    own = certificate(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("2001:db8::1"))]))
    assert covered("[2001:DB8:0::1]", own)
    assert not covered("[2001:db8::2]", own)


@given(st.text(max_size=40))
def test_any_host_gets_an_answer(host: str) -> None:
    """Whatever is configured as a host: yes or no."""
    assert covered(host, LEAF) is (host.lower() == "api.test")


PUBLIC_200 = {"begin": datetime(2026, 11, 1, tzinfo=UTC), "days": 199}


@pytest.mark.parametrize(
    ("chain", "profile", "codes"),
    [
        pytest.param([LEAF], "intermediate-6.0", [], id="good"),
        pytest.param([LEAF], "modern-6.0", [], id="good, modern"),
        pytest.param([certificate(SERVER)], "modern-6.0", ["host_not_covered"], id="no names"),
        pytest.param([certificate(named("b.test"))], "modern-6.0", ["host_not_covered"], id="other names"),
        pytest.param([certificate(named("api.test"), key=RSA_2048)], "intermediate-6.0", [], id="RSA 2048"),
        pytest.param(
            [certificate(named("api.test"), key=RSA_2048)], "modern-6.0", ["key_outside_profile"], id="RSA, modern"
        ),
        pytest.param(
            [certificate(named("api.test"), key=rsa.generate_private_key(65537, 3072))],
            "intermediate-6.0",
            ["slow_key"],
            id="RSA 3072",
        ),
        pytest.param(
            [certificate(named("api.test"), key=rsa.generate_private_key(65537, 4096))],
            "intermediate-6.0",
            ["slow_key"],
            id="RSA 4096",
        ),
        pytest.param(
            [certificate(named("api.test"), key=ec.generate_private_key(ec.SECP384R1()))], "modern-6.0", [], id="P-384"
        ),
        pytest.param(
            [certificate(named("api.test"), key=ec.generate_private_key(ec.SECP521R1()))],
            "intermediate-6.0",
            ["key_outside_profile"],
            id="P-521",
        ),
        pytest.param(
            [certificate(named("api.test"), key=ed25519.Ed25519PrivateKey.generate())],
            "intermediate-6.0",
            ["key_outside_profile"],
            id="Ed25519",
        ),
        pytest.param([certificate(named("api.test"), days=91)], "modern-6.0", [], id="90 days, dated back"),
        pytest.param([certificate(named("api.test"), days=100)], "modern-6.0", ["long_life"], id="100 days, modern"),
        pytest.param(
            [certificate(named("api.test"), days=367)], "intermediate-6.0", ["longer_than_public"], id="a year"
        ),
        pytest.param(
            [certificate(named("api.test"), days=400)],
            "intermediate-6.0",
            ["long_life", "longer_than_public"],
            id="more than a year",
        ),
        pytest.param(
            [certificate(named("api.test"), **PUBLIC_200)],
            "intermediate-6.0",
            ["renewal_will_be_shorter"],
            id="the next one may live 100 days",
        ),
        pytest.param(
            [certificate(named("api.test"), days=9000, begin=datetime(2015, 1, 1, tzinfo=UTC))],
            "intermediate-6.0",
            ["long_life", "renewal_will_be_shorter"],
            id="from before the limits",
        ),
        pytest.param(
            [certificate(named("api.test"), x509.BasicConstraints(ca=True, path_length=None))],
            "modern-6.0",
            ["ca_as_server"],
            id="a CA",
        ),
        pytest.param(
            [certificate(named("api.test"), x509.BasicConstraints(ca=False, path_length=None))],
            "modern-6.0",
            [],
            id="expressly no CA",
        ),
        pytest.param([LEAF, ROOT], "modern-6.0", ["root_sent"], id="root sent"),
        pytest.param(
            [
                certificate(
                    named("api.test"),
                    x509.AuthorityInformationAccess(
                        [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, URL)]
                    ),
                )
            ],
            "modern-6.0",
            ["intermediate_missing"],
            id="the CA above is elsewhere",
        ),
        pytest.param(
            [
                certificate(
                    named("api.test"),
                    x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, URL)]),
                )
            ],
            "modern-6.0",
            [],
            id="only the responder is elsewhere",
        ),
    ],
)
def test_advice(chain: Sequence[x509.Certificate], profile: str, codes: list[str]) -> None:
    """What works and could be better has a stable code and a sentence with the fix; nothing else is said."""
    found = advise(chain, hosts=["api.test"], at=AT, profile=guideline(profile))
    assert [one.code for one in found] == codes
    for one in found:
        assert [text[-1] for text in (one.problem, one.fix)] == [".", "."]
        assert one.requirement.startswith("v5.0.0-")


def test_the_cost_is_said() -> None:
    """RSA-4096 is warned about with what it costs."""
    own = certificate(named("api.test"), key=rsa.generate_private_key(65537, 4096))
    [slow] = advise([own], hosts=[], at=AT, profile=guideline("intermediate-6.0"))
    assert "RSA key of 4096 bits costs the server about sixteen times what P-256 costs" in slow.problem


def write(folder: Path, name: str, key: CertificateIssuerPrivateKeyTypes, **choices: object) -> tuple[Path, Path]:
    pem, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    own = certificate(named("localhost"), *choices.pop("more", (SERVER,)), key=key, begin=AT, **choices)  # type: ignore[misc, arg-type]
    pem.write_bytes(own.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key_file.chmod(0o600)
    return pem, key_file


def test_a_server_context_makes_these_checks(tmp_path: Path) -> None:
    """A client's certificate given by mistake stops the start-up."""
    certfile, keyfile = write(tmp_path, "own", P256, more=(CLIENT,))
    with pytest.raises(ConfigurationError, match=r"certfile=.*own.pem' is not a server's certificate"):
        server_context(certfile=certfile, keyfile=keyfile, at=AT + timedelta(days=1))


def test_two_of_a_kind_are_refused(tmp_path: Path) -> None:
    """OpenSSL keeps one certificate of each kind of key and would drop the first in silence."""
    first, second = write(tmp_path, "a", P256), write(tmp_path, "b", CA_KEY)
    with pytest.raises(ConfigurationError, match=r"b.pem' has the same kind of key.*one with an RSA key"):
        server_context(certfile=first[0], keyfile=first[1], other_certificates=[second], at=AT + timedelta(days=1))
