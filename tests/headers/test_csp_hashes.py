"""Hashes for inline code: v5.0.0-3.4.3."""

from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import ContentSecurityPolicy, csp_hash, inline_code
from asvs_middleware.headers.csp import render


def by_hand(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        pytest.param("alert('Hello, world.');", "alert('Hello, world.');", id="the example of CSP 3"),
        pytest.param("a\r\nb\rc\n", "a\nb\nc\n", id="line ends as a browser reads them"),
        pytest.param(" x ", " x ", id="spaces count"),
        pytest.param("ä\0", "ä\ufffd", id="UTF-8, and NUL as an HTML parser reads it"),
    ],
)
def test_csp_hash(text: str, hashed: str) -> None:
    """Everything between the tags, exactly."""
    assert csp_hash(text) == by_hand(hashed)


def test_algorithms() -> None:
    """The three CSP knows, each accepted in a policy; no other."""
    for algorithm in ("sha256", "sha384", "sha512"):
        source = csp_hash("x", algorithm=algorithm)  # type: ignore[arg-type]
        assert ContentSecurityPolicy({"script-src": [source]})
    for function in (csp_hash, inline_code):
        with pytest.raises(ConfigurationError, match="does not know 'md5'"):
            function("x", algorithm="md5")  # type: ignore[operator]


PAGE = """<!doctype html><html><head>
<script>boot();</script>
<SCRIPT TYPE="module">import "x";</SCRIPT>
<script src="/app.js"></script>
<script type="application/json">{"a": 1}</script>
<style>p > a { color: red }</style>
<!-- <script>not();</script> -->
</head><body><script>boot();</script><script></script></body></html>"""


def test_a_single_page_app() -> None:
    """Inline code once each, in order; files, data and comments need no hash."""
    found = inline_code(PAGE)
    assert found.scripts == (by_hand("boot();"), by_hand('import "x";'), by_hand(""))
    assert found.styles == (by_hand("p > a { color: red }"),)
    assert found.attributes == ()
    policy = found.allowed_by(ContentSecurityPolicy({"default-src": ["'none'"], "script-src": ["'self'"]}))
    assert render(policy) == (
        f"default-src 'none'; script-src 'self' {' '.join(found.scripts)}; style-src {found.styles[0]}"
    )


def test_a_page_without_inline_code() -> None:
    """Its policy stays as it is."""
    policy = ContentSecurityPolicy({"script-src": ["'self'"]})
    assert inline_code("<p>x</p>").allowed_by(policy) == policy


def test_code_in_attributes_is_named() -> None:
    """No hash of ours allows it, and it would silently not run."""
    found = inline_code('<button onclick="go()"><p style="color: red">')
    assert found.attributes == ("button onclick", "p style")
    with pytest.raises(ConfigurationError, match=r"button onclick, p style\. Move it into a script"):
        found.allowed_by(ContentSecurityPolicy({}))


@given(st.text(max_size=60) | st.text("<!-[]/scriptyle >\"'=&;\n", max_size=60))
def test_any_page(html: Any) -> None:
    """Hashes or our error, and every hash may stand in a policy."""
    try:
        found = inline_code(html)
    except ConfigurationError:
        return
    ContentSecurityPolicy({"script-src": ["'self'", *found.scripts, *found.styles]})


def test_a_page_no_parser_understands() -> None:
    """Older versions of html.parser give up on a malformed marked section; newer ones read it as a comment."""
    try:
        assert inline_code("<![foo[x]]>").scripts == ()
    except ConfigurationError as error:
        assert "no HTML that can be read" in str(error)  # noqa: PT017  # Which of the two depends on Python.
