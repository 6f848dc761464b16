"""Where an issuer publishes its keys: RFC 8414 section 3, OpenID Connect Discovery 1.0 section 4.

v5.0.0-9.1.3: the address comes from the configured issuer alone, never from a token. The `issuer` inside the document
must be the configured one, character by character (RFC 8414 section 3.3), or a mix-up could feed us foreign keys.
"""

from typing import Final
from urllib.parse import urlsplit

from .refusals import keys_unavailable
from .strict_json import parse_object

LARGEST_METADATA: Final = 64 * 1024
LONGEST_URL: Final = 2048


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Return the two places to look at, the OAuth one first.

    >>> metadata_urls("https://idp.example/tenant")[0]
    'https://idp.example/.well-known/oauth-authorization-server/tenant'
    >>> metadata_urls("https://idp.example/tenant")[1]
    'https://idp.example/tenant/.well-known/openid-configuration'
    """
    parts = urlsplit(issuer)
    path = parts.path.removesuffix("/")
    origin = f"https://{parts.netloc}"
    return (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    )


def parse_jwks_uri(document: bytes, *, issuer: str) -> str:
    """Return the address of the key set.

    Raises:
        DependencyUnavailable: no strict JSON object, another issuer's, or no plain https address in it.
    """
    if len(document) > LARGEST_METADATA:
        raise keys_unavailable(f"The issuer's metadata is larger than {LARGEST_METADATA} bytes.")
    try:
        metadata = parse_object(document)
    except ValueError as error:
        raise keys_unavailable(f"The issuer's metadata is {error}.") from None
    if metadata.get("issuer") != issuer:
        raise keys_unavailable("The metadata is another issuer's: its issuer is not the configured one.")
    url = metadata.get("jwks_uri")
    if not isinstance(url, str) or not is_plain_https(url):
        raise keys_unavailable("The issuer's metadata has no plain https jwks_uri.")
    return url


def is_plain_https(url: str) -> bool:
    """Tell whether url is https with a host, without userinfo, fragment or any character a URL may not hold."""
    if not url.startswith("https://") or len(url) > LONGEST_URL or not url.isascii() or not url.isprintable():
        return False
    if not {" ", "\\", "#"}.isdisjoint(url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:  # A port that is no number, a bracket without its partner.
        return False
