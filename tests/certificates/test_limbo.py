"""x509-limbo, a published suite of certificate paths, judged in four places.

By the verifier; by an app whose proxy forwards certificates (RFC 9440); by the contexts of our server and our client
in a real handshake; and by the library underneath. Every case about clients and about revocation lists must agree.
Cases about servers are held against frozen lists: a release of the library or of OpenSSL that changes a verdict stands
out, and each known difference has its reason here.
"""

import json
import os
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import cryptography
import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, secure, sensitive
from asvs_middleware.certificates import ClientCertificates, ClientCertificateVerifier
from asvs_middleware.certificates.chain import issued
from asvs_middleware.certificates.verifier import MOST_INTERMEDIATES
from asvs_middleware.connection import ForwardedCertificates
from asvs_middleware.connection.peer_certificate import handshake_chain
from asvs_middleware.errors import ASVSMiddlewareError
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.tls import client_context, server_context

BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "vectors"
VECTORS = Path(os.environ.get("ASVS_VECTORS", BESIDE_THE_CHECKOUT))
NOW = datetime(2026, 6, 1, tzinfo=UTC)
"""For cases that say "now": their certificates hold for a thousand years."""

pytestmark = [
    pytest.mark.skipif(
        not VECTORS.is_dir(), reason="the conformance vectors are not here: set ASVS_VECTORS to their folder"
    ),
    pytest.mark.filterwarnings("ignore:Parsed a serial number:UserWarning"),
]

Case = dict[str, Any]


def limbo() -> list[Case]:
    if not VECTORS.is_dir():
        return []
    found: list[Case] = json.loads((VECTORS / "x509-limbo.json").read_bytes())["testcases"]
    return found


LIMBO = limbo()


def chosen(kind: str, *, crls: bool | None = None) -> list[Case]:
    return [case for case in LIMBO if case["validation_kind"] == kind and crls in {None, bool(case["crls"])}]


def cases(kind: str, *, crls: bool | None = None) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in chosen(kind, crls=crls)]


def verdict(judge: Callable[[], object]) -> str:
    """Return what x509-limbo calls an answer; anything but an answer or a refusal breaks the test."""
    try:
        judge()
    except (ASVSMiddlewareError, VerificationError, ssl.SSLError):
        return "FAILURE"
    return "SUCCESS"


def policy(case: Case, folder: Path) -> ClientCertificates:
    """Return the policy for what the case trusts, its lists included."""
    (folder / "trust.pem").write_text("\n".join(case["trusted_certs"]))
    crls = [folder / f"{number}.crl" for number, _ in enumerate(case["crls"])]
    for path, text in zip(crls, case["crls"], strict=True):
        path.write_text(text)
    return ClientCertificates(trust=folder / "trust.pem", crls=crls)


def der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


def shown(case: Case) -> list[bytes]:
    return [der(pem) for pem in (case["peer_certificate"], *case["untrusted_intermediates"])]


def moment(case: Case) -> datetime:
    return datetime.fromisoformat(case["validation_time"]) if case["validation_time"] else NOW


def test_limbo_is_whole() -> None:
    """The file holds the cases these tests were written for."""
    assert (len(chosen("CLIENT")), len(chosen("SERVER", crls=True)), len(chosen("SERVER", crls=False))) == (10, 8, 190)


# The verifier.


@pytest.mark.parametrize("case", cases("CLIENT"))
def test_clients(case: Case, tmp_path: Path) -> None:
    """Every case about clients gets the verdict that x509-limbo expects."""
    verifier = ClientCertificateVerifier(policy(case, tmp_path))
    assert verdict(lambda: verifier.admit(shown(case), at=moment(case))) == case["expected_result"]


