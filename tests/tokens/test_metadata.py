"""Where an issuer's keys are (RFC 8414 section 3, OpenID Connect Discovery 1.0 section 4)."""

import json
from typing import Any

import pytest

from asvs_middleware.errors import DependencyUnavailable
from asvs_middleware.tokens.metadata import metadata_urls, parse_jwks_uri

ISSUER = "https://idp.example"
OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        pytest.param(ISSUER, (ISSUER + OAUTH, ISSUER + OPENID), id="no path"),
        pytest.param(ISSUER + "/", (ISSUER + OAUTH, ISSUER + OPENID), id="slash alone"),
        pytest.param(ISSUER + "/a/b", (ISSUER + OAUTH + "/a/b", ISSUER + "/a/b" + OPENID), id="path"),
        pytest.param(ISSUER + "/a/", (ISSUER + OAUTH + "/a", ISSUER + "/a" + OPENID), id="path with a slash"),
        pytest.param(ISSUER + ":8443/a", (ISSUER + ":8443" + OAUTH + "/a", ISSUER + ":8443/a" + OPENID), id="port"),
    ],
)
def test_metadata_urls(issuer: str, expected: tuple[str, str]) -> None:
    """OAuth puts the well-known part before the path, OpenID after it."""
    assert metadata_urls(issuer) == expected


@pytest.mark.parametrize("url", ["https://keys.example/jwks?v=1", f"{ISSUER}/keys", "https://[::1]:8443/k"])
def test_jwks_uri(url: str) -> None:
    """Any plain https address will do, also on another host."""
    assert parse_jwks_uri(json.dumps({"issuer": ISSUER, "jwks_uri": url}).encode(), issuer=ISSUER) == url


@pytest.mark.parametrize(
    ("change", "match"),
    [
        pytest.param({"issuer": ISSUER + "/"}, "another issuer's", id="trailing slash"),
        pytest.param({"issuer": "https://evil.example"}, "another issuer's", id="another issuer"),
        pytest.param({"issuer": [ISSUER]}, "another issuer's", id="issuer list"),
        pytest.param({"issuer": None}, "another issuer's", id="issuer null"),
        pytest.param({"jwks_uri": "http://idp.example/keys"}, "no plain https jwks_uri", id="plaintext"),
        pytest.param({"jwks_uri": "file:///etc/passwd"}, "no plain https jwks_uri", id="file"),
        pytest.param({"jwks_uri": "/keys"}, "no plain https jwks_uri", id="relative"),
        pytest.param({"jwks_uri": "https://u:p@idp.example/keys"}, "no plain https jwks_uri", id="userinfo"),
        pytest.param({"jwks_uri": "https://idp.example/k#f"}, "no plain https jwks_uri", id="fragment"),
        pytest.param({"jwks_uri": "https://idp.example/k\r\nX: y"}, "no plain https jwks_uri", id="line end"),
        pytest.param({"jwks_uri": "https://[::1"}, "no plain https jwks_uri", id="no URL"),
        pytest.param({"jwks_uri": None}, "no plain https jwks_uri", id="null"),
        pytest.param({"jwks_uri": [f"{ISSUER}/keys"]}, "no plain https jwks_uri", id="list"),
    ],
)
def test_metadata_that_is_refused(change: dict[str, Any], match: str) -> None:
    """RFC 8414 section 3.3: the issuer in the document is the configured one, letter by letter."""
    document = json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys", **change}).encode()
    with pytest.raises(DependencyUnavailable, match=match):
        parse_jwks_uri(document, issuer=ISSUER)


@pytest.mark.parametrize(
    ("document", "match"),
    [
        pytest.param(b"<html>", "not a strict JSON document", id="HTML"),
        pytest.param(b"[]", "not a JSON object", id="list"),
        pytest.param(b'{"issuer":"a","issuer":"b"}', "not a strict JSON document", id="issuer twice"),
        pytest.param(b" " * 65_537, "larger than", id="64 KiB and one byte"),
    ],
)
def test_no_metadata(document: bytes, match: str) -> None:
    """The document is judged like a token: strictly."""
    with pytest.raises(DependencyUnavailable, match=match):
        parse_jwks_uri(document, issuer=ISSUER)
