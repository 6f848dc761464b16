"""SecurityPolicy: the presets, the defaults, and what stops the start-up."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware import (
    ConfigurationError,
    ContentSecurityPolicy,
    HeadersPolicy,
    HSTSPolicy,
    SecurityPolicy,
    Tokens,
)
from asvs_middleware.headers import Preload, Reports
from asvs_middleware.middleware import Limits

HOSTS = ["api.example.com"]
TOKENS = Tokens("https://idp.example.com", audience="https://api.example.com")


@pytest.mark.parametrize(
    ("preset", "denies", "redirects"),
    [
        pytest.param(SecurityPolicy.api, True, False, id="api: unmarked is denied, plaintext refused"),
        pytest.param(SecurityPolicy.web, False, True, id="web: unmarked is served, pages redirected"),
        pytest.param(SecurityPolicy.mixed, False, True, id="mixed: as web"),
    ],
)
def test_presets(preset: Any, denies: bool, redirects: bool) -> None:
    """Three words choose what nobody should have to put together."""
    policy = preset(hosts=HOSTS)
    assert (policy.deny_unmarked, policy.redirects_pages, policy.level) == (denies, redirects, 2)
    assert preset(hosts=HOSTS, default="deny").deny_unmarked
    assert not preset(hosts=HOSTS, default="allow").deny_unmarked


def test_the_preset_spelt_out_denies() -> None:
    """Whoever goes round the three words gets the strictest default."""
    assert SecurityPolicy(preset="web", hosts=HOSTS).deny_unmarked


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param({"preset": "apy"}, "Did you mean 'api'", id="a misspelt preset"),
        pytest.param({"preset": ["api"]}, "does not know", id="a list for the preset"),
        pytest.param({"default": "denny"}, "Did you mean 'deny'", id="a misspelt default"),
        pytest.param({"default": True}, "does not know True", id="True for the default"),
        pytest.param({"docs": True}, r"docs=\) does not know True", id="True for docs"),
        pytest.param({"docs": None}, r"docs=\) does not know None", id="None for docs"),
        pytest.param({"level": 4}, "no ASVS level. Use 1, 2 or 3", id="level 4"),
        pytest.param({"level": "2"}, "no ASVS level", id="a text for the level"),
        pytest.param({"level": 1.0}, "no ASVS level", id="1.0 for the level"),
        pytest.param({"level": True}, "no ASVS level", id="True for the level"),
        pytest.param({"hosts": []}, "names no list of hosts", id="no hosts"),
        pytest.param({"hosts": "api.example.com"}, "names no list of hosts", id="one text for the hosts"),
        pytest.param({"hosts": 5}, "hosts=.* is a int, not a Collection", id="a number for the hosts"),
        pytest.param({"hosts": ["*"]}, "no host name", id="every host"),
        pytest.param({"hosts": ["https://api.example.com"]}, "no host name", id="a URL"),
        pytest.param({"hosts": [b"api.example.com"]}, "no host name", id="bytes"),
        pytest.param({"trusted_proxies": "10.0.0.0/8"}, "is one text. Write a list", id="one text for the proxies"),
        pytest.param({"trusted_proxies": ["*"]}, "may not hold", id="every proxy"),
        pytest.param({"trusted_proxies": ["10.0.0.1/8"]}, "no network", id="host bits"),
        pytest.param({"trusted_proxies": None}, "NoneType, not a list of networks", id="None for the proxies"),
        pytest.param({"trusted_proxies": [5]}, "no network", id="a number among the proxies"),
        pytest.param({"tokens": "https://idp.example.com"}, "tokens=.* is a str, not a Tokens", id="text for tokens"),
        pytest.param({"client_certificates": "ca.pem"}, "not a ClientCertificates. Write", id="text for certificates"),
        pytest.param({"headers": {"hsts": None}}, "is a dict, not a HeadersPolicy", id="a dict for the headers"),
        pytest.param({"headers": None}, "is a NoneType, not a HeadersPolicy", id="None for the headers"),
        pytest.param({"https_port": 0}, "is no port", id="port 0"),
        pytest.param({"https_port": 65536}, "is no port", id="a port too high"),
        pytest.param({"https_port": "443"}, "is no port", id="a text for the port"),
        pytest.param({"https_port": True}, "is no port", id="True for the port"),
        pytest.param({"docs": "sensitive"}, "nothing to ask a visitor for", id="sensitive pages nobody could open"),
        pytest.param({"on_exposed_credential": "revoke"}, "cannot be called", id="a text for the hook"),
    ],
)
def test_wrong_choices(choices: dict[str, Any], message: str) -> None:
    """A policy that cannot be right is not made, and the message holds the repair."""
    with pytest.raises(ConfigurationError, match=message):
        SecurityPolicy(**{"preset": "api", "hosts": HOSTS, **choices})


def test_misspelt_choices() -> None:
    """A choice that does not exist is no choice."""
    with pytest.raises(TypeError, match="trusted_proxy"):
        SecurityPolicy.api(hosts=HOSTS, trusted_proxy=["10.0.0.0/8"])


@pytest.mark.parametrize("docs", ["off", "public", "sensitive"])
def test_what_goes_together(docs: Any, tmp_path: Path) -> None:
    """Sensitive pages need something to ask for; everything else goes with everything."""
    policy = SecurityPolicy.api(hosts=HOSTS, docs=docs, tokens=TOKENS, https_port=8443, trusted_proxies=["unix"])
    assert (policy.docs, policy.tokens, policy.https_port) == (docs, TOKENS, 8443)
    assert policy.on_exposed_credential is None
    assert SecurityPolicy.api(hosts=HOSTS, on_exposed_credential=print).on_exposed_credential is print


class TestHeaders:
    """What the operator says of the headers, and for which responses it is meant."""

    own = HeadersPolicy(
        hsts=HSTSPolicy(preload=Preload(domain="example.com", confirmed="operations checked every subdomain")),
        csp=ContentSecurityPolicy(
            {"default-src": ["'self'"], "object-src": ["'none'"], "base-uri": ["'none'"], "frame-ancestors": ["'self'"]}
        ),
        referrer="same-origin",
    )

    def test_one_kind(self) -> None:
        """With one kind of response both sets say what the operator says."""
        policy = SecurityPolicy.api(hosts=HOSTS, headers=self.own)
        for headers in (policy.api_headers, policy.web_headers):
            assert b"default-src 'self'" in headers.csp[1]
            assert dict(headers.always)[b"referrer-policy"] == b"same-origin"
            assert b"preload" in headers.hsts[1]

    def test_mixed(self) -> None:
        """In `mixed` they are meant for the pages; only HSTS, which is the host's, is for both."""
        policy = SecurityPolicy.mixed(hosts=HOSTS, headers=self.own)
        assert b"default-src 'self'" in policy.web_headers.csp[1]
        assert b"default-src 'none'" in policy.api_headers.csp[1]
        assert dict(policy.api_headers.always)[b"referrer-policy"] == b"no-referrer"
        assert b"preload" in policy.api_headers.hsts[1]

    def test_levels(self) -> None:
        """Level 1 leaves subdomains out of HSTS, level 3 leaves pages with nonces alone."""
        one, three = (SecurityPolicy.web(hosts=HOSTS, level=level) for level in (1, 3))
        assert b"includeSubDomains" not in one.web_headers.hsts[1]
        assert b"'strict-dynamic'" in b"x".join(three.web_headers.csp_around_nonce)

    def test_a_policy_below_the_level(self) -> None:
        """A policy of the operator's own has to meet the level too."""
        csp = ContentSecurityPolicy({"default-src": ["'self'"]})
        with pytest.raises(ConfigurationError, match="misses level 2: no object-src"):
            SecurityPolicy.web(hosts=HOSTS, headers=HeadersPolicy(csp=csp))
        SecurityPolicy.web(hosts=HOSTS, level=1, headers=HeadersPolicy(csp=csp))


