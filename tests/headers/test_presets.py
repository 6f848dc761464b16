"""The headers of the presets, by ASVS level."""

from datetime import timedelta
from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import (
    CSP_NAME,
    NONCE,
    ContentSecurityPolicy,
    HeadersPolicy,
    HSTSPolicy,
    Preload,
    Preset,
    header_set,
)

REQUIRED = ContentSecurityPolicy(
    {"default-src": ["'none'"], "object-src": ["'none'"], "base-uri": ["'none'"], "frame-ancestors": ["'none'"]}
)


def sent(preset: Preset, level: int = 2, **choices: Any) -> dict[str, str]:
    """Return every header of a preset over TLS, as text; none may stand there twice."""
    headers = header_set(preset, HeadersPolicy(**choices), level=level)
    pairs = [*headers.always, headers.hsts, headers.csp]
    assert len({name for name, _ in pairs}) == len(pairs)
    assert all(name == name.lower() for name, _ in pairs)
    return {name.decode(): value.decode() for name, value in pairs}


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize(
    ("preset", "own"),
    [
        ("api", {"cross-origin-embedder-policy": "require-corp", "referrer-policy": "no-referrer"}),
        ("web", {"x-frame-options": "DENY", "referrer-policy": "strict-origin-when-cross-origin"}),
    ],
)
def test_every_header_of_a_preset(preset: Preset, own: dict[str, str], level: int) -> None:
    """These and no others: each costs time on every response."""
    headers = sent(preset, level)
    assert headers.pop("permissions-policy").startswith("accelerometer=(), ")
    policy = headers.pop("content-security-policy")
    assert ("report-to reports; report-uri /.well-known/reports" in policy) is (level == 3)
    reporting = {"reporting-endpoints": 'reports="/.well-known/reports"'} if level == 3 else {}
    if level == 3:
        own = {name: value + '; report-to="reports"' * name.endswith("embedder-policy") for name, value in own.items()}
    assert headers == own | reporting | {
        "x-content-type-options": "nosniff",
        "cross-origin-opener-policy": "same-origin" + '; report-to="reports"' * (level == 3),
        "cross-origin-resource-policy": "same-origin",
        "strict-transport-security": "max-age=31536000" + ("; includeSubDomains" if level >= 2 else ""),
    }


def test_the_policy_of_an_api() -> None:
    """JSON needs nothing."""
    expected = "default-src 'none'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'"
    assert sent("api")["content-security-policy"] == expected


@pytest.mark.parametrize(
    ("level", "without", "with_one"),
    [
        (1, "script-src 'self'", "script-src 'self' 'nonce-R4'"),
        (2, "script-src 'self'", "script-src 'self' 'nonce-R4'"),
        (3, "script-src 'none'", "script-src 'nonce-R4' 'strict-dynamic'"),
    ],
)
def test_the_policy_of_pages(level: int, without: str, with_one: str) -> None:
    """Own scripts below level 3, nonces alone at level 3; and at every level what v5.0.0-3.4.3 and 3.4.6 ask for."""
    headers = header_set("web", HeadersPolicy(), level=level)
    for value, scripts in ((headers.csp[1], without), (b"R4".join(headers.csp_around_nonce), with_one)):
        directives = value.decode().split("; ")
        assert scripts in directives
        assert {"default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(
            directives
        )


def test_what_an_operator_chose() -> None:
    """Each choice replaces the preset's own value and nothing else."""
    chosen = sent(
        "web",
        hsts=HSTSPolicy(
            max_age=timedelta(days=730),
            preload=Preload(domain="example.com", confirmed="operations checked every subdomain"),
        ),
        csp=REQUIRED,
        referrer="same-origin",
        permissions={"camera": ["self"]},
    )
    assert chosen.pop("strict-transport-security") == "max-age=63072000; includeSubDomains; preload"
    expected = "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    assert chosen.pop("content-security-policy") == expected
    assert chosen.pop("referrer-policy") == "same-origin"
    assert "camera=(self)" in chosen.pop("permissions-policy")
    assert chosen.items() <= sent("web").items()


@pytest.mark.parametrize(
    ("changes", "level", "message"),
    [
        pytest.param(
            {"object_src": None},
            2,
            r"misses level 2: no object-src \(v5\.0\.0-3\.4\.3, v4\.0\.3-14\.4\.3\)\. Send object-src 'none'",
            id="no object-src",
        ),
        pytest.param(
            {"object_src": ["'self'"]}, 2, "object-src 'self' .*Send object-src 'none'", id="object-src is self"
        ),
        pytest.param({"base_uri": None}, 3, "level 3: .*no base-uri .*Send base-uri 'none'", id="no base-uri"),
        pytest.param({"base_uri": ["'self'"]}, 2, "base-uri 'self' .*Send base-uri 'none'", id="base-uri is self"),
        pytest.param({"frame_ancestors": None}, 2, r"no frame-ancestors \(v5\.0\.0-3\.4\.6", id="no frame-ancestors"),
        pytest.param({"default_src": None}, 2, "neither script-src nor default-src.*Say where", id="no script-src"),
        pytest.param(
            {"script_src": ["'self'"]},
            3,
            "scripts by 'self', without nonce or hash.*At level 3 let",
            id="own scripts at level 3",
        ),
        pytest.param({"default_src": ["'self'"]}, 3, "without nonce or hash", id="own everything at level 3"),
        pytest.param({"script_src": [NONCE, "*"]}, 3, r"scripts from .*\*", id="a nonce, and anybody"),
        pytest.param({"script_src": [NONCE, "https:"]}, 2, "scripts from .*https:", id="a nonce, and any https host"),
        pytest.param({"script_src": ["https://*:443"]}, 2, "scripts from https://", id="any host in other words"),
        pytest.param({"script_src": ["'unsafe-inline'"]}, 2, "scripts from 'unsafe-inline'", id="inline script"),
        pytest.param(
            {"script_src": [NONCE], "script_src_elem": ["*"]}, 2, r"scripts from \*", id="elements from anywhere"
        ),
        pytest.param(
            {"script_src": [NONCE], "script_src_attr": ["'unsafe-inline'"]},
            2,
            "scripts from 'unsafe-inline'",
            id="inline handlers",
        ),
        pytest.param({"script_src": [NONCE, "cdn.example"]}, 3, "without nonce or hash", id="a nonce, and a host"),
        pytest.param({"frame_ancestors": ["*"]}, 2, r"frame-ancestors \* \(v5\.0\.0-3\.4\.6", id="framed by anyone"),
    ],
)
def test_a_policy_below_the_level_stops_the_start_up(changes: Any, level: int, message: str) -> None:
    """A level is what was asked for; a policy that misses it is said at the start, with the way out."""
    with pytest.raises(ConfigurationError, match=message):
        header_set("web", HeadersPolicy(csp=REQUIRED.replace(**changes)), level=level)


