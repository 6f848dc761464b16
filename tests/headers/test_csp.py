"""Content-Security-Policy: v5.0.0-3.4.3. A mistake stops the start-up; nothing written as a source can be more."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import NONCE, STYLE_NONCE, ContentSecurityPolicy
from asvs_middleware.headers.csp import DIRECTIVES, render, render_around_nonce

HASH = "'sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc='"


@pytest.mark.parametrize(
    ("directives", "value"),
    [
        pytest.param({"default-src": ["'none'"]}, "default-src 'none'", id="a keyword"),
        pytest.param({"script-src": ["'self'", HASH]}, f"script-src 'self' {HASH}", id="a hash"),
        pytest.param(
            {"img-src": ["https://cdn.example:8443/a/", "data:"]},
            "img-src https://cdn.example:8443/a/ data:",
            id="a host and a scheme",
        ),
        pytest.param({"img-src": ["*.cdn.example"]}, "img-src *.cdn.example", id="a wildcard host"),
        pytest.param({"upgrade-insecure-requests": []}, "upgrade-insecure-requests", id="no sources"),
        pytest.param({"sandbox": ["allow-scripts"]}, "sandbox allow-scripts", id="a sandbox token"),
        pytest.param(
            {"trusted-types": ["none", "'allow-duplicates'"]},
            "trusted-types none 'allow-duplicates'",
            id="a policy that is named none",
        ),
        pytest.param(
            {"require-trusted-types-for": ["'script'"]}, "require-trusted-types-for 'script'", id="trusted types"
        ),
        pytest.param({"report-to": ["self"]}, "report-to self", id="an endpoint that is named self"),
        pytest.param({"report-uri": ["/csp?app=1"]}, "report-uri /csp?app=1", id="a path"),
        pytest.param(
            {"base-uri": ["'none'"], "default-src": ["'self'"]},
            "base-uri 'none'; default-src 'self'",
            id="in the order given",
        ),
        pytest.param({}, "", id="nothing"),
    ],
)
def test_render(directives: dict[str, list[str]], value: str) -> None:
    """Directives and sources come out as they were written; without a nonce both renderings agree."""
    policy = ContentSecurityPolicy(directives)
    assert render(policy) == value
    assert render_around_nonce(policy) == (value,)


@pytest.mark.parametrize(
    ("directives", "message"),
    [
        pytest.param(
            {"scirpt-src": []}, r"does not know 'scirpt-src'\. Did you mean 'script-src'\?", id="misspelt directive"
        ),
        pytest.param({"Script-Src": []}, "does not know 'Script-Src'", id="directive in capitals"),
        pytest.param({"script-src ": []}, "does not know 'script-src '", id="directive with a space"),
        pytest.param({"script-src;x": []}, "does not know 'script-src;x'", id="directive with a semicolon"),
        pytest.param({"": []}, "does not know ''", id="directive without a name"),
        pytest.param(
            {"script-src": "'self' cdn.example"},
            r"is one text\. Write a list of .*: \[\"'self'\", 'cdn\.example'\]",
            id="one text instead of a list",
        ),
        pytest.param(
            {"script-src": ["self"]}, r"""holds self without its quotes.*Write "'self'"\.""", id="self without quotes"
        ),
        pytest.param({"script-src": ["None"]}, "holds None without its quotes", id="none in capitals without quotes"),
        pytest.param({"script-src": ["unsafe-inline"]}, "without its quotes", id="unsafe-inline without quotes"),
        pytest.param({"script-src": ["nonce"]}, "without its quotes", id="nonce without quotes"),
        pytest.param({"script-src": [HASH.strip("'")]}, "holds sha256-.* without its quotes", id="hash without quotes"),
        pytest.param({"script-src": ["'selff'"]}, "which is no source expression", id="misspelt keyword"),
        pytest.param({"script-src": ["'nonce-abc'"]}, "which is no source expression", id="a nonce that never changes"),
        pytest.param({"script-src": ["'md5-abc='"]}, "which is no source expression", id="a hash no browser knows"),
        pytest.param({"script-src": ["'self"]}, "which is no source expression", id="one quote"),
        pytest.param({"script-src": ['"self"']}, "which is no source expression", id="double quotes"),
        pytest.param({"script-src": ["'self' cdn.example"]}, "one list item for each", id="two in one item"),
        pytest.param({"script-src": ["cdn.example;"]}, "which is no source expression", id="semicolon"),
        pytest.param(
            {"script-src": ["a.example; script-src *"]}, "which is no source expression", id="another directive"
        ),
        pytest.param(
            {"script-src": ["a.example,b.example"]}, "which is no source expression", id="comma: a second policy"
        ),
        pytest.param(
            {"script-src": ["a.example\nx: y"]}, "which is no source expression", id="line end: a second field"
        ),
        pytest.param({"script-src": [HASH + "\n"]}, "which is no source expression", id="line end after a hash"),
        pytest.param({"script-src": ["a.example\0"]}, "which is no source expression", id="NUL"),
        pytest.param({"script-src": ["bücher.example"]}, "which is no source expression", id="not ASCII"),
        pytest.param({"script-src": [""]}, "which is no source expression", id="empty"),
        pytest.param({"script-src": [None]}, "holds None, which is no source expression", id="nothing"),
        pytest.param({"script-src": [b"'self'"]}, "which is no source expression", id="bytes"),
        pytest.param(
            {"script-src": ["'none'", "'self'"]},
            "'none' beside other sources: browsers then ignore it",
            id="none and something",
        ),
    ],
)
def test_a_policy_that_cannot_be_right_stops_the_start_up(directives: Any, message: str) -> None:
    """The message shows the directive, what it holds, and what to write."""
    with pytest.raises(ConfigurationError, match=message):
        ContentSecurityPolicy(directives)


@pytest.mark.parametrize(
    ("sources", "without", "with_one"),
    [
        pytest.param([NONCE], "'none'", "'nonce-R4'", id="nonces alone"),
        pytest.param(["'self'", NONCE], "'self'", "'self' 'nonce-R4'", id="own scripts and nonces"),
        pytest.param([NONCE, "'strict-dynamic'"], "'none'", "'nonce-R4' 'strict-dynamic'", id="strict-dynamic"),
        pytest.param(
            [NONCE, "'unsafe-inline'"], "'none'", "'nonce-R4' 'unsafe-inline'", id="unsafe-inline for old browsers"
        ),
        pytest.param(
            [NONCE, "'strict-dynamic'", "https:", "'self'", "'unsafe-inline'"],
            "'none'",
            "'nonce-R4' 'strict-dynamic' https: 'self' 'unsafe-inline'",
            id="all that old browsers need",
        ),
        pytest.param(
            [NONCE, "'strict-dynamic'", HASH, "https:"],
            f"'strict-dynamic' {HASH}",
            f"'nonce-R4' 'strict-dynamic' {HASH} https:",
            id="a hash stays, and what it may load",
        ),
    ],
)
def test_a_response_without_a_nonce_is_no_laxer(sources: list[str], without: str, with_one: str) -> None:
    """What browsers ignore beside a nonce does not come to life where the response asked for none."""
    policy = ContentSecurityPolicy({"script-src": sources})
    assert render(policy) == f"script-src {without}"
    assert "R4".join(render_around_nonce(policy)) == f"script-src {with_one}"


def test_a_nonce_stands_wherever_it_was_placed() -> None:
    """Two places give three pieces."""
    policy = ContentSecurityPolicy({"script-src": [NONCE], "style-src": ["'self'", NONCE], "img-src": ["'self'"]})
    assert render_around_nonce(policy) == ("script-src 'nonce-", "'; style-src 'self' 'nonce-", "'; img-src 'self'")


def test_replace() -> None:
    """Directives are put in, changed in place, and left out; the policy itself stays as it is."""
    policy = ContentSecurityPolicy({"default-src": ["'none'"], "script-src": ["'self'"]})
    changed = policy.replace(script_src=["https://cdn.example"], img_src=["data:"], default_src=None)
    assert render(changed) == "script-src https://cdn.example; img-src data:"
    assert render(policy) == "default-src 'none'; script-src 'self'"
    with pytest.raises(ConfigurationError, match="Did you mean 'img-src'"):
        policy.replace(image_src=[])


def test_a_policy_does_not_change_afterwards() -> None:
    """The lists it was made from may; the policy holds copies."""
    sources = ["'self'"]
    policy = ContentSecurityPolicy({"script-src": sources})
    sources.append("*")
    assert render(policy) == "script-src 'self'"
    with pytest.raises(TypeError, match="does not support item assignment"):
        policy.directives["script-src"] = ["*"]  # type: ignore[index]


BOTH = ContentSecurityPolicy({"script-src": [NONCE, "'strict-dynamic'"], "style-src": ["'self'", STYLE_NONCE]})


@pytest.mark.parametrize(
    ("nonces", "value"),
    [
        pytest.param({}, "script-src 'none'; style-src 'self'", id="none"),
        pytest.param({"nonce": "R4+/_-=="}, "script-src 'nonce-R4+/_-==' 'strict-dynamic'; style-src 'self'", id="one"),
        pytest.param(
            {"nonce": "R4", "style_nonce": "S5"},
            "script-src 'nonce-R4' 'strict-dynamic'; style-src 'self' 'nonce-S5'",
            id="both",
        ),
    ],
)
def test_the_value_for_one_request(nonces: Any, value: str) -> None:
    """What the layer would send for a response with these nonces."""
    assert BOTH.value(**nonces) == value


@pytest.mark.parametrize("name", ["nonce", "style_nonce"])
@pytest.mark.parametrize("given", ["", "a b", "a'; script-src *", "R4\n", "a=b", b"R4", 4], ids=repr)
def test_what_is_no_nonce(name: str, given: Any) -> None:
    """It could end its source; it is refused, and not repeated."""
    with pytest.raises(ConfigurationError, match=r"^A nonce is no base64 text\. Give csp_nonce"):
        BOTH.value(**{name: given})


Source = st.text(max_size=30) | st.text("aA.*:/-'\";, \n\0", max_size=12) | st.sampled_from([HASH, "'self'", NONCE])


@given(st.sampled_from(sorted(DIRECTIVES)), st.lists(Source, max_size=3))
def test_no_source_can_become_more(directive: str, sources: list[str]) -> None:
    """Whatever is accepted is one directive in one policy in one field, with as many sources as were written."""
    try:
        policy = ContentSecurityPolicy({directive: sources})
    except ConfigurationError:
        return
    value = "R4".join(render_around_nonce(policy))
    assert value.isascii()
    assert value.isprintable()
    assert not set(value) & set(";,")
    assert len(value.split(" ")) == 1 + len(sources)
    assert render(policy).split(" ")[0] == directive
