"""The way of an ordinary request is short (docs/explanation/decisions/0011); what comes of it is the same.

Two layers get the same requests in the same order: one that tells ordinary requests at a glance, and one that looks at
every request in full. What their apps see, what they answer, raise and log must not differ, from the first request to
the last. The rows are dense where the short way decides: asked.py and answered.py have one for each edge.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.headers import merge
from tests.glance.answered import ANSWERED, DEEDS
from tests.glance.asked import ASKED, CONNECTIONS, FORWARDED, MEMBERS
from tests.glance.drafts import BASES, Recipe
from tests.glance.policies import LAYERS, Layered, certified
from tests.glance.twins import ODDITIES, Twins

pytestmark = pytest.mark.unmeasured

WAYS = ("straight", "through a proxy")
ALIKE = tuple(Recipe(base) for base in BASES) * 2
SINGLE = [Recipe("straight", (oddity,)) for oddity in ODDITIES]
THROUGH_A_PROXY = [Recipe("through a proxy", (oddity,)) for oddity in ASKED | DEEDS]
RECIPES = st.builds(
    Recipe,
    st.sampled_from([*WAYS * 3, *BASES]),
    st.lists(st.sampled_from(list(ASKED)) | st.sampled_from(list(ANSWERED)), max_size=3).map(tuple),
)
# Drawn from few, so that most come more than once, and two at a time.
ROUNDS = st.lists(RECIPES, min_size=1, max_size=4).flatmap(
    lambda few: st.lists(st.lists(st.sampled_from(few), min_size=1, max_size=2), min_size=2, max_size=6)
)

TELLING = {"limits_gate.<locals>.judge", "host_gate.<locals>.judge", merge.merged.__qualname__}


@pytest.fixture(scope="module")
def with_certificates(tmp_path_factory: pytest.TempPathFactory) -> Layered:
    return certified(tmp_path_factory.mktemp("clients"))


@pytest.fixture(params=[*LAYERS, "certificates"])
def layered(request: pytest.FixtureRequest, with_certificates: Layered) -> Layered:
    return LAYERS.get(request.param, with_certificates)


def test_one_oddity_on_a_layer_that_knows_its_host(layered: Layered) -> None:
    """Every row once, on two layers that keep what they have learnt; in between they are asked the ordinary again."""
    with Twins(layered, *ALIKE) as both:
        for number, recipe in enumerate(SINGLE + THROUGH_A_PROXY * layered.proxied):
            both.compare(recipe)
            if number % 20 == 0:
                both.compare(*map(Recipe, WAYS))


@pytest.mark.parametrize("way", WAYS)
def test_one_oddity_on_a_layer_that_has_said_nothing_yet(way: str) -> None:
    """What is said once only, such as a notice about proxies, is not lost because a glance was enough."""
    for oddity in FORWARDED | MEMBERS | CONNECTIONS:
        with Twins(LAYERS["pages behind a proxy"], *map(Recipe, WAYS)) as both:
            both.compare(Recipe(way, (oddity,)))


@settings(max_examples=200)
@given(layer=st.sampled_from(sorted(LAYERS)), rounds=ROUNDS, primed=st.booleans())
def test_whatever_comes_in_whatever_order(layer: str, rounds: list[list[Recipe]], primed: bool) -> None:
    """Up to three oddities in a request, two requests at a time, and each of them again later."""
    with Twins(LAYERS[layer], *map(Recipe, WAYS if primed else ())) as both:
        for requests in rounds:
            both.compare(*requests)


@contextmanager
def calls() -> Iterator[set[str]]:
    """Give the names of the functions that are called meanwhile."""
    found: set[str] = set()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, _argument: found.add(frame.f_code.co_qualname) if event == "call" else None)
    try:
        yield found
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("way", WAYS)
def test_one_of_them_has_no_short_way(way: str) -> None:
    """Or all of this would compare a layer with itself: one calls every gate and merges the fields, the other neither.

    This fails when the short way is made anew and in_full() does not switch it off any more.
    """
    with Twins(LAYERS["an API behind a proxy"], Recipe(way)) as both:
        for twin, telling in enumerate((set(), TELLING)):
            with calls() as called:
                both.told(twin, Recipe(way))
            assert called & TELLING == telling


def test_the_rows_are_what_they_say() -> None:
    """No row has the name of another: it would take its place unseen."""
    assert len(ODDITIES) == len(ASKED) + len(ANSWERED)