@pytest.mark.parametrize(
    ("choices", "preset", "message"),
    [
        pytest.param({"csp": ContentSecurityPolicy({})}, "web", "v4.0.3-14.4.3", id="no policy"),
        pytest.param({"csp": REQUIRED.replace(frame_ancestors=["*"])}, "web", "v4.0.3-14.4.7", id="framed by anyone"),
        pytest.param({"referrer": "unsafe-url"}, "web", "unsafe-url .*v4.0.3-14.4.6", id="whole URL"),
        pytest.param({"referrer": "no-referrer-when-downgrade"}, "api", "v4.0.3-14.4.6", id="whole URL over TLS"),
    ],
)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_what_every_level_asks_for(choices: Any, preset: Any, message: str, level: int) -> None:
    """What 4.0.3 asks for at level 1 is asked for there, though 5.0.0 begins with level 2."""
    with pytest.raises(ConfigurationError, match=rf"misses level {level}: .*{message}"):
        sent(preset, level, **choices)


@pytest.mark.parametrize(
    ("sources", "level"),
    [
        pytest.param([NONCE, "'strict-dynamic'", "'unsafe-eval'"], 3, id="eval beside strict-dynamic"),
        pytest.param([NONCE, "'unsafe-eval'"], 3, id="eval beside a nonce"),
        pytest.param(["'unsafe-eval'"], 3, id="eval alone"),
        pytest.param([NONCE, "'strict-dynamic'", "'unsafe-inline'"], 3, id="what a nonce switches off"),
        pytest.param(["'self'", "'unsafe-eval'"], 2, id="eval at level 2"),
    ],
)
def test_eval(sources: list[str], level: int) -> None:
    """A nonce does not switch it off, and `'strict-dynamic'` neither: at level 3 it is script without a name."""
    policy = HeadersPolicy(csp=REQUIRED.replace(script_src=sources))
    if level < 3 or "'unsafe-eval'" not in sources:
        assert header_set("web", policy, level=level)  # type: ignore[arg-type]
        return
    with pytest.raises(ConfigurationError, match="scripts by 'unsafe-eval', without nonce or hash"):
        header_set("web", policy, level=level)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        pytest.param(
            {"object_src": None, "base_uri": None, "frame_ancestors": None, "default_src": ["*"]}, 1, id="level 1"
        ),
        pytest.param({"frame_ancestors": ["https://portal.example"]}, 3, id="a frame at level 3"),
        pytest.param({"script_src": [NONCE]}, 3, id="nonces at level 3"),
        pytest.param(
            {"script_src": [NONCE, "'strict-dynamic'", "https:", "'unsafe-inline'"]},
            3,
            id="what strict-dynamic ignores",
        ),
        pytest.param({"default_src": ["'self'"], "script_src": [NONCE]}, 3, id="own images at level 3"),
        pytest.param({"script_src": [NONCE, "'unsafe-inline'"]}, 2, id="inline for browsers that know no nonce"),
        pytest.param({"script_src": ["cdn.example", "https://*.shop.example"]}, 2, id="an allowlist"),
        pytest.param(
            {"script_src": ["'sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc='"]}, 3, id="hashes at level 3"
        ),
        pytest.param({"default_src": None, "script_src": ["'self'"]}, 2, id="scripts without a default"),
    ],
)
def test_a_policy_that_meets_its_level(changes: Any, level: int) -> None:
    """Level 1 asks for a policy, the others for few directives, and all leave the rest to the operator."""
    assert header_set("web", HeadersPolicy(csp=REQUIRED.replace(**changes)), level=level).csp[0] == CSP_NAME


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"referrer": "no-referer"}, "Did you mean 'no-referrer'"),
        ({"permissions": {"camera": ["none"]}}, "no allowlist item"),
    ],
)
def test_a_bad_choice_is_found_when_the_headers_are_rendered(choices: Any, message: str) -> None:
    """That is at the start, before any request."""
    with pytest.raises(ConfigurationError, match=message):
        header_set("api", HeadersPolicy(**choices), level=2)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param(
            {"hsts": HSTSPolicy(include_subdomains=False)}, r"v5\.0\.0-3\.4\.1 asks for subdomains", id="HSTS"
        ),
    ],
)
def test_what_level_one_alone_allows(choices: Any, message: str) -> None:
    """From level 2 HSTS covers subdomains."""
    assert sent("web", 1, **choices)
    for level in (2, 3):
        with pytest.raises(ConfigurationError, match=message):
            sent("web", level, **choices)
