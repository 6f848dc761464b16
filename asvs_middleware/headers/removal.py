"""Fields that tell what a server is made of, or that browsers ought not to heed: v5.0.0-13.4.6 (level 3).

From the removal list of the OWASP Secure Headers Project, as of 2024-09-02. Only what the app itself sent can be
taken away here: `Server` and `Date` are written by uvicorn after us, so `asvs serve` switches off `Server` there.
"""

from collections.abc import Iterable
from typing import Final

from ..errors import ConfigurationError

TELLTALE: Final = frozenset({
    b"$wsep", b"host-header", b"k-proxy-request", b"liferay-portal", b"oraclecommercecloud-version", b"pega-host",
    b"powered-by", b"product", b"server", b"sourcemap", b"x-aspnet-version", b"x-aspnetmvc-version",
    b"x-atmosphere-error", b"x-atmosphere-first-request", b"x-atmosphere-tracking-id", b"x-b3-parentspanid",
    b"x-b3-sampled", b"x-b3-spanid", b"x-b3-traceid", b"x-beserver", b"x-calculatedbetarget", b"x-cf-powered-by",
    b"x-cms", b"x-cocoon-version", b"x-content-encoded-by", b"x-diaginfo", b"x-dtagentid", b"x-dthealthcheck",
    b"x-dtinjectedservlet", b"x-envoy-attempt-count", b"x-envoy-external-address", b"x-envoy-internal",
    b"x-envoy-original-dst-host", b"x-envoy-upstream-service-time", b"x-feserver", b"x-framework", b"x-generated-by",
    b"x-generator", b"x-jitsi-release", b"x-joomla-version", b"x-kubernetes-pf-flowschema-ui",
    b"x-kubernetes-pf-prioritylevel-uid", b"x-litespeed-cache", b"x-litespeed-cache-control", b"x-litespeed-purge",
    b"x-litespeed-tag", b"x-litespeed-vary", b"x-mod-pagespeed", b"x-nextjs-cache", b"x-nextjs-matched-path",
    b"x-nextjs-page", b"x-nextjs-redirect", b"x-old-content-length", b"x-oneagent-js-injection", b"x-owa-version",
    b"x-page-speed", b"x-php-version", b"x-powered-by", b"x-powered-by-plesk", b"x-powered-cms", b"x-redirect-by",
    b"x-ruxit-js-agent", b"x-server-powered-by", b"x-sourcefiles", b"x-sourcemap", b"x-turbo-charged-by",
    b"x-umbraco-version", b"x-varnish-backend", b"x-varnish-server",
})  # fmt: skip
"""What names a product, a version or a machine behind the app."""

OBSOLETE: Final = frozenset({b"expect-ct", b"feature-policy", b"public-key-pins", b"x-webkit-csp", b"x-xss-protection"})
"""What a suite asks to be absent: browsers ignore these, or do harm with them."""

_NEVER: Final = frozenset({
    b"content-length", b"content-type", b"location", b"set-cookie", b"transfer-encoding", b"www-authenticate",
})  # fmt: skip


def removals(names: Iterable[str] = ()) -> frozenset[bytes]:
    """Return the names to take away: the two lists, and an operator's own.

    Raises:
        ConfigurationError: a name is none, or a response would be broken without it.
    """
    if isinstance(names, str):
        raise ConfigurationError(f"removes={names!r} is one text.", fix=f"Write a list: [{names!r}].")
    return TELLTALE | OBSOLETE | {_name(one) for one in names}


def _name(given: object) -> bytes:
    text = given.lower() if isinstance(given, str) else ""
    if not text or not text.isascii() or not text.replace("-", "a").replace("_", "a").isalnum():
        raise ConfigurationError(f"removes holds {given!r}, which is no field name.", fix='Write one: "X-Powered-By".')
    name = text.encode("ascii")
    if name in _NEVER:
        raise ConfigurationError(
            f"removes holds {given!r}: a response is broken without it.", fix="Change it where it is made."
        )
    return name
