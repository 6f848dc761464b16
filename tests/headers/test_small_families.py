"""The families of one or two directives: Integrity-, Document-Policy, Clear-Site-Data, caching, framing, types."""

from datetime import timedelta
from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import (
    ContentSecurityPolicy,
    HeadersPolicy,
    IntegrityPolicy,
    caching,
    clear_site_data,
    content_type,
    document_policy,
    framing,
    header_set,
    integrity,
    removal,
)


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (IntegrityPolicy(), ("integrity-policy", "blocked-destinations=(script)")),
        (
            IntegrityPolicy(blocked=["style", "script", "style"], report_only=True),
            ("integrity-policy-report-only", "blocked-destinations=(style script)"),
        ),
    ],
)
def test_integrity(policy: IntegrityPolicy, field: tuple[str, str]) -> None:
    """v5.0.0-3.6.1: each kind once."""
    assert integrity.render(policy) == field


@pytest.mark.parametrize(
    ("blocked", "message"), [("script", "no list"), ([], "no list"), (["scripts"], "Did you mean 'script'")]
)
def test_integrity_that_cannot_be_right(blocked: Any, message: str) -> None:
    """Nothing is dropped in silence."""
    with pytest.raises(ConfigurationError, match=message):
        IntegrityPolicy(blocked=blocked)


def test_document_policy() -> None:
    """Switches and numbers, in the order given."""
    features = {"js-profiling": True, "document-write": False, "oversized-images": 2.0, "unsized-media": 3}
    assert document_policy.render(features) == "js-profiling, document-write=?0, oversized-images=2.0, unsized-media=3"


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({}, "names no feature"),
        ({"document-writes": False}, "Did you mean 'document-write'"),
        ({"oversized-images": float("nan")}, "neither a switch nor a number"),
        ({"oversized-images": -1}, "neither"),
        ({"oversized-images": "2.0, x"}, "neither"),
    ],
)
def test_document_policy_that_cannot_be_right(features: Any, message: str) -> None:
    """A structured field ends where it is meant to."""
    with pytest.raises(ConfigurationError, match=message):
        document_policy.render(features)


@pytest.mark.parametrize(
    ("types", "value"),
    [
        pytest.param((), '"cookies","storage"', id="by default never the cache"),
        pytest.param((["cookies", "cookies"],), '"cookies"', id="each once"),
        pytest.param((["*"],), '"*"', id="everything"),
        pytest.param((["cache", "cookies", "storage"],), '"cache","cookies","storage"', id="as one suite compares it"),
    ],
)
def test_clear_site_data(types: Any, value: str) -> None:
    """v5.0.0-14.3.1: quoted strings."""
    assert clear_site_data.render(*types) == value


@pytest.mark.parametrize(
    ("types", "message"), [("cookies", "no list"), ([], "no list"), (["cookie"], "Did you mean 'cookies'")]
)
def test_clear_site_data_that_cannot_be_right(types: Any, message: str) -> None:
    """A misspelt type would clear nothing."""
    with pytest.raises(ConfigurationError, match=message):
        clear_site_data.render(types)


@pytest.mark.parametrize(
    ("choices", "value"),
    [
        pytest.param({}, "private, no-store", id="no copy"),
        pytest.param({"max_age": timedelta(minutes=1)}, "private, max-age=60", id="the browser's own"),
        pytest.param(
            {"max_age": timedelta(0), "private": False, "must_revalidate": True},
            "public, max-age=0, must-revalidate",
            id="asked again each time",
        ),
        pytest.param(
            {"max_age": timedelta(days=1), "private": False, "immutable": True},
            "public, max-age=86400, immutable",
            id="a file with a hash in its name",
        ),
    ],
)
def test_caching(choices: Any, value: str) -> None:
    """v5.0.0-14.2.2, v5.0.0-14.3.2."""
    assert caching.render(**choices) == value
    assert caching.checked("cache_control", value) == value


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"immutable": True}, "nothing more can be said"),
        ({"private": False}, "nothing more can be said"),
        ({"must_revalidate": True}, "nothing more can be said"),
        ({"max_age": 60}, "is no duration"),
        ({"max_age": timedelta(seconds=-1)}, "is no duration"),
    ],
)
def test_caching_that_cannot_be_right(choices: Any, message: str) -> None:
    """What contradicts itself is not guessed at."""
    with pytest.raises(ConfigurationError, match=message):
        caching.render(**choices)


