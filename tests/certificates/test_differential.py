"""Three judges of one chain: the app accepts only what OpenSSL, in a real handshake, and the library both accept.

Chains are made whole, and then up to three things are changed in them, each in any certificate: dates, purposes, path
lengths, name constraints, keys, signers, names, extensions. OpenSSL's clock cannot be set, so all is about now.
"""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asvs_middleware.certificates import ClientCertificates, ClientCertificateVerifier
from asvs_middleware.certificates.path import Profile
from asvs_middleware.errors import ASVSMiddlewareError
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.tls import server_context

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
DAY = timedelta(days=1)
KEYS = {
    **{name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "first", "second", "leaf", "stranger")},
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-224": ec.generate_private_key(ec.SECP224R1()),
    "RSA 2048": rsa.generate_private_key(65537, 2048),
    "RSA 1024": rsa.generate_private_key(65537, 1024),
}
"""Made once: each certificate takes one by name."""


@dataclass(frozen=True)
class Part:
    """One certificate to be."""

    name: str
    key: str
    signer: str | None = None
    issuer: str | None = None
    days: tuple[int, int] = (-10, 10)
    ca: bool | None = True
    path_length: int | None = None
    usage: str = "key_cert_sign crl_sign"
    purposes: tuple[x509.ObjectIdentifier, ...] = ()
    names: tuple[x509.GeneralName, ...] = ()
    permitted: tuple[x509.GeneralName, ...] = ()
    excluded: tuple[x509.GeneralName, ...] = ()
    unknown: bool = False
    authority_key: str | None = "signer"
    subject_key: str | None = "key"
    flipped: str = ""
    subject: str = "name"
    digest: str = "SHA256"


LEAF = Part("leaf", "leaf", ca=False, usage="digital_signature", purposes=(CLIENT,), names=(x509.DNSName("a.example"),))
AUTHORITIES = (Part("root", "root"), Part("first", "first"), Part("second", "second"))

CHANGES: dict[str, Sequence[object]] = {
    "days": [(-10, -1), (1, 10)],
    "key": ["P-384", "P-224", "RSA 2048", "RSA 1024"],
    "signer": ["stranger"],
    "issuer": ["stranger", "leaf", "root"],
    "ca": [True, False, None],
    "path_length": [0, 1],
    "usage": [
        "",
        "digital_signature",
        "key_cert_sign",
        "crl_sign",
        "key_encipherment",
        "digital_signature key_cert_sign",
    ],
    "purposes": [(), (CLIENT,), (SERVER,), (CLIENT, SERVER), (ANY,)],
    "names": [
        (),
        (x509.DNSName("b.example"),),
        (x509.DNSName("a.example"), x509.DNSName("b.example")),
        (x509.DNSName(".example"),),
        (x509.DNSName("*.example"),),
        (x509.RFC822Name("ada@a.example"),),
        (x509.RFC822Name("ada@b.example"),),
        (x509.UniformResourceIdentifier("spiffe://a.example/x"),),
    ],
    "permitted": [
        (x509.DNSName("a.example"),),
        (x509.DNSName("b.example"),),
        (x509.RFC822Name("a.example"),),
        (x509.UniformResourceIdentifier("a.example"),),
        (x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")])),),
    ],
    "excluded": [(x509.DNSName("a.example"),), (x509.DNSName("b.example"),), (x509.RFC822Name("b.example"),)],
    "unknown": [True],
    "authority_key": [None, "stranger"],
    "subject_key": [None, "stranger"],
    "flipped": [
        "AuthorityKeyIdentifier",
        "SubjectKeyIdentifier",
        "BasicConstraints",
        "KeyUsage",
        "ExtendedKeyUsage",
        "SubjectAlternativeName",
        "NameConstraints",
    ],
    "subject": ["", "host", "mailbox"],
    "digest": ["SHA384", "SHA3_256", "SHA224"],
}
Change = tuple[int, str, object]
CHANGED = st.sampled_from(sorted(CHANGES)).flatmap(
    lambda what: st.tuples(st.integers(0, 3), st.just(what), st.sampled_from(CHANGES[what]))
)


def subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


SUBJECTS = {
    "": x509.Name([]),
    "host": subject("b.example"),
    "mailbox": x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "ada@b.example")]),
}


def usage(allowed: str) -> x509.KeyUsage:
    every = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{one: one in allowed.split() for one in every.split()})


def extensions(part: Part, signer: str) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Yield the extensions, and whether each should be critical."""
    if part.subject_key:
        key = KEYS[part.key if part.subject_key == "key" else part.subject_key]
        yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    if part.authority_key:
        key = KEYS[signer if part.authority_key == "signer" else part.authority_key]
        yield x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False
    if part.ca is not None:
        yield x509.BasicConstraints(part.ca, part.path_length if part.ca else None), True
    if part.usage:
        yield usage(part.usage), True
    if part.purposes:
        yield x509.ExtendedKeyUsage(part.purposes), False
    if part.names:
        yield x509.SubjectAlternativeName(part.names), part.subject == ""
    if part.permitted or part.excluded:
        yield x509.NameConstraints(part.permitted or None, part.excluded or None), True
    if part.unknown:
        yield x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0"), True


def certificate(part: Part, above: Part, now: datetime) -> x509.Certificate:
    signer = part.signer or above.key
    builder = x509.CertificateBuilder(
        subject_name=SUBJECTS.get(part.subject, subject(part.name)),
        issuer_name=subject(part.issuer or above.name),
        public_key=KEYS[part.key].public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now + part.days[0] * DAY,
        not_valid_after=now + part.days[1] * DAY,
    )
    for extension, critical in extensions(part, signer):
        builder = builder.add_extension(extension, critical=critical ^ (type(extension).__name__ == part.flipped))
    return builder.sign(KEYS[signer], getattr(hashes, part.digest)())


def chain(depth: int, changes: Sequence[Change], now: datetime) -> tuple[list[x509.Certificate], str]:
    """Return the certificates, leaf first and root last, and the name of the leaf's key."""
    parts = [*AUTHORITIES[: depth + 1], LEAF]
    for position, what, value in changes:
        at = position % len(parts)
        parts[at] = replace(parts[at], **{what: value})
    above = [parts[0], *parts]
    made = [certificate(part, issuer, now) for part, issuer in zip(parts, above, strict=False)]
    return made[::-1], parts[-1].key


def pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def by_openssl(certificates: list[x509.Certificate], key: str, folder: Path, now: datetime) -> bool:
    """Shake hands with our server's context, which asks for a certificate by this root."""
    (folder / "peer.pem").write_bytes(pem(certificates[:-1]))
    private = KEYS[key].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "peer.key").write_bytes(private)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.load_cert_chain(folder / "peer.pem", folder / "peer.key")
    client.load_verify_locations(folder / "ca.pem")
    try:
        server = server_context(
            certfile=folder / "server.pem",
            keyfile=folder / "server.key",
            client_ca=folder / "trust.pem",
            client_certificates="required",
            at=now,
        )
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours = server.wrap_bio(to_server, to_client, server_side=True)
        theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost")
        waiting = [theirs, ours]
        while waiting:
            side = waiting.pop(0)
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting.append(side)
    except (ssl.SSLError, ASVSMiddlewareError):
        return False
    return True


def by_library(certificates: list[x509.Certificate], now: datetime, profile: Profile) -> bool:
    leaf, *rest, root = certificates
    builder = PolicyBuilder().store(Store([root])).time(now)
    if profile == "legacy_cn":
        everything, web = ExtensionPolicy.permit_all(), ExtensionPolicy.webpki_defaults_ca()
        builder = builder.extension_policies(ca_policy=web, ee_policy=everything)
    try:
        builder.build_client_verifier().verify(leaf, rest)
    except VerificationError:
        return False
    return True


def by_us(certificates: list[x509.Certificate], folder: Path, now: datetime, profile: Profile) -> bool:
    try:
        policy = ClientCertificates(trust=folder / "trust.pem", profile=profile)
        chain = [one.public_bytes(Encoding.DER) for one in certificates[:-1]]
        return ClientCertificateVerifier(policy).admit(chain, at=now) is not None
    except ASVSMiddlewareError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("differential")
    write_development_pki(made, at=datetime.now(UTC))
    return made


def judges(folder: Path, depth: int, changes: Sequence[Change], profile: Profile) -> Iterator[bool]:
    """Yield the verdicts of the app, OpenSSL and the library, each when it is asked for."""
    now = datetime.now(UTC).replace(microsecond=0)
    certificates, key = chain(depth, changes, now)
    (folder / "trust.pem").write_bytes(pem(certificates[-1:]))
    yield by_us(certificates, folder, now, profile)
    yield by_openssl(certificates, key, folder, now)
    yield by_library(certificates, now, profile)


def only_with_all(folder: Path, depth: int, changes: Sequence[Change], profile: Profile) -> bool:
    """Tell whether the app refuses, or accepts what all accept: the others are asked about what it accepts."""
    verdicts = judges(folder, depth, changes, profile)
    return not next(verdicts) or all(verdicts)


@settings(max_examples=150)
@given(depth=st.integers(0, 2), changes=st.lists(CHANGED, max_size=3), profile=st.sampled_from(get_args(Profile)))
@example(depth=2, changes=[(2, "names", (x509.DNSName("b.example"),))], profile="strict")
@example(depth=0, changes=[(1, "purposes", ())], profile="legacy_cn")
def test_accepts_only_what_all_accept(folder: Path, depth: int, changes: list[Change], profile: Profile) -> None:
    """Whatever is wrong with a chain, the app is never the only one to accept it, nor one of two."""
    assert only_with_all(folder, depth, changes, profile)


@pytest.mark.parametrize("profile", get_args(Profile))
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_accepts_what_is_whole(folder: Path, depth: int, profile: Profile) -> None:
    """An unchanged chain is accepted by all three, and so is one without alternative names in `legacy_cn`."""
    assert tuple(judges(folder, depth, [], profile)) == (True, True, True)
    nameless = tuple(judges(folder, depth, [(depth + 1, "names", ())], profile))
    assert nameless == ((True, True, True) if profile == "legacy_cn" else (False, True, False))


@pytest.mark.parametrize("what", sorted(CHANGES))
def test_every_change_alone(folder: Path, what: str) -> None:
    """The same for each change by itself, at each place of the longest chain."""
    wrong = [
        (position, value, profile)
        for position, value, profile in product(range(4), CHANGES[what], get_args(Profile))
        if not only_with_all(folder, 2, [(position, what, value)], profile)
    ]
    assert wrong == []


@pytest.mark.parametrize("kind", ["permitted", "excluded"])
def test_constraints_and_names(folder: Path, kind: str) -> None:
    """Each constraint with each kind of name in each place: what is not constrained is no way round it."""
    wrong = []
    for constraint, names, where in product(CHANGES[kind], CHANGES["names"], ("name", *SUBJECTS)):
        for profile in get_args(Profile):
            changes = [(1, kind, constraint), (2, "names", names), (2, "subject", where)]
            if not only_with_all(folder, 1, changes, profile):
                wrong.append((constraint, names, where, profile))
    assert wrong == []
