"""What may stand in which directive: v5.0.0-3.4.3. A browser drops what it does not understand without a word."""

from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import NONCE, STYLE_NONCE, ContentSecurityPolicy
from asvs_middleware.headers.csp import render
from asvs_middleware.headers.csp_grammar import DIRECTIVES, FALLBACKS, GONE

HASH = "'sha384-" + "A" * 64 + "'"


@pytest.mark.parametrize(
    ("directive", "sources"),
    [
        pytest.param("script-src", ["'report-sample'", "'wasm-unsafe-eval'", HASH], id="keywords of scripts"),
        pytest.param("script-src", ["'trusted-types-eval'", "'report-sha256'"], id="keywords of CSP 3 of late"),
        pytest.param("worker-src", ["'self'", "blob:"], id="workers"),
        pytest.param("img-src", ["*"], id="every host"),
        pytest.param("connect-src", ["wss://live.example", "https://*.api.example:*"], id="scheme, host and port"),
        pytest.param("connect-src", ["localhost:3000"], id="a host and its port"),
        pytest.param("frame-ancestors", ["'self'", "https://portal.example"], id="who may frame"),
        pytest.param("sandbox", [], id="a sandbox that allows nothing"),
        pytest.param("sandbox", ["allow-forms", "allow-scripts"], id="a sandbox"),
        pytest.param("trusted-types", [], id="no trusted type policy at all"),
        pytest.param("trusted-types", ["'none'"], id="none, said so"),
        pytest.param("trusted-types", ["dompurify", "app#policy", "*"], id="names of policies"),
        pytest.param("require-trusted-types-for", ["'script'"], id="sinks"),
        pytest.param("webrtc", ["'block'"], id="webrtc"),
        pytest.param("report-to", ["reports"], id="an endpoint"),
        pytest.param("report-uri", ["https://r.example/csp?app=1", "/csp"], id="two places"),
        pytest.param("upgrade-insecure-requests", [], id="a switch"),
    ],
)
def test_what_a_directive_takes(directive: str, sources: list[str]) -> None:
    """It comes out as it went in."""
    assert render(ContentSecurityPolicy({directive: sources})) == " ".join([directive, *sources])


@pytest.mark.parametrize(
    ("directive", "sources", "message"),
    [
        pytest.param("img-src", [NONCE], r"no meaning there\. A nonce stands in script-src", id="nonce"),
        pytest.param("script-src", [STYLE_NONCE], "The style nonce stands in style-src", id="style nonce for scripts"),
        pytest.param("img-src", ["'unsafe-inline'"], "no meaning there. Leave it out", id="inline images"),
        pytest.param("frame-ancestors", ["'unsafe-inline'"], "no meaning there", id="inline frames"),
        pytest.param("connect-src", [HASH], "no meaning there", id="a hash for connections"),
        pytest.param("sandbox", ["allow-script"], "Did you mean 'allow-scripts'", id="misspelt sandbox token"),
        pytest.param("sandbox", ["'none'"], "does not know \"'none'\"", id="a keyword in a sandbox"),
        pytest.param("upgrade-insecure-requests", ["'self'"], "no meaning there", id="a switch with a value"),
        pytest.param("require-trusted-types-for", ["script"], "without its quotes", id="script without quotes"),
        pytest.param("require-trusted-types-for", [], "takes one value, not 0", id="nothing is required"),
        pytest.param("webrtc", ["'allow'", "'block'"], "takes one value, not 2", id="both"),
        pytest.param("report-to", ["a", "b"], "takes one value, not 2.*exactly one", id="two endpoints"),
        pytest.param("report-to", ["a b"], "no source expression", id="two endpoints in one"),
        pytest.param("report-uri", [], "takes a location, not 0.*at least one", id="no place"),
        pytest.param("report-uri", ["http://r.example/"], "no source expression", id="reports over plaintext"),
        pytest.param("report-uri", ["r.example/csp"], "no source expression", id="no scheme"),
        pytest.param("img-src", [], r"empty list, which browsers read as 'none'.*Write \[\"'none'\"\]", id="empty"),
        pytest.param("img-src", ["https://a.example?x"], "no source expression", id="a query"),
        pytest.param("img-src", ["https://"], "no source expression", id="no host"),
        pytest.param("img-src", ["*.*.example"], "no source expression", id="two stars"),
        pytest.param("img-src", ["a.example/#x"], "no source expression", id="a fragment"),
    ],
)
def test_what_a_directive_does_not_take(directive: str, sources: Any, message: str) -> None:
    """The message says where it belongs, or what to write."""
    with pytest.raises(ConfigurationError, match=message):
        ContentSecurityPolicy({directive: sources})


@pytest.mark.parametrize(("gone", "instead"), sorted(GONE.items()))
def test_a_directive_no_browser_honours(gone: str, instead: str) -> None:
    """It is refused, with what does its work."""
    with pytest.raises(ConfigurationError, match=f"{gone} is honoured by no browser. Use {instead} instead"):
        ContentSecurityPolicy({gone: []})


def test_the_table_of_fallbacks() -> None:
    """Every fallback is a fetch directive, and every chain ends at default-src (CSP 3 section 6.8.3)."""
    assert set(FALLBACKS) <= DIRECTIVES
    for name, chain in FALLBACKS.items():
        assert set(chain) <= set(FALLBACKS)
        assert name == "default-src" or chain[-1] == "default-src"
    assert not set(GONE) & DIRECTIVES


@pytest.mark.parametrize(
    ("before", "added", "value"),
    [
        pytest.param({"img-src": ["'self'"]}, {"img_src": ["data:"]}, "img-src 'self' data:", id="to what is there"),
        pytest.param({"img-src": ["'none'"]}, {"img_src": ["data:"]}, "img-src data:", id="to none"),
        pytest.param(
            {"default-src": ["'self'"]},
            {"img_src": ["data:"]},
            "default-src 'self'; img-src 'self' data:",
            id="to what a browser asks in its place",
        ),
        pytest.param(
            {"default-src": ["'none'"], "script-src": ["'self'"]},
            {"script_src_elem": [NONCE]},
            "default-src 'none'; script-src 'self'; script-src-elem 'self'",
            id="to the nearest of two",
        ),
        pytest.param({}, {"frame_ancestors": ["'self'"]}, "frame-ancestors 'self'", id="to nothing"),
        pytest.param({"img-src": ["data:"]}, {"img_src": ["data:"]}, "img-src data:", id="what is there already"),
        pytest.param({"sandbox": []}, {"sandbox": []}, "sandbox", id="nothing to a switch"),
    ],
)
def test_append(before: Any, added: Any, value: str) -> None:
    """One more host never takes away those allowed before."""
    assert render(ContentSecurityPolicy(before).append(**added)) == value


@pytest.mark.parametrize(
    ("added", "message"),
    [
        pytest.param({"image_src": ["data:"]}, "Did you mean 'img-src'", id="misspelt"),
        pytest.param({"img_src": "data:"}, "is one text", id="one text"),
        pytest.param({"img_src": ["a.example; script-src *"]}, "no source expression", id="another directive"),
        pytest.param({"img_src": ["'none'"]}, "'none' beside other sources", id="none to something"),
        pytest.param({"plugin_types": ["x/y"]}, "does not know 'plugin-types'", id="gone"),
    ],
)
def test_what_is_appended_is_checked(added: Any, message: str) -> None:
    """For a single request as well: this is the same check."""
    with pytest.raises(ConfigurationError, match=message):
        ContentSecurityPolicy({"img-src": ["'self'"]}).append(**added)
