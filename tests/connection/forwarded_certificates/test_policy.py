"""What an operator may write, and what stops the start-up: v5.0.0-4.1.3."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from asvs_middleware import ClientCertificates, SecurityPolicy
from asvs_middleware.connection import ForwardedCertificates
from asvs_middleware.errors import ConfigurationError


def test_the_default() -> None:
    """RFC 9440, and the peers have to be named."""
    policy = ForwardedCertificates(peers=["10.0.0.7", "unix"])
    assert policy.format == "rfc9440"
    assert policy.roles == {b"client-cert": "certificate", b"client-cert-chain": "chain"}
    with pytest.raises(TypeError, match="peers"):
        ForwardedCertificates("rfc9440")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        pytest.param(["rfc9404"], {}, "Did you mean 'rfc9440'", id="a misspelt format"),
        pytest.param(["iis"], {}, "Choose from: alb-passthrough, alb-verify", id="an unknown format"),
        pytest.param([], {"peers": []}, r"peers=\[\]\) believes nobody", id="no peer"),
        pytest.param([], {"peers": ["*"]}, "whoever connects would be one of them", id="everybody"),
        pytest.param([], {"peers": ["0.0.0.0/0"]}, "whoever connects would be one of them", id="every address"),
        pytest.param([], {"peers": "10.0.0.7"}, "is one text", id="a text for a list"),
        pytest.param([], {"fields": {"certificate": "x"}}, "are fixed", id="fixed names"),
        pytest.param(["nginx"], {"fields": "x"}, "is no mapping", id="no mapping"),
        pytest.param(["nginx"], {"fields": {"certificat": "x"}}, "Did you mean 'certificate'", id="a misspelt role"),
        pytest.param(["nginx"], {"fields": {"chain": "x"}}, "does not know 'chain'", id="a role of another format"),
        pytest.param(["nginx"], {"fields": {"certificate": "x_cert"}}, "no underscore", id="an underscore"),
        pytest.param(["nginx"], {"fields": {"certificate": ""}}, "no underscore", id="an empty name"),
        pytest.param(["nginx"], {"fields": {"certificate": 7}}, "no underscore", id="a number"),
        pytest.param(["nginx"], {"fields": {"certificate": "x" * 65}}, "no underscore", id="a long name"),
        pytest.param(["nginx"], {"fields": {"certificate": "a-" * 8 + "a"}}, "no underscore", id="nine parts"),
        pytest.param(["nginx"], {"fields": {"certificate": "Host"}}, "cannot be the name", id="Host"),
        pytest.param(["nginx"], {"fields": {"verdict": "x-forwarded-for"}}, "cannot be the name", id="X-Forwarded-For"),
        pytest.param(["nginx"], {"fields": {"verdict": "SSL-Client-Cert"}}, "one name to two", id="one name for two"),
    ],
)
def test_what_is_refused(arguments: list[str], options: dict[str, Any], message: str) -> None:
    """A wrong choice stops the start-up, with the repair."""
    with pytest.raises(ConfigurationError, match=message):
        ForwardedCertificates(*arguments, **{"peers": ["10.0.0.7"], **options})


def test_other_names() -> None:
    """Where the proxy's operator chooses the names, so does the app's; the rest keep theirs."""
    policy = ForwardedCertificates("nginx", peers=["unix"], fields={"certificate": "X-SSL-Cert"})
    assert policy.roles == {b"x-ssl-cert": "certificate", b"ssl-client-verify": "verdict"}
    assert b"ssl-client-cert" not in policy.own


@pytest.fixture
def clients(tmp_path: Path) -> ClientCertificates:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    return ClientCertificates(trust=tmp_path / "ca.pem")


Secured = Callable[..., SecurityPolicy]


def secured(*peers: str, proxies: list[str], **choices: Any) -> SecurityPolicy:
    forwarded = ForwardedCertificates(peers=peers)
    return SecurityPolicy.api(hosts=["a.test"], trusted_proxies=proxies, forwarded_certificates=forwarded, **choices)


@pytest.mark.parametrize(
    ("peers", "proxies"),
    [
        (["10.0.0.7"], ["10.0.0.0/8"]),
        (["10.0.0.0/24"], ["192.0.2.1", "10.0.0.0/8"]),
        (["2001:db8::7"], ["10.0.0.0/8", "2001:db8::/32"]),
        (["unix"], ["10.0.0.0/8", "unix"]),
        (["10.0.0.7", "unix"], ["unix", "10.0.0.7"]),
    ],
)
def test_peers_are_trusted_proxies(clients: ClientCertificates, peers: list[str], proxies: list[str]) -> None:
    """Whoever may say who the client is may say where it comes from, too."""
    policy = secured(*peers, proxies=proxies, client_certificates=clients)
    assert policy.forwarded_certificates == ForwardedCertificates(peers=peers)


@pytest.mark.parametrize(
    ("peers", "proxies", "stranger"),
    [
        (["10.0.0.7"], [], "10.0.0.7"),
        (["10.0.0.7"], ["10.0.0.8"], "10.0.0.7"),
        (["10.0.0.0/8"], ["10.0.0.0/9"], "10.0.0.0/8"),
        (["10.0.0.7", "unix"], ["10.0.0.0/8"], "unix"),
        (["unix", "10.0.0.7"], ["unix"], "10.0.0.7"),
        (["2001:db8::7"], ["10.0.0.0/8"], "2001:db8::7"),
    ],
)
def test_other_peers(clients: ClientCertificates, peers: list[str], proxies: list[str], stranger: str) -> None:
    """A peer that is no trusted proxy would be taken for the client itself."""
    with pytest.raises(ConfigurationError, match=f"Add '{stranger}' to trusted_proxies"):
        secured(*peers, proxies=proxies, client_certificates=clients)


def test_nothing_to_verify_with() -> None:
    """What a proxy forwards is verified again, so there have to be trust anchors."""
    with pytest.raises(ConfigurationError, match="nothing to verify the certificates with"):
        secured("10.0.0.7", proxies=["10.0.0.7"])


def test_the_wrong_type(clients: ClientCertificates) -> None:
    """A format alone names no peer."""
    with pytest.raises(ConfigurationError, match="Write forwarded_certificates=ForwardedCertificates"):
        SecurityPolicy.api(hosts=["a.test"], client_certificates=clients, forwarded_certificates="nginx")  # type: ignore[arg-type]