@pytest.mark.parametrize("case", cases("SERVER", crls=True))
def test_revocation_lists(case: Case, tmp_path: Path) -> None:
    """Every case with a revocation list gets the verdict that x509-limbo expects.

    They are about servers, so the verifier would refuse their purpose before it looked at a list: they are judged by
    the policy and its revocation check, on the chain the case describes.
    """

    def look_up() -> None:
        made = policy(case, tmp_path)
        leaf = x509.load_pem_x509_certificate(case["peer_certificate"].encode())
        issuer = next(anchor for anchor in made.anchors if issued(leaf, [anchor]))
        assert made.revocation
        made.revocation.check([leaf, issuer], moment(case))

    assert verdict(look_up) == case["expected_result"]


NOT_ABOUT_CLIENTS = {
    "rfc5280::eku::ee-wrong-eku": "fails because a server shows a client's certificate: for us that is the right one",
}


@pytest.mark.parametrize("case", cases("SERVER", crls=False))
def test_servers_as_clients(case: Case, tmp_path: Path) -> None:
    """Whatever a case about servers holds, the verifier answers, and accepts nothing that must fail."""

    def judge() -> object:
        return ClientCertificateVerifier(policy(case, tmp_path)).admit(shown(case), at=moment(case))

    if verdict(judge) == "SUCCESS":
        assert case["expected_result"] == "SUCCESS" or case["id"] in NOT_ABOUT_CLIENTS


# An app whose proxy forwards certificates.


class Wire:
    """A connection of a configured proxy, as an app's server has it."""

    def __init__(self) -> None:
        self.transport = self
        self.status = 0

    def get_extra_info(self, name: str) -> object:
        return {"peername": ("192.0.2.7", 4711), "sslcontext": self}.get(name)

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)


def structured(one: bytes) -> bytes:
    """Return an RFC 8941 byte sequence."""
    return b":" + b64encode(one) + b":"


@pytest.mark.anyio
@pytest.mark.parametrize("case", cases("CLIENT"))
async def test_clients_behind_a_proxy(case: Case, tmp_path: Path) -> None:
    """The whole app gives the same verdicts for certificates in RFC 9440 fields, and says where they came from."""
    seen = []

    @sensitive(client_certificate=True)
    async def endpoint(request: Request) -> JSONResponse:
        seen.append(request.state.caller.certificate.der)
        return JSONResponse({})

    app = secure(
        Starlette(routes=[Route("/", endpoint)]),
        SecurityPolicy.api(
            hosts=["api.example.com"],
            trusted_proxies=["192.0.2.7"],
            client_certificates=policy(case, tmp_path),
            forwarded_certificates=ForwardedCertificates("rfc9440", peers=["192.0.2.7"]),
        ),
    )
    leaf, *rest = shown(case)
    fields = [(b"host", b"api.example.com"), (b"client-cert", structured(leaf))]
    fields += [(b"client-cert-chain", b", ".join(map(structured, rest)))] if rest else []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": fields,
        "client": ("192.0.2.7", 4711),
        "server": ("api.example.com", 443),
    }
    wire = Wire()
    await app(scope, wire.receive, wire.send)
    assert wire.status == (200 if case["expected_result"] == "SUCCESS" else 403)
    assert seen == ([leaf] if case["expected_result"] == "SUCCESS" else [])


# Real handshakes, in memory.


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str | None) -> ssl.SSLObject:
    """Return the server's side of a finished handshake."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    waiting: list[ssl.SSLObject] = [theirs, ours]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
        if not waiting:
            return ours
    raise TimeoutError("the handshake does not end")


def lenient(protocol: int, case: Case, folder: Path) -> ssl.SSLContext:
    """Return the other side: it shows the case's certificate, whatever its key is worth."""
    context = ssl.SSLContext(protocol)
    context.set_ciphers("ALL:@SECLEVEL=0")
    (folder / "peer.pem").write_text("\n".join([case["peer_certificate"], *case["untrusted_intermediates"]]))
    (folder / "peer.key").write_text(case["peer_certificate_key"])
    context.load_cert_chain(folder / "peer.pem", folder / "peer.key")
    return context


