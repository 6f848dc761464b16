"""What may be written in @sensitive and @public, and what stops the start-up."""

import math
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from starlette.endpoints import HTTPEndpoint

from asvs_middleware import ConfigurationError, public, sensitive
from asvs_middleware.access.marks import Public, Sensitive, mark_of, public_mark, sensitive_mark


@pytest.mark.parametrize(
    ("arguments", "token", "certificate"),
    [
        pytest.param({}, True, False, id="nothing: a bearer token"),
        pytest.param({"scopes": "a b"}, True, False, id="scopes"),
        pytest.param({"bound": "mtls"}, True, False, id="a bound token"),
        pytest.param({"client_certificate": True}, False, True, id="a certificate alone"),
        pytest.param({"client_certificate": "other.example.org"}, False, True, id="an identity alone"),
        pytest.param({"client_certificate": True, "scopes": "a"}, True, True, id="a certificate and scopes"),
        pytest.param({"client_certificate": True, "bound": "mtls"}, True, True, id="a certificate and a bound token"),
        pytest.param({"client_certificate": True, "max_age": 60}, True, True, id="a certificate and a recent login"),
        pytest.param({"client_certificate": True, "acr": "phr"}, True, True, id="a certificate and a strong login"),
    ],
)
def test_what_is_asked_for(arguments: dict[str, Any], token: bool, certificate: bool) -> None:
    """A mark always asks for something, and whatever speaks of a token asks for one."""
    mark = sensitive_mark(**arguments)
    assert (mark.token, mark.certificate) == (token, certificate)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("a b", ("a", "b"), id="one text"),
        pytest.param(["a", "b"], ("a", "b"), id="a list"),
        pytest.param((), (), id="none"),
    ],
)
def test_scopes(given: Any, kept: tuple[str, ...]) -> None:
    """Scopes come as one text with spaces, as in a token, or one by one."""
    assert sensitive_mark(scopes=given).scopes == kept


