"""nginx, HAProxy, Caddy and Apache in front of an app, with the files of the how-to: really forwarding certificates."""

import re
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

Behind = Callable[..., Any]
Events = Callable[[], list[dict[str, Any]]]

SETUPS = {
    "nginx": ("nginx.conf", "nginx"),
    "haproxy": ("haproxy.cfg", "haproxy"),
    "haproxy, RFC 9440": ("haproxy-rfc9440.cfg", "rfc9440"),
    "caddy": ("Caddyfile", "caddy"),
    "apache": ("httpd.conf", "apache"),
}


@pytest.fixture(scope="module", params=SETUPS.values(), ids=SETUPS)
def proxy(request: pytest.FixtureRequest, behind: Behind) -> Iterator[Any]:
    with behind(*request.param) as proxy:
        yield proxy


def problem(response: httpx.Response) -> str:
    assert response.status_code == 403
    return str(response.json()["type"]).rpartition(":")[2]


def der(folder: Path, name: str) -> bytes:
    pem = (folder / f"certs/{name}.pem").read_text()
    return ssl.PEM_cert_to_DER_cert(pem[: pem.index("-----END") + len("-----END CERTIFICATE-----\n")])


def forged(folder: Path, *, spelt: Callable[[str], str] = str) -> list[tuple[str, str]]:
    """Write a certificate of somebody else into every field of every proxy here: it is no secret."""
    stolen = der(folder, "client")
    base64, escaped = b64encode(stolen).decode(), quote(ssl.DER_cert_to_PEM_cert(stolen), safe="")
    fields = {
        "SSL-Client-Cert": escaped,
        "SSL-Client-Verify": "SUCCESS",
        "X-SSL-Client-Cert": base64,
        "X-SSL-Client-Chain": "",
        "X-SSL-Client-Verify": "0",
        "Client-Cert": f":{base64}:",
        "X-Client-Cert": base64,
        "X-Client-Verify": "SUCCESS",
    }
    return [(spelt(name), value) for name, value in fields.items()]


@pytest.mark.parametrize("client", ["client", "deep"])
def test_a_client_with_a_certificate(proxy: Any, client: str) -> None:
    """Its identity arrives, directly below the anchor and with a CA in between."""
    response = proxy.get(client=client)
    assert (response.status_code, response.json()) == (200, f"uri:spiffe://localhost/{client}")


def test_a_client_without(proxy: Any) -> None:
    """It has none, and is told so."""
    assert problem(proxy.get()) == "client_certificate_missing"


@pytest.mark.parametrize("client", ["foreign", "expired", "revoked"])
def test_a_client_with_a_bad_certificate(proxy: Any, client: str) -> None:
    """The proxy refuses, in the handshake or with a 400; Caddy knows no revocation lists, and then the app does."""
    try:
        status = proxy.get(client=client).status_code
    except httpx.TransportError:
        return
    assert status in {400, 403}


def test_a_forged_field(proxy: Any) -> None:
    """What a client writes into the proxy's own fields, or those of another, gives it no certificate."""
    assert problem(proxy.get(headers=forged(proxy.folder))) == "client_certificate_missing"


def test_a_forged_field_beside_a_certificate(proxy: Any) -> None:
    """Who has a certificate cannot be another with a field."""
    response = proxy.get(client="deep", headers=forged(proxy.folder))
    assert (response.status_code, response.json()) == (200, "uri:spiffe://localhost/deep")


def underscored(name: str) -> str:
    return name.replace("-", "_")


def test_a_lookalike(proxy: Any) -> None:
    """A name with underscores is dropped by the proxy, or refused by the app; no endpoint sees it."""
    headers = forged(proxy.folder, spelt=underscored)
    assert problem(proxy.get(headers=headers)) in {"client_certificate_missing", "client_certificate_refused"}
    seen = {name for name, _ in proxy.get("/fields", headers=headers).json()}
    assert not [name for name in seen if "_" in name and ("cert" in name or "verify" in name)]


def test_around_the_proxy(proxy: Any, events: Events) -> None:
    """From an address that is no configured peer the fields are removed, and that is said once."""
    for path in ("/fields", "/batch", "/fields"):
        response = proxy.get(path, headers=forged(proxy.folder), port=proxy.app_port, source="127.0.0.2")
    assert not {name for name, _ in response.json()} & {name.lower() for name, _ in forged(proxy.folder)}
    [event] = [one for one in events() if one["event"] == "forwarded_certificate_spoofed"]
    assert event["peer"] == "127.0.0.2"
    assert "add it there" in event["reason"]


def test_two_fields(proxy: Any) -> None:
    """The proxy's field beside one that somebody else added is refused: here the peer itself sends two."""
    twice = [*forged(proxy.folder), *forged(proxy.folder)]
    refused = proxy.get(headers=twice, port=proxy.app_port, source="127.0.0.1")
    assert problem(refused) == "client_certificate_refused"


def nginx_with_less(text: str) -> str:
    """No revocation list, clients of any CA, and a certificate of nginx's own."""
    text = re.sub(r" +ssl_crl .*\n", "", text).replace("optional;", "optional_no_ca;")
    own = "proxy_ssl_certificate certs/proxy.pem; proxy_ssl_certificate_key certs/proxy.key;"
    return text.replace("proxy_ssl_verify ", f"{own} proxy_ssl_verify ")


def haproxy_with_less(text: str) -> str:
    text = text.replace("crl-file certs/clients.crl", "ca-ignore-err all crt-ignore-err all")
    return text.replace("verify required", "crt certs/proxy-pair.pem verify required")


CARELESS = {
    "nginx": (*SETUPS["nginx"], nginx_with_less),
    "haproxy": (*SETUPS["haproxy"], haproxy_with_less),
}


@pytest.fixture(scope="module", params=CARELESS.values(), ids=CARELESS)
def careless(request: pytest.FixtureRequest, folder: Path, behind: Behind) -> Iterator[Any]:
    """A proxy that verifies less than it should, and has a certificate of its own for the app."""
    pair = [(folder / f"certs/proxy.{suffix}").read_text() for suffix in ("pem", "key")]
    (folder / "certs/proxy-pair.pem").write_text("".join(pair))
    name, form, change = request.param
    with behind(name, form, change=change) as proxy:
        yield proxy


def test_revoked_where_the_proxy_has_no_list(careless: Any, events: Events) -> None:
    """The app has one, and verifies again."""
    assert problem(careless.get(client="revoked")) == "client_certificate_refused"
    assert [one["reason_code"] for one in events() if one["event"] == "authn_login_fail"] == ["revoked"]


def test_a_certificate_the_proxy_could_not_verify(careless: Any, events: Events) -> None:
    """Its verdict comes along and is heeded, before the app looks itself."""
    assert problem(careless.get(client="foreign")) == "client_certificate_refused"
    assert [one["reason_code"] for one in events() if one["event"] == "authn_login_fail"] == ["forwarded_unverified"]


def test_the_proxys_own_certificate(careless: Any) -> None:
    """It is good, of the same CA, and never the client's."""
    assert careless.get(client="client").json() == "uri:spiffe://localhost/client"
    assert problem(careless.get()) == "client_certificate_missing"
    alone = careless.get(client="proxy", port=careless.app_port, source="127.0.0.1")
    assert problem(alone) == "client_certificate_missing"
    elsewhere = careless.get(client="proxy", port=careless.app_port, source="127.0.0.2")
    assert problem(elsewhere) == "client_certificate_missing", "a trusted proxy that forwards no certificates has none"
