"""The compact JWS, in one spelling; every refusal here comes before a key is looked for."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwt.utils import base64url_encode

from asvs_middleware.errors import TokenRefused
from asvs_middleware.tokens.jws import LONGEST_HEADER, LONGEST_TOKEN, parse_compact

ALLOWED = frozenset({"ES256", "RS256"})
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "k"}


def compact(header: Any = HEADER, payload: bytes = b"{}", signature: bytes = b"s") -> str:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return b".".join(map(base64url_encode, (text, payload, signature))).decode()


def without(name: str) -> dict[str, Any]:
    return {member: value for member, value in HEADER.items() if member != name}


def test_parse() -> None:
    """The parts come out as they went in, and the payload says in its name that nobody vouches for it."""
    jws = parse_compact(compact(payload=b"foo", signature=b"bar"), algorithms=ALLOWED)
    assert (jws.algorithm, jws.kid, jws.type) == ("ES256", "k", "at+jwt")
    assert (jws.unverified_payload, jws.signature) == (b"foo", b"bar")
    assert jws.signing_input.decode() == compact(payload=b"foo", signature=b"bar").rpartition(".")[0]
    assert "foo" not in repr(jws)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(without("kid"), id="no kid"),
        pytest.param(without("typ"), id="no typ: the verifier's business"),
        pytest.param({**HEADER, "x5t": "abc", "nonce": "n"}, id="members that change nothing"),
        pytest.param({**HEADER, "kid": ""}, id="empty kid"),
        pytest.param({**HEADER, "kid": "k" * 256}, id="longest kid"),
        pytest.param(b' { "alg" :\n"ES256"}', id="white space"),
    ],
)
def test_headers_that_pass(header: Any) -> None:
    """RFC 7515 section 4: members that are not understood and not critical are ignored."""
    assert parse_compact(compact(header), algorithms=ALLOWED).algorithm == "ES256"


@pytest.mark.parametrize(
    ("header", "match"),
    [
        pytest.param(without("alg"), "alg is not in the allow list", id="no alg"),
        pytest.param({**HEADER, "alg": None}, "alg is not in the allow list", id="alg null"),
        pytest.param({**HEADER, "alg": ["ES256"]}, "alg is not in the allow list", id="alg list"),
        pytest.param({**HEADER, "alg": "none"}, "alg is not in the allow list", id="alg none"),
        pytest.param({**HEADER, "alg": "nOnE"}, "alg is not in the allow list", id="alg nOnE"),
        pytest.param({**HEADER, "alg": ""}, "alg is not in the allow list", id="alg empty"),
        pytest.param({**HEADER, "alg": "es256"}, "alg is not in the allow list", id="alg in lower case"),
        pytest.param({**HEADER, "alg": "ES256 "}, "alg is not in the allow list", id="alg with a space"),
        pytest.param({**HEADER, "alg": "S256"}, "alg is not in the allow list", id="CVE-2026-48523: part of a name"),
        pytest.param({**HEADER, "alg": "HS256"}, "alg is not in the allow list", id="CVE-2022-29217: HS256"),
        pytest.param({**HEADER, "alg": "PS256"}, "alg is not in the allow list", id="known, not allowed"),
        pytest.param({**HEADER, "crit": ["exp"], "exp": 1}, "crit or b64", id="CVE-2026-32597: crit"),
        pytest.param({**HEADER, "crit": ["x"]}, "crit or b64", id="CVE-2025-59420: unknown crit"),
        pytest.param({**HEADER, "crit": []}, "crit or b64", id="empty crit"),
        pytest.param({**HEADER, "crit": None}, "crit or b64", id="crit null"),
        pytest.param({**HEADER, "crit": "b64"}, "crit or b64", id="crit is no list"),
        pytest.param({**HEADER, "crit": ["b64"], "b64": True}, "crit or b64", id="b64 true in crit"),
        pytest.param({**HEADER, "crit": ["b64"], "b64": False}, "crit or b64", id="CVE-2026-48525: b64 false"),
        pytest.param({**HEADER, "b64": False}, "crit or b64", id="b64 without crit"),
        pytest.param({**HEADER, "jwk": {"kty": "EC"}}, "brings its own key", id="CVE-2026-27962: jwk"),
        pytest.param({**HEADER, "jku": "https://evil.example"}, "brings its own key", id="jku"),
        pytest.param({**HEADER, "x5u": "https://evil.example"}, "brings its own key", id="x5u"),
        pytest.param({**HEADER, "x5c": []}, "brings its own key", id="x5c"),
        pytest.param({**HEADER, "jwk": None}, "brings its own key", id="jwk null"),
        pytest.param({**HEADER, "kid": 1}, "kid is not text", id="kid number"),
        pytest.param({**HEADER, "kid": ["k"]}, "kid is not text", id="kid list"),
        pytest.param({**HEADER, "kid": None}, "kid is not text", id="kid null"),
        pytest.param({**HEADER, "kid": "k" * 257}, "kid is too long", id="kid of 257 bytes"),
        pytest.param({**HEADER, "kid": "é" * 129}, "kid is too long", id="kid of 258 bytes in 129 characters"),
        pytest.param({**HEADER, "typ": 1}, "typ is not text", id="typ number"),
        pytest.param({**HEADER, "typ": None}, "typ is not text", id="typ null"),
        pytest.param([], "not a JSON object", id="header list"),
        pytest.param(b"", "not a strict JSON document", id="empty header"),
        pytest.param(b'{"alg":"none","alg":"ES256"}', "not a strict JSON document", id="alg twice"),
        pytest.param(b'\xef\xbb\xbf{"alg":"ES256"}', "not a strict JSON document", id="byte order mark"),
        pytest.param('{"alg":"ES256"}'.encode("utf-16"), "not a strict JSON document", id="UTF-16"),
        pytest.param(b'{"alg":"ES256","a":NaN}', "not a strict JSON document", id="NaN"),
        pytest.param(b'{"alg":"ES256","kid":"\\ud800"}', "not a strict JSON document", id="lone surrogate"),
        pytest.param(b'{"alg":"ES256","a":' + b"[" * 90 + b"]" * 90 + b"}", "not a strict", id="nested"),
        pytest.param({**HEADER, "a": "x" * LONGEST_HEADER}, "header is longer than", id="large header"),
    ],
)
def test_headers_that_are_refused(header: Any, match: str) -> None:
    """Every header that would change how the rest is read, or that two parsers could read differently."""
    with pytest.raises(TokenRefused, match=match) as refused:
        parse_compact(compact(header), algorithms=ALLOWED)
    assert (refused.value.status, refused.value.code) == (401, "invalid_token")
    assert refused.value.headers[0][1].startswith(b'Bearer error="invalid_token"')


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        pytest.param("", "no JWS in the compact", id="empty"),
        pytest.param("abc", "no JWS in the compact", id="one segment: an opaque token"),
        pytest.param("a.b", "does not have three segments", id="two segments"),
        pytest.param("a.b.c.d", "does not have three segments", id="four segments"),
        pytest.param("a.b.c.d.e", "encrypted", id="CVE-2024-28102, CVE-2026-27932: JWE"),
        pytest.param(compact({**HEADER, "zip": "DEF", "p2c": 10**9}) + ".a.b", "encrypted", id="CVE-2023-6681: PBES2"),
        pytest.param("." * 8192, "does not have three segments", id="nothing but dots"),
        pytest.param("..", "not a strict JSON", id="three empty segments"),
        pytest.param('{"payload":"e30","signatures":[]}', "no JWS in the compact", id="CVE-2022-39227: JSON"),
        pytest.param('{"a.b":"' + compact() + '"}', "does not have three", id="CVE-2022-39227: JSON round a token"),
        pytest.param(compact().rpartition(".")[0] + ".", "no signature", id="empty signature"),
        pytest.param(compact() + "=", "signature is not base64url", id="padding: a second spelling"),
        pytest.param(compact() + "\n", "signature is not base64url", id="line end"),
        pytest.param(compact().replace(".", "=.", 1), "header is not base64url", id="padding in the header"),
        pytest.param(compact().replace(".e30", ".e3 0"), "payload is not base64url", id="space in the payload"),
        pytest.param(compact().replace(".e30", ".e31"), "payload is not base64url", id="trailing bits in the payload"),
        pytest.param("é" + compact(), "other characters than ASCII", id="not ASCII"),
        pytest.param("\ud800", "other characters than ASCII", id="lone surrogate"),
        pytest.param("a" * (LONGEST_TOKEN + 1), "longer than 8192", id="CVE-2025-61920: 8 KiB and one byte"),
    ],
)
def test_forms_that_are_refused(raw: str, match: str) -> None:
    """One compact form, one spelling."""
    with pytest.raises(TokenRefused, match=match):
        parse_compact(raw, algorithms=ALLOWED)


def test_size_counts_before_content() -> None:
    """CVE-2025-61920: a megabyte costs no more than a glance at its length."""
    raw = compact(payload=b"x" * 1_000_000)
    started = time.process_time()
    for _ in range(100):
        with pytest.raises(TokenRefused, match="longer than"):
            parse_compact(raw, algorithms=ALLOWED)
    assert time.process_time() - started < 0.1


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(st.binary(max_size=30).map(lambda part: base64url_encode(part).decode()), max_size=6).map(".".join),
        st.dictionaries(
            st.sampled_from([*HEADER, "crit", "b64", "jwk"]), st.sampled_from(["ES256", "k", None, 1, []])
        ).map(compact),
    )
)
def test_never_another_exception(raw: str) -> None:
    """Any text: our parts, or our refusal."""
    try:
        jws = parse_compact(raw, algorithms=ALLOWED)
    except TokenRefused:
        return
    assert jws.algorithm in ALLOWED
    assert jws.signature
