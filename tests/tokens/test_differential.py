"""Whatever we accept, PyJWT accepts too, and reads the same from it. We may refuse more, never less."""

import asyncio
import json
from typing import Any

import jwt
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.errors import AccessDenied

ISSUER, AUDIENCE, NOW = "https://idp.example", "https://api.example", 1_800_000_000

odd = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.text(max_size=4)
    | st.lists(st.text(max_size=4), max_size=2)
)
claims = st.fixed_dictionaries(
    {},
    optional={
        "iss": st.sampled_from([ISSUER, ISSUER + "/", [ISSUER]]) | odd,
        "aud": st.sampled_from([AUDIENCE, [AUDIENCE, "x"], [AUDIENCE, 1], AUDIENCE + "x"]) | odd,
        "exp": st.sampled_from([NOW + 60, NOW - 60, str(NOW + 60), 10**20, NOW + 0.5]) | odd,
        "nbf": st.sampled_from([NOW, NOW + 60]) | odd,
        "iat": st.sampled_from([NOW, NOW + 60]) | odd,
        "sub": odd,
        "scope": st.sampled_from(["a b", "a  b", ["a"]]) | odd,
        "cnf": st.sampled_from([{"x5t#S256": "A" * 43}, {"jkt": "x"}]) | odd,
    },
)
header = st.fixed_dictionaries(
    {},
    optional={
        "typ": st.sampled_from(["at+jwt", "JWT"]) | odd,
        "kid": st.sampled_from(["ec-1", "ec-2"]) | odd,
        "alg": st.sampled_from(["ES256", "none", "RS256"]) | odd,
        "crit": odd,
        "x": odd,
    },
)
damage = st.sampled_from(["", "=", "\n", " ", ".", "A", ".A"])


def pyjwt(raw: str, key: Any) -> Any:
    """Return what PyJWT reads; it has no clock argument, so the dates are compared here."""
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "iss", "aud"]}
    found = jwt.decode(raw, key, algorithms=["ES256"], issuer=ISSUER, audience=AUDIENCE, options=options)
    assert found["exp"] > NOW - 30
    assert found.get("nbf", 0) <= NOW + 30
    assert found.get("iat", 0) <= NOW + 30
    return found


@settings(max_examples=300)
@given(changes=claims, header=header, damage=damage, where=st.integers(0, 2))
def test_we_accept_so_pyjwt_accepts(
    one_for_all: Any, signed: Any, jwk: Any, *, changes: Any, header: Any, damage: str, where: int
) -> None:
    """Odd claims, odd headers and damaged segments: our verdict is never the laxer one."""
    _, verifier = one_for_all
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "s", "exp": NOW + 60}
    members = {"alg": "ES256", "typ": "at+jwt", "kid": "ec-1", **header}
    raw = signed(json.dumps(members).encode(), json.dumps({**good, **changes}).encode(), "ec-1")
    parts = raw.split(".")
    parts[where] += damage
    raw = ".".join(parts)
    try:
        token = asyncio.run(verifier.verify(raw))
    except AccessDenied:
        return
    assert pyjwt(raw, jwt.PyJWK(jwk("ec-1")).key) == thawed(token.claims)


def thawed(value: Any) -> Any:
    """Return read-only claims as json knows them."""
    if hasattr(value, "items"):
        return {name: thawed(inner) for name, inner in value.items()}
    return [thawed(inner) for inner in value] if isinstance(value, tuple) else value


def test_the_good_token_is_accepted_by_both(one_for_all: Any, jwk: Any) -> None:
    """The comparison compares something."""
    issuer, verifier = one_for_all
    raw = issuer.token()
    assert pyjwt(raw, jwt.PyJWK(jwk("ec-1")).key) == thawed(asyncio.run(verifier.verify(raw)).claims)