OPENSSL_ACCEPTS = {
    "rfc5280::nc::nc-permits-invalid-email-san": "an address that is none passes a constraint on its domain; the app "
    "verifies again and refuses it",
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    write_development_pki(folder, at=datetime.now(UTC))
    return folder


@pytest.mark.parametrize("case", cases("CLIENT"))
def test_clients_in_a_handshake(case: Case, pki: Path, tmp_path: Path) -> None:
    """Our server's context and the app's verifier together give the expected verdict; alone, OpenSSL errs once.

    Before Python 3.13 the handshake tells the leaf alone, so the operator gives the CAs between it and the anchor.
    """
    chosen_policy = policy(case, tmp_path)
    (tmp_path / "below.pem").write_text("\n".join(case["untrusted_intermediates"]))
    intermediates = [tmp_path / "below.pem"] if case["untrusted_intermediates"] else []
    server = server_context(
        certfile=pki / "server.pem",
        keyfile=pki / "server.key",
        client_ca=chosen_policy.trust,
        client_certificates=ClientCertificates(trust=chosen_policy.trust, required=True).handshake_mode,
        at=datetime.now(UTC),
    )
    client = lenient(ssl.PROTOCOL_TLS_CLIENT, case, tmp_path)
    client.load_verify_locations(pki / "ca.pem")
    chains: list[tuple[bytes, ...]] = []
    by_openssl = verdict(lambda: chains.append(handshake_chain(shake_hands(client, server, "localhost"))))
    verifier = ClientCertificateVerifier(replace(chosen_policy, intermediates=intermediates))
    by_us = [verdict(partial(verifier.admit, chain, at=NOW)) for chain in chains]
    assert {by_openssl, *by_us} == {case["expected_result"]} or case["id"] in OPENSSL_ACCEPTS
    assert [by_openssl, *by_us][-1] == case["expected_result"]


def by_reason(reasons: dict[str, str]) -> dict[str, str]:
    """Return the reason of each case; the lists below have the cases of one reason in one text."""
    return {case: reason for reason, cases in reasons.items() for case in cases.split()}


BY_OPENSSL = by_reason(
    {
        # Accepted, against the expectation.
        "wildcards and excluded names: OpenSSL compares the text of the pattern, not what it may stand for": """
            cve::cve-2025-61727 rfc5280::nc::nc-forbids-dnsname-wildcard-san""",
        "Python's ssl cannot limit the depth; outbound trust is in named CAs, whose path lengths hold": """
            pathlen::max-chain-depth-0-exhausted pathlen::max-chain-depth-1-exhausted""",
        "a key identifier of a root or cross-signed root is a hint to find it, and the signature decides": """
            rfc5280::aki::cross-signed-root-missing-aki webpki::aki::root-with-aki-missing-keyidentifier
            webpki::aki::root-with-aki-authoritycertissuer webpki::aki::root-with-aki-authoritycertserialnumber
            webpki::aki::root-with-aki-all-fields webpki::aki::root-with-aki-ski-mismatch""",
        "an extension that should be critical and is not is applied, or not needed, all the same": """
            rfc5280::nc::permitted-dns-match-noncritical rfc5280::pc::ica-noncritical-pc""",
        "a malformed name in a constraint or certificate is no name we ask for: the name asked for is matched too": """
            rfc5280::nc::invalid-dnsname-leading-period rfc5280::nc::nc-permits-invalid-dns-san
            rfc5280::san::underscore-dns""",
        "something a leaf or CA should not carry, which gives nobody a right": """
            rfc5280::nc::not-allowed-in-ee-noncritical rfc5280::nc::not-allowed-in-ee-critical
            rfc5280::serial::too-long rfc5280::serial::zero webpki::eku::ee-critical-eku webpki::eku::root-has-eku
            webpki::nc::intermediate-permitted-excluded-subtrees-both-null
            webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences
            webpki::san::san-critical-with-nonempty-subject webpki::malformed-aia webpki::ee-basicconstraints-ca""",
        "the common name is not looked at (RFC 9525), so it may say anything": """
            webpki::cn::ipv4-hex-mismatch webpki::cn::ipv4-leading-zeros-mismatch webpki::cn::ipv6-uppercase-mismatch
            webpki::cn::ipv6-uncompressed-mismatch webpki::cn::ipv6-non-rfc5952-mismatch
            webpki::cn::punycode-not-in-san webpki::cn::utf8-vs-punycode-mismatch webpki::cn::not-in-san
            webpki::cn::case-mismatch""",
        "a server's certificate for any purpose, or without one, is taken by OpenSSL (a client's is not, by us)": """
            webpki::eku::ee-anyeku webpki::eku::ee-without-eku""",
        "there is no list of public suffixes in OpenSSL; the CAs are named": """
            webpki::san::public-suffix-multi-label-wildcard-san
            webpki::san::public-suffix-private-namespace-wildcard-san""",
        "the key of a trust anchor is the operator's choice; RSA sizes need not divide by 8": """
            webpki::forbidden-dsa-root webpki::forbidden-rsa-not-divisible-by-8-in-root
            webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf""",
        # Refused, against the expectation: nothing is let through.
        "the certificate of a CA is no server's, says its purpose": """
            pathlen::validation-ignores-pathlen-in-leaf rfc5280::ca-as-leaf""",
        "OpenSSL tries the first of several issuers only": """
            rfc5280::nc::nc-forbids-alternate-chain-ica rfc5280::nc::nc-forbids-same-chain-ica""",
    }
)


def test_servers_in_a_handshake(tmp_path: Path) -> None:
    """Our client's context gives the expected verdicts, but for a frozen list of differences."""

    def judge(case: Case, folder: Path) -> None:
        (folder / "trust.pem").write_text("\n".join(case["trusted_certs"]))
        client = client_context(at=NOW, trust=folder / "trust.pem")
        server = lenient(ssl.PROTOCOL_TLS_SERVER, case, folder)
        shake_hands(client, server, case["expected_peer_name"]["value"])

    judged = [case for case in chosen("SERVER") if can_shake_hands(case)]
    differ = {case["id"] for case in judged if verdict(lambda: judge(case, tmp_path)) != case["expected_result"]}  # noqa: B023  # Called at once.
    assert len(judged) == 159
    assert differ <= set(BY_OPENSSL)
    if ssl.OPENSSL_VERSION_INFO[:2] == (3, 0):  # The release the list was made with; others may have mended something.
        assert differ == set(BY_OPENSSL)


def can_shake_hands(case: Case) -> bool:
    """The others have no key, a time that OpenSSL's clock cannot be set to, or no name to ask for."""
    return bool(case["peer_certificate_key"] and not case["validation_time"] and case["expected_peer_name"])


# The library underneath.

BY_THE_LIBRARY = by_reason(
    {
        # Accepted, against the expectation.
        "the library looks at no revocation list; we do": """
            crl::revoked-certificate-with-crl crl::crlnumber-missing crl::crlnumber-critical
            crl::issuer-missing-crlsign""",
        "a key identifier is a hint to find the issuer, and the signature decides": """
            rfc5280::aki::intermediate-missing-aki rfc5280::aki::cross-signed-root-missing-aki
            rfc5280::ski::root-missing-ski rfc5280::ski::intermediate-missing-ski
            webpki::aki::root-with-aki-authoritycertissuer webpki::aki::root-with-aki-authoritycertserialnumber
            webpki::aki::root-with-aki-all-fields webpki::aki::root-with-aki-ski-mismatch""",
        "an extension that should be critical and is not: constraints hold all the same, policies never count": """
            rfc5280::nc::permitted-dns-match-noncritical rfc5280::pc::ica-noncritical-pc""",
        "a serial number of zero is unusual, and as good as another on a list": "rfc5280::serial::zero",
        "the common name is not looked at, so it may say anything": """
            webpki::cn::ipv4-hex-mismatch webpki::cn::ipv4-leading-zeros-mismatch webpki::cn::ipv6-uppercase-mismatch
            webpki::cn::ipv6-uncompressed-mismatch webpki::cn::ipv6-non-rfc5952-mismatch
            webpki::cn::punycode-not-in-san webpki::cn::utf8-vs-punycode-mismatch webpki::cn::not-in-san
            webpki::cn::case-mismatch""",
        "any purpose, or none, is taken for a server's; for a client's we ask for clientAuth by name": """
            webpki::eku::ee-anyeku webpki::eku::ee-without-eku""",
        "a purpose on a trust anchor gives nobody a right": "webpki::eku::root-has-eku",
        "there is no list of public suffixes, and clients are not matched by wildcard": """
            webpki::san::public-suffix-wildcard-san webpki::san::public-suffix-multi-label-wildcard-san
            webpki::san::public-suffix-private-namespace-wildcard-san""",
        "the key of a leaf is not looked at; for a client's we do": """
            webpki::forbidden-p192-leaf webpki::forbidden-dsa-leaf webpki::forbidden-weak-rsa-in-leaf""",
        "RSA sizes need not divide by 8": """
            webpki::forbidden-rsa-not-divisible-by-8-in-root webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf""",
        # Refused, against the expectation: nothing is let through.
        "a CA has to say what its key is for": "crl::issuer-no-keyusage-extension",
        "self-issued certificates with the name of another are taken for it": """
            pathlen::self-issued-certs-pathlen pathlen::max-chain-depth-1-self-issued""",
        "the certificate of a CA is no leaf": "pathlen::validation-ignores-pathlen-in-leaf rfc5280::ca-as-leaf",
    }
)
BY_OLDER_RELEASES = by_reason(
    {
        "a wildcard slips past an excluded name; clients are not matched by wildcard": """
            cve::cve-2025-61727 rfc5280::nc::nc-forbids-dnsname-wildcard-san""",
    }
)


def test_servers_by_the_library() -> None:
    """The library we build on gives the expected verdicts, but for a frozen list of differences.

    Without the chains of more certificates than we hand it: its older releases search those for minutes.
    """

    def judge(case: Case) -> None:
        anchors = [x509.load_pem_x509_certificate(pem.encode()) for pem in case["trusted_certs"]]
        leaf, *rest = map(x509.load_der_x509_certificate, shown(case))
        builder = PolicyBuilder().store(Store(anchors)).time(moment(case))
        if case["max_chain_depth"] is not None:
            builder = builder.max_chain_depth(case["max_chain_depth"])
        name = case["expected_peer_name"]
        subject = x509.DNSName(name["value"]) if name["kind"] == "DNS" else x509.IPAddress(ip_address(name["value"]))
        builder.build_server_verifier(subject).verify(leaf, rest)

    judged = [case for case in chosen("SERVER") if case["expected_peer_name"] and _is_short(case)]
    differ = {case["id"] for case in judged if read_and(judge, case) != case["expected_result"]}
    assert len(judged) == 192
    assert differ <= {**BY_THE_LIBRARY, **BY_OLDER_RELEASES}.keys()
    if int(cryptography.__version__.partition(".")[0]) >= 50:
        assert differ == BY_THE_LIBRARY.keys()


def _is_short(case: Case) -> bool:
    return len(case["untrusted_intermediates"]) <= MOST_INTERMEDIATES


def read_and(judge: Callable[[Case], None], case: Case) -> str:
    try:
        return verdict(lambda: judge(case))
    except (ValueError, x509.DuplicateExtension):  # A certificate that cannot be read; our verifier refuses it too.
        return "FAILURE"