def test_max_age() -> None:
    """Seconds and timedelta mean the same."""
    assert sensitive_mark(max_age=300).max_age == sensitive_mark(max_age=timedelta(minutes=5)).max_age


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"scopes": ""}, r"scopes=''\) is empty", id="a scope that came out empty"),
        pytest.param({"scopes": "  "}, "is empty", id="blanks"),
        pytest.param({"scopes": ["a b"]}, "several scopes", id="two scopes in one"),
        pytest.param({"scopes": [5]}, "is not a scope", id="a number among scopes"),
        pytest.param({"scopes": 5}, "is no text and no list", id="a number for scopes"),
        pytest.param({"scopes": None}, "is no text and no list", id="None for scopes"),
        pytest.param({"scopes": b"a"}, "is no text and no list", id="bytes for scopes"),
        pytest.param({"scopes": 'a"b'}, "is not a scope", id="a quotation mark"),
        pytest.param({"acr": ""}, "is empty", id="an empty acr"),
        pytest.param({"acr": None}, "is no text and no list", id="None for acr"),
        pytest.param({"bound": "mtsl"}, "Did you mean 'mtls'", id="a misspelt binding"),
        pytest.param({"bound": ["mtls"]}, "does not know", id="a list for the binding"),
        pytest.param({"bound": ""}, "does not know ''", id="an empty binding"),
        pytest.param({"max_age": 0}, "no time a login could be old", id="zero"),
        pytest.param({"max_age": -1}, "no time a login could be old", id="negative"),
        pytest.param({"max_age": True}, "no time a login could be old", id="True"),
        pytest.param({"max_age": False}, "no time a login could be old", id="False"),
        pytest.param({"max_age": math.nan}, "no time a login could be old", id="not a number"),
        pytest.param({"max_age": math.inf}, "no time a login could be old", id="infinite"),
        pytest.param({"max_age": "300"}, "no time a login could be old", id="a text"),
        pytest.param({"client_certificate": []}, "accepts nobody", id="nobody"),
        pytest.param({"client_certificate": ""}, "IdentityPattern", id="an empty identity"),
        pytest.param({"client_certificate": None}, "accepts nobody", id="None"),
        pytest.param({"client_certificate": 1}, "accepts nobody", id="a number"),
        pytest.param({"client_certificate": ["nobody@example.org"]}, "IdentityPattern", id="no identity"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    """What could only be a mistake stops the start-up; above all what would ask for less than was meant."""
    with pytest.raises(ConfigurationError, match=message):
        sensitive(**arguments)


@pytest.mark.parametrize("reason", ["", "because", "two words", None, 5])
def test_public_needs_a_reason(reason: Any) -> None:
    """Nothing is open without a sentence for the auditor."""
    with pytest.raises(ConfigurationError, match="@public needs a reason"):
        public(reason=reason)


def test_public() -> None:
    """The reason is kept for the audit."""
    assert public_mark(reason="load balancer probe").reason == "load balancer probe"


@pytest.mark.parametrize(
    ("decorator", "message"),
    [
        pytest.param(sensitive, "without parentheses. Write @sensitive", id="sensitive"),
        pytest.param(public, "without a reason", id="public"),
    ],
)
def test_forgotten_parentheses(decorator: Any, message: str) -> None:
    """A decorator written bare would swallow the endpoint."""
    with pytest.raises(ConfigurationError, match=message):

        @decorator
        def endpoint() -> None: ...


def test_two_marks_on_a_function() -> None:
    """Two marks contradict each other; neither is guessed to be the right one."""
    with pytest.raises(ConfigurationError, match="endpoint already carries a mark"):

        @public(reason="load balancer probe")
        @sensitive()
        def endpoint(request: Any) -> None: ...


def test_two_marks_on_a_class() -> None:
    """As with a function."""
    with pytest.raises(ConfigurationError, match="Endpoint already carries a mark"):

        @public(reason="load balancer probe")
        @sensitive()
        class Endpoint(HTTPEndpoint): ...


def test_a_class_nothing_can_guard() -> None:
    """A class is guarded at its dispatch(); one without could only be trusted."""
    with pytest.raises(ConfigurationError, match="class without dispatch"):

        @sensitive()
        class Endpoint: ...


def test_what_cannot_carry_a_mark() -> None:
    """A built-in takes no attributes, so nothing could find its mark."""
    with pytest.raises(ConfigurationError, match=r"cannot carry a mark\. Mark a function of your own"):
        sensitive()(len)


def test_what_cannot_be_looked_into() -> None:
    """Without a signature nobody can say what it takes."""
    with pytest.raises(ConfigurationError, match=r"has no signature\. Mark a function of your own"):
        sensitive()(partial(max, 1))


class Reads(HTTPEndpoint):
    @sensitive(scopes="read")
    async def get(self, request: Any) -> Any: ...

    @public(reason="load balancer probe")
    async def options(self, request: Any) -> Any: ...

    async def post(self, request: Any) -> Any: ...


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        pytest.param("GET", Sensitive, id="its own mark"),
        pytest.param("HEAD", Sensitive, id="HEAD is answered by get"),
        pytest.param("OPTIONS", Public, id="another mark"),
        pytest.param("POST", type(None), id="no mark"),
        pytest.param("DELETE", type(None), id="no handler"),
        pytest.param("__INIT__", type(None), id="a method that names an attribute"),
    ],
)
def test_marks_of_methods(method: str, expected: type) -> None:
    """In a class without a mark each method has its own."""
    assert type(mark_of(Reads, method)) is expected


def test_a_mark_is_nothing_else() -> None:
    """An endpoint that answers to every attribute carries no mark."""

    class Anything:
        def __getattr__(self, name: str) -> str:
            return name

    assert mark_of(Anything()) is None
    assert mark_of(partial(print)) is None