@pytest.mark.parametrize(
    "value", ['public, ext="a, private', "max-age=60; public", "no cache", ", ,", 'x="a\\""', "a="]
)
def test_caching_that_is_no_list(value: str) -> None:
    """RFC 9111 section 5.2: caches read it in different ways, so that it stops the start-up."""
    with pytest.raises(ConfigurationError, match=r"cache_control=.* is no list of Cache-Control directives"):
        HeadersPolicy(cache_control=value)


@pytest.mark.parametrize("value", ["private", "max-age=60, immutable", 'no-cache="set-cookie, x-a"', 'x="",private'])
def test_caching_that_is_a_list(value: str) -> None:
    """Names alone, with a token and with quotes, as they were written."""
    assert HeadersPolicy(cache_control=value).cache_control == value


@pytest.mark.parametrize(
    ("ancestors", "value"),
    [
        pytest.param(["'none'"], "DENY", id="nobody"),
        pytest.param(["'self'"], "SAMEORIGIN", id="ourselves"),
        pytest.param(["https://portal.example"], None, id="another: no word for it"),
        pytest.param(["'self'", "https://portal.example"], None, id="ourselves and another"),
        pytest.param(None, "DENY", id="nothing said"),
    ],
)
def test_framing(ancestors: list[str] | None, value: str | None) -> None:
    """X-Frame-Options never contradicts frame-ancestors: v5.0.0-3.4.6, v4.0.3-14.4.7."""
    more = {} if ancestors is None else {"frame-ancestors": ancestors}
    policy = ContentSecurityPolicy({"default-src": ["'self'"], **more})
    assert framing.render(policy) == value
    headers = header_set("web", HeadersPolicy(csp=policy), level=1)
    assert dict(headers.always).get(b"x-frame-options") == (None if value is None else value.encode())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"text/html", b"text/html; charset=utf-8"),
        (b"text/html;", b"text/html; charset=utf-8"),
        (b"TEXT/CSS ; x=1", b"TEXT/CSS ; x=1; charset=utf-8"),
        (b"image/svg+xml", b"image/svg+xml; charset=utf-8"),
        (b"application/xml", b"application/xml; charset=utf-8"),
        (b"application/javascript", b"application/javascript; charset=utf-8"),
        (b"text/html; Charset=latin-1", b"text/html; Charset=latin-1"),
        (b"application/json", b"application/json"),
        (b"application/octet-stream", b"application/octet-stream"),
        (b"", b""),
        (b"\xff", b"\xff"),
    ],
)
def test_charset(given: bytes, expected: bytes) -> None:
    """v5.0.0-4.1.1: text says its charset; JSON has none; what the app said stays."""
    assert content_type.with_charset(given) == expected


def test_attachment() -> None:
    """v4.0.3-14.4.2: on calls alone, under a plain name."""
    chosen = HeadersPolicy(attachment="orders.json")
    name = b"content-disposition"
    assert dict(header_set("api", chosen, level=2).always)[name] == b'attachment; filename="orders.json"'
    assert name not in dict(header_set("web", chosen, level=2).always)


@pytest.mark.parametrize("name", ["", ".htaccess", 'a"; x="b', "a/b", "ä.json", "a\n", None])
def test_a_file_name_that_is_none(name: Any) -> None:
    """Nothing written as a name can be more."""
    with pytest.raises(ConfigurationError, match="no plain file name"):
        content_type.attachment(name)


def test_removals() -> None:
    """The two lists, and the operator's own in whatever letters."""
    assert {b"server", b"x-powered-by", b"x-xss-protection", b"x-mine"} <= removal.removals(["X-Mine"])
    assert all(name == name.lower() for name in removal.removals())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("Server", "one text"),
        (["Content-Type"], "broken without it"),
        (["Set-Cookie"], "broken without it"),
        ([""], "no field name"),
        (["X Y"], "no field name"),
        (["ä"], "no field name"),
        ([b"server"], "no field name"),
    ],
)
def test_removals_that_cannot_be_right(names: Any, message: str) -> None:
    """No response is broken by its own defence."""
    with pytest.raises(ConfigurationError, match=message):
        removal.removals(names)
