"""The policy: a wrong setting stops the start-up with the sentence that repairs it."""

from datetime import timedelta
from typing import Any

import pytest

from asvs_middleware.asvs import requirement
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.tokens import Tokens

ISSUER = "https://idp.example"
AUDIENCE = "https://api.example"


def test_minimum() -> None:
    """Issuer and audience are enough, and every default is the strict one."""
    tokens = Tokens(ISSUER, audience=AUDIENCE)
    assert tokens.audience == (AUDIENCE,)
    assert tokens.algorithms == ("ES256", "RS256", "PS256", "EdDSA")
    assert tokens.leeway == timedelta(seconds=30)
    assert tokens.waivers == ()


@pytest.mark.parametrize(
    "issuer",
    [
        "https://idp.example/",
        "https://idp.example/tenant/v2.0",
        "https://idp.example:8443/a",
        "https://[::1]:8443",
        "https://xn--bcher-kva.example",
    ],
)
def test_issuers_that_pass(issuer: str) -> None:
    """An issuer is kept exactly as it is spelt."""
    assert Tokens(issuer, audience="a").issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param("http://idp.example", id="plaintext"),
        pytest.param("HTTPS://idp.example", id="scheme in capitals"),
        pytest.param("idp.example", id="no scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https:///path", id="empty host"),
        pytest.param("", id="empty"),
        pytest.param("https://idp.example?tenant=1", id="query"),
        pytest.param("https://idp.example/?", id="empty query"),
        pytest.param("https://idp.example#top", id="fragment"),
        pytest.param("https://idp.example/#", id="empty fragment"),
        pytest.param("https://user@idp.example", id="user"),
        pytest.param("https://user:pw@idp.example", id="user and password"),
        pytest.param(" https://idp.example", id="leading space"),
        pytest.param("https://idp.example ", id="trailing space"),
        pytest.param("https://idp.example/\n", id="line end"),
        pytest.param("https://idp.\texample", id="tab, which URL parsers drop"),
        pytest.param("https://idp.example\\evil", id="backslash"),
        pytest.param("https://bücher.example", id="not ASCII"),
        pytest.param("https://idp.example:port", id="port that is no number"),
        pytest.param("https://idp.example:70000", id="port out of range"),
        pytest.param("https://idp.example:0", id="port zero"),
        pytest.param("https://[::1", id="open bracket"),
        pytest.param("https://" + "a" * 2050, id="too long"),
        pytest.param(None, id="None"),
        pytest.param(b"https://idp.example", id="bytes"),
    ],
)
def test_issuers_that_are_refused(issuer: Any) -> None:
    """RFC 8414 section 2: https, no query, no fragment; and nothing two parsers could read differently."""
    with pytest.raises(ConfigurationError, match="is not an issuer identifier") as refused:
        Tokens(issuer, audience=AUDIENCE)
    assert "https://idp.example.com" in refused.value.fix


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"issuer": "https://user:s3cret@idp.example"}, id="a password in the issuer"),
        pytest.param({"issuer": "https://idp.example?key=s3cret"}, id="a key in the issuer"),
        pytest.param({"audience": ["https://user:s3cret@idp.example", ""]}, id="a password in the audience"),
    ],
)
def test_no_error_repeats_a_password(settings: dict[str, Any]) -> None:
    """v5.0.0-16.2.5: start-up errors are logged."""
    with pytest.raises(ConfigurationError, match="not repeated: it holds") as refused:
        Tokens(**{"issuer": ISSUER, "audience": AUDIENCE, **settings})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "audience", ["", None, (), [], [""], ["a", ""], ["a", None], "a b", "a\n", b"abc", 7, {"a": 1}.values()]
)
def test_audiences_that_are_refused(audience: Any) -> None:
    """Without a name of our own, any token of the issuer would do."""
    with pytest.raises(ConfigurationError, match="does not say for whom"):
        Tokens(ISSUER, audience=audience)


def test_several_audiences_are_our_own_copy() -> None:
    """A list changed after the start does not change the policy."""
    names, algorithms = ["a", "b"], ["ES256", "ES256"]
    tokens = Tokens(ISSUER, audience=names, algorithms=algorithms)
    names.append("c")
    algorithms.append("none")
    assert (tokens.audience, tokens.algorithms) == (("a", "b"), ("ES256",))


@pytest.mark.parametrize(
    ("algorithms", "match"),
    [
        pytest.param(("ES265",), "Did you mean 'ES256'", id="misspelt"),
        pytest.param(("eddsa",), "does not know 'eddsa'", id="wrong case"),
        pytest.param(("HS256",), "whoever can verify such a token can also forge it", id="symmetric"),
        pytest.param(("ES256", "HS512"), "holds 'HS512'", id="mixed"),
        pytest.param(("none",), "holds 'none'", id="none"),
        pytest.param(("NONE",), "holds 'NONE'", id="NONE"),
        pytest.param((None,), "holds None", id="null"),
        pytest.param("ES256", "is not a list of algorithms", id="one text"),
        pytest.param((), "is not a list of algorithms", id="empty"),
        pytest.param(None, "is not a list of algorithms", id="None"),
    ],
)
def test_algorithms_that_are_refused(algorithms: Any, match: str) -> None:
    """Asymmetric algorithms only, and each by its exact name."""
    with pytest.raises(ConfigurationError, match=match):
        Tokens(ISSUER, audience=AUDIENCE, algorithms=algorithms)


@pytest.mark.parametrize("leeway", [timedelta(seconds=-1), timedelta(minutes=5, microseconds=1), 30, None])
def test_leeway_that_is_refused(leeway: Any) -> None:
    """Clocks that differ by more than five minutes want repair, not leeway."""
    with pytest.raises(ConfigurationError, match="not between zero and five minutes"):
        Tokens(ISSUER, audience=AUDIENCE, leeway=leeway)


@pytest.mark.parametrize("max_lifetime", [timedelta(0), timedelta(seconds=-1), 3600])
def test_max_lifetime_that_is_refused(max_lifetime: Any) -> None:
    """A lifetime is a positive duration."""
    with pytest.raises(ConfigurationError, match="not a positive duration"):
        Tokens(ISSUER, audience=AUDIENCE, max_lifetime=max_lifetime)


def test_outbound_must_be_able_to_fetch() -> None:
    """An object without fetch() is noticed at the start, not at the first token."""
    with pytest.raises(ConfigurationError, match=r"Tokens\(outbound=object\) cannot fetch"):
        Tokens(ISSUER, audience=AUDIENCE, outbound=object())  # type: ignore[arg-type]


def test_waiver() -> None:
    """Accepting untyped tokens needs a reason and stays visible."""
    tokens = Tokens(ISSUER, audience=AUDIENCE, dangerously_accept_untyped="issuer predates RFC 9068")
    (waiver,) = tokens.waivers
    assert requirement(waiver.requirement).id == "v5.0.0-9.2.2"
    assert waiver.reason == "issuer predates RFC 9068"
    with pytest.raises(ConfigurationError, match="needs a reason"):
        Tokens(ISSUER, audience=AUDIENCE, dangerously_accept_untyped="old")
    with pytest.raises(ConfigurationError, match="needs a reason"):
        Tokens(ISSUER, audience=AUDIENCE, dangerously_accept_untyped=True)  # type: ignore[arg-type]
