"""What each kind of proxy writes for a chain: encoders, made from the vendors' documents and not from our decoders."""

import ssl
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
import trustme

Chain = tuple[bytes, ...]
Fields = dict[str, str]


def base64(der: bytes) -> str:
    return b64encode(der).decode()


def sequence(der: bytes) -> str:
    return f":{base64(der)}:"


def escaped(*chain: bytes, safe: str = "") -> str:
    return quote("".join(map(ssl.DER_cert_to_PEM_cert, chain)), safe=safe)


def rfc9440(chain: Chain) -> Fields:
    rest = {"client-cert-chain": ", ".join(map(sequence, chain[1:]))} if chain[1:] else {}
    return {"client-cert": sequence(chain[0]), **rest}


def envoy(chain: Chain) -> Fields:
    """Envoy replaces line ends, spaces, `+`, `/` and `=`; the subject may hold every separator."""
    subject = r"CN=Batch\, \"nightly\";x=1,O=Example"
    value = (
        f"By=spiffe://example.org/api;Hash={sha256(chain[0]).hexdigest()};"
        f'Cert="{escaped(chain[0])}";Chain="{escaped(*chain)}";'
        f'Subject="{subject}";URI=spiffe://example.org/batch;DNS=a.example.org;DNS=b.example.org'
    )
    return {"x-forwarded-client-cert": value}


def haproxy(chain: Chain) -> Fields:
    return {
        "x-ssl-client-cert": base64(chain[0]),
        "x-ssl-client-chain": base64(b"".join(chain[1:])) if chain[1:] else "",
        "x-ssl-client-verify": "0",
    }


def google(chain: Chain) -> Fields:
    return {
        "x-client-cert-leaf": sequence(chain[0]),
        "x-client-cert-chain": ",".join(map(sequence, chain[1:])),
        "x-client-cert-chain-verified": "true",
        "x-client-cert-present": "true",
    }


WRITERS: dict[str, Callable[[Chain], Fields]] = {
    "rfc9440": rfc9440,
    "envoy": envoy,
    "nginx": lambda chain: {"ssl-client-cert": escaped(chain[0]), "ssl-client-verify": "SUCCESS"},
    "apache": lambda chain: {"x-client-cert": escaped(chain[0]).replace("%0A", "%0a"), "x-client-verify": "SUCCESS"},
    "haproxy": haproxy,
    "traefik": lambda chain: {"x-forwarded-tls-client-cert": ",".join(map(base64, chain))},
    "alb-verify": lambda chain: {"x-amzn-mtls-clientcert-leaf": escaped(chain[0], safe="+=/")},
    "alb-passthrough": lambda chain: {"x-amzn-mtls-clientcert": escaped(*chain, safe="+=/")},
    "cloudfront": lambda chain: {
        "cloudfront-viewer-cert-pem": escaped(chain[0], safe="+=/"),
        "cloudfront-viewer-cert-present": "1",
    },
    "cloudflare": lambda chain: {**rfc9440(chain), "client-cert-verified": "true", "client-cert-revoked": "false"},
    "google": google,
    "azure": lambda chain: {"x-arr-clientcert": base64(chain[0])},
    "caddy": lambda chain: {"x-client-cert": base64(chain[0])},
}

WHOLE_CHAIN = {"rfc9440", "envoy", "haproxy", "traefik", "alb-passthrough", "cloudflare", "google"}
"""The formats that carry more than the leaf."""

VERDICTS = {
    "nginx": ("ssl-client-verify", "FAILED:certificate has expired"),
    "apache": ("x-client-verify", "GENEROUS"),
    "haproxy": ("x-ssl-client-verify", "10"),
    "cloudfront": ("cloudfront-viewer-cert-present", "0"),
    "cloudflare": ("client-cert-verified", "false"),
    "google": ("x-client-cert-chain-verified", "false"),
}
"""The fields that say whether the proxy verified, with a value that says that it did not."""


@pytest.fixture(scope="session")
def issuer() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def chain(issuer: trustme.CA) -> Chain:
    """A leaf, the CA that issued it, and the root."""
    below = issuer.create_child_ca()
    pems = [below.issue_cert("client.test").cert_chain_pems[0], below.cert_pem, issuer.cert_pem]
    return tuple(ssl.PEM_cert_to_DER_cert(pem.bytes().decode()) for pem in pems)


@pytest.fixture(scope="session")
def write() -> Callable[[str, Chain], Fields]:
    """Return the fields a proxy of this kind sends for a chain."""
    return lambda form, chain: WRITERS[form](chain)


@pytest.fixture(scope="session")
def pairs() -> Callable[[Fields], Any]:
    """Return fields as ASGI has them."""
    return lambda fields: [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `form` with every format, `verdict` with those that send one."""
    if "verdict" in metafunc.fixturenames:
        metafunc.parametrize(("form", "verdict"), [(form, VERDICTS[form]) for form in VERDICTS], ids=list(VERDICTS))
    elif "form" in metafunc.fixturenames:
        metafunc.parametrize("form", list(WRITERS))


@pytest.fixture(scope="session")
def carries_the_chain() -> Callable[[str], bool]:
    """Tell whether a format carries more than the leaf."""
    return lambda form: form in WHOLE_CHAIN
