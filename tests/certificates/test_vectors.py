"""Published vectors: RFC 8705 appendix A and x509-limbo, which the verifier must agree with."""

import json
import os
import ssl
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from asvs_middleware.certificates import ClientCertificates, ClientCertificateVerifier
from asvs_middleware.certificates.chain import issued
from asvs_middleware.certificates.leaf import thumbprint
from asvs_middleware.errors import ASVSMiddlewareError

BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "vectors"
VECTORS = Path(os.environ.get("ASVS_VECTORS", BESIDE_THE_CHECKOUT))
NOW = datetime(2026, 6, 1, tzinfo=UTC)
"""For cases that say "now": their certificates hold for a thousand years."""

pytestmark = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the conformance vectors are not here: set ASVS_VECTORS to their folder"
)

NOT_ABOUT_CLIENTS = {
    "rfc5280::eku::ee-wrong-eku": "fails because a server shows a client's certificate: for us that is the right one",
}
"""Cases about servers that must fail there, and that a verifier of clients accepts, each with the reason."""

NOT_THROUGH_VERIFY = (
    "the cases with lists are about servers, so verify() refuses their purpose before it looks at a list: they are "
    "judged by the policy and its revocation check, on the chain the case describes"
)


def limbo() -> list[dict[str, Any]]:
    if not VECTORS.is_dir():
        return []
    cases: list[dict[str, Any]] = json.loads((VECTORS / "x509-limbo.json").read_bytes())["testcases"]
    return cases


LIMBO = limbo()


def cases(kind: str, *, crls: bool = False) -> list[Any]:
    chosen = [case for case in LIMBO if case["validation_kind"] == kind and bool(case["crls"]) is crls]
    return [pytest.param(case, id=case["id"]) for case in chosen]


def policy(case: dict[str, Any], folder: Path) -> ClientCertificates:
    """Return the policy for what the case trusts, its lists included."""
    (folder / "trust.pem").write_text("\n".join(case["trusted_certs"]))
    crls = [folder / f"{number}.crl" for number, _ in enumerate(case["crls"])]
    for path, text in zip(crls, case["crls"], strict=True):
        path.write_text(text)
    return ClientCertificates(trust=folder / "trust.pem", crls=crls)


def verify(case: dict[str, Any], folder: Path) -> object:
    verifier = ClientCertificateVerifier(policy(case, folder))
    intermediates = [der(pem) for pem in case["untrusted_intermediates"]]
    return verifier.verify(der(case["peer_certificate"]), intermediates, at=moment(case))


def look_up(case: dict[str, Any], folder: Path) -> object:
    made = policy(case, folder)
    leaf = x509.load_pem_x509_certificate(case["peer_certificate"].encode())
    issuer = next(anchor for anchor in made.anchors if issued(leaf, [anchor]))
    assert made.revocation
    return made.revocation.check([leaf, issuer], moment(case))


def verdict(judge: Callable[[dict[str, Any], Path], object], case: dict[str, Any], folder: Path) -> str:
    try:
        judge(case, folder)
    except ASVSMiddlewareError:
        return "FAILURE"
    return "SUCCESS"


def der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


def moment(case: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(case["validation_time"]) if case["validation_time"] else NOW


def test_rfc8705_thumbprint() -> None:
    """The thumbprint of the certificate in RFC 8705 appendix A is the `x5t#S256` printed there."""
    vector = json.loads((VECTORS / "jose" / "rfc" / "rfc8705.json").read_bytes())
    digest = thumbprint(b64decode(vector["certificate_b64"]))
    assert urlsafe_b64encode(digest).rstrip(b"=").decode() == vector["x5t#S256"]


@pytest.mark.parametrize("case", cases("CLIENT"))
def test_limbo_clients(case: dict[str, Any], tmp_path: Path) -> None:
    """Every case about clients gets the verdict that x509-limbo expects."""
    assert verdict(verify, case, tmp_path) == case["expected_result"]


@pytest.mark.parametrize("case", cases("SERVER", crls=True))
def test_limbo_revocation_lists(case: dict[str, Any], tmp_path: Path) -> None:
    """Every case with a revocation list gets the verdict that x509-limbo expects (NOT_THROUGH_VERIFY says how)."""
    assert verdict(look_up, case, tmp_path) == case["expected_result"]


@pytest.mark.filterwarnings("ignore:Parsed a serial number:UserWarning")
@pytest.mark.parametrize("case", cases("SERVER", crls=False))
def test_limbo_servers(case: dict[str, Any], tmp_path: Path) -> None:
    """Whatever a case about servers holds, the verifier answers, and accepts nothing that must fail."""
    if verdict(verify, case, tmp_path) == "SUCCESS":
        assert case["expected_result"] == "SUCCESS" or case["id"] in NOT_ABOUT_CLIENTS


def test_limbo_is_whole() -> None:
    """The file holds the cases these tests were written for."""
    assert (len(cases("CLIENT")), len(cases("SERVER", crls=True)), len(cases("SERVER", crls=False))) == (10, 8, 190)