@pytest.mark.parametrize(
    ("choices", "refused"),
    [
        pytest.param({"headers": HeadersPolicy(reports=Reports())}, True, id="a place of ours"),
        pytest.param({"level": 3}, True, id="the one of level 3"),
        pytest.param({"headers": HeadersPolicy(reports=Reports(url="https://c.example/r"))}, False, id="elsewhere"),
        pytest.param({}, False, id="none"),
    ],
)
def test_reports_that_could_not_come(choices: Any, refused: bool) -> None:
    """v5.0.0-3.4.7: browsers send them with POST, so that the methods have to hold it; they hold it unless told."""
    SecurityPolicy.web(hosts=["api.example.com"], **choices)
    limits = Limits(methods=["GET", "HEAD"])
    if not refused:
        SecurityPolicy.web(hosts=["api.example.com"], limits=limits, **choices)
        return
    with pytest.raises(ConfigurationError, match=r'/\.well-known/reports with POST.*Add "POST" to it'):
        SecurityPolicy.web(hosts=["api.example.com"], limits=limits, **choices)


def test_changed_copy_is_checked_again() -> None:
    """dataclasses.replace() makes a policy like any other: checked, and rendered anew."""
    policy = SecurityPolicy.api(hosts=HOSTS)
    assert b"www.example.com" in replace(policy, hosts=["www.example.com"]).served_hosts
    with pytest.raises(ConfigurationError, match="names no list"):
        replace(policy, hosts=[])


def test_nothing_secret_in_the_repr() -> None:
    """A policy may end in a log."""
    assert "served_hosts" not in repr(SecurityPolicy.api(hosts=HOSTS, tokens=TOKENS))


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        pytest.param(["example.com"], None, id="the domain"),
        pytest.param(["API.example.com:8443", "other.example"], None, id="a host below it"),
        pytest.param(["*.example.com"], None, id="all below it"),
        pytest.param(["other.example"], "none of the hosts belongs to", id="another domain"),
        pytest.param(["notexample.com"], "none of the hosts belongs to", id="a name that ends alike"),
        pytest.param(["[::1]:443"], "none of the hosts belongs to", id="an address"),
    ],
)
def test_the_preloaded_domain_is_ours(hosts: list[str], message: str | None) -> None:
    """v5.0.0-3.7.4: an app asks browsers to build in its own domain alone."""
    listed = Preload(domain="example.com", confirmed="operations checked every subdomain")
    chosen = HeadersPolicy(hsts=HSTSPolicy(preload=listed))
    if message is None:
        assert SecurityPolicy.web(hosts=hosts, headers=chosen).headers is chosen
        return
    with pytest.raises(ConfigurationError, match=message):
        SecurityPolicy.web(hosts=hosts, headers=chosen)
