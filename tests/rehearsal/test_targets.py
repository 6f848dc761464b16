"""Paths are filled so that the route is reached."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response
from starlette.routing import Match, Route

from asvs_middleware.access.lookup import pattern
from asvs_middleware.rehearsal.targets import filled


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/orders", "/orders", id="nothing to fill"),
        pytest.param("/orders/{id}", "/orders/rehearsal", id="text"),
        pytest.param("/orders/{id:int}/lines/{line:int}", "/orders/1/lines/1", id="two numbers"),
        pytest.param("/prices/{price:float}", "/prices/1.5", id="a float"),
        pytest.param("/files/{rest:path}", "/files/rehearsal/1", id="a path"),
        pytest.param("/things/{id:uuid}", "/things/00000000-0000-4000-8000-000000000000", id="a UUID"),
        pytest.param("/orders/{known}", "/orders/abc", id="a value of the caller's"),
        pytest.param("{tenant}.example.org", "rehearsal.example.org", id="a host"),
    ],
)
def test_filled(path: str, expected: str) -> None:
    """Every convertor of Starlette has a plausible value; given values come first."""
    assert filled(path, {"known": "abc"}) == expected


class Never(Convertor[str]):
    regex = "never-(a|b)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("never", Never())


def test_unknown_convertor() -> None:
    """A parameter no value is known for is named."""
    with pytest.raises(LookupError, match="moment"):
        filled("/{moment:never}", {})


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["str", "int", "float", "uuid", "path"]), min_size=1, max_size=4))
def test_filled_paths_match_their_route(kinds: list[str]) -> None:
    """Whatever convertors a path has, Starlette's own router matches what comes out."""
    path = "".join(f"/{{p{number}:{kind}}}" for number, kind in enumerate(kinds))
    route = Route(path, lambda request: Response())
    scope = {"type": "http", "method": "GET", "path": filled(path, {}), "headers": []}
    assert route.matches(scope)[0] is Match.FULL
    assert pattern(path).fullmatch(filled(path, {}))


@pytest.mark.parametrize(
    ("path", "called", "matches"),
    [
        pytest.param("/a.b", "/a.b", True, id="a literal"),
        pytest.param("/a.b", "/axb", False, id="a dot is a dot"),
        pytest.param("/{n:int}/x", "/12/x", True, id="a number"),
        pytest.param("/{n:int}", "/rehearsal", False, id="text for a number"),
        pytest.param("/{c:never}/x", "/never-b/x", True, id="alternatives stay together"),
        pytest.param("/{c:never}/x", "/never-a", False, id="alternatives do not end the path"),
        pytest.param("/static/*", "/static/a/b", True, id="below an app"),
        pytest.param("/{tenant}/*", "/one/a", True, id="below an app with a parameter"),
        pytest.param("/static/*", "/other", False, id="beside an app"),
    ],
)
def test_pattern(path: str, called: str, matches: bool) -> None:
    """What an earlier route would answer is told from what it would not."""
    assert bool(pattern(path).fullmatch(called)) is matches
