"""The harness itself: what it reports, never how fast anything is."""

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks.connections import on_connections, on_networks
from tests.benchmarks.correctness import Findings, inspect
from tests.benchmarks.harness import Row, Section, Variant, measure, rows
from tests.benchmarks.layers import answering, bare, floor, on_a_raw_app, peers
from tests.benchmarks.outgoing import making_clients
from tests.benchmarks.parts import at_the_least
from tests.benchmarks.routes import Arrived, on_ten_routes, on_the_way_to_a_proof
from tests.benchmarks.verification import of_certificates, of_chains, of_tokens

OURS = [variant for variant in on_a_raw_app().variants if variant.name.startswith("ours")]


@pytest.mark.parametrize("variant", OURS, ids=lambda variant: variant.name)
def test_ours_leaves_a_response_right(variant: Variant) -> None:
    """Each header once, none lost, the app's message unchanged, no nonce twice, no garbage: else time says nothing."""
    found = inspect(variant)
    assert found.faults == ()
    assert found.added >= 8


@pytest.mark.parametrize("variant", [one for one in OURS if "full" in one.name], ids=lambda variant: variant.name)
def test_the_whole_stack_refuses(variant: Variant) -> None:
    """What is timed as the whole stack does the work of one."""
    assert inspect(variant).refuses == ("plaintext", "foreign host")


def test_the_floor_is_a_bound_and_no_design() -> None:
    """The inspection sees what the floor does wrong."""
    variant = Variant("floor", floor, answering, "bare")
    assert inspect(variant) == Findings(added=14, refuses=("plaintext",), faults=("changes the app's message",))


def test_every_fault_is_seen() -> None:
    """A layer that does everything wrong is told so."""

    def wrap(app):
        async def layer(scope, receive, send):
            itself = [scope]
            itself.append(itself)

            async def on_send(message):
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"][1:], *[(b"Content-Security-Policy", b"nonce-1")] * 2]
                await send(message)

            await app(scope, receive, on_send)

        return layer

    assert set(inspect(Variant("wrong", wrap, answering, "wrong", nonce=lambda request: "1")).faults) == {
        "changes the app's message",
        "gives two requests one nonce",
        "leaves garbage",
        "loses a header",
        "repeats a header",
    }


def test_ratios_are_of_one_round() -> None:
    """A slow round slows all of them: the ratio in each round counts, not the ratio of the medians."""
    section = Section(
        title="",
        floor="floor",
        variants=[Variant(name, bare, answering, "bare") for name in ("bare", "floor", "ours")],
    )
    taken = {"bare": [1000.0, 2000.0, 3000.0], "floor": [2000.0, 4000.0, 6000.0], "ours": [3000.0, 6000.0, 9000.0]}
    assert rows(section, taken) == [
        Row("bare", 2.0, 0.0, 1.0, None),
        Row("floor", 4.0, 2.0, 2.0, 1.0),
        Row("ours", 6.0, 4.0, 3.0, 2.0),
    ]


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(lambda: on_a_raw_app(), id="raw"),
        pytest.param(lambda: on_ten_routes(), id="routes"),
        pytest.param(lambda: at_the_least(), id="parts"),
        pytest.param(lambda: on_the_way_to_a_proof(), id="marks"),
        pytest.param(lambda: of_tokens(more=3), id="tokens"),
        pytest.param(lambda: of_certificates(more=3), id="certificates"),
        pytest.param(lambda: of_chains(more=3), id="chains"),
        pytest.param(lambda: making_clients(), id="clients"),
        pytest.param(lambda: on_networks(more=3), id="networks"),
        pytest.param(lambda: on_connections(), id="connections"),
    ],
)
def test_sections(section) -> None:
    """Every variant runs, is compared with one of its section, and has its line in the table."""
    chosen = section()
    names = [variant.name for variant in chosen.variants]
    assert len(set(names)) == len(names)
    found = measure(chosen, rounds=2, milliseconds=0.01, seed=1)
    assert [row.name for row in found] == names
    assert {variant.baseline for variant in chosen.variants} <= set(names)
    assert all(row.total > 0 for row in found)
    findings = [inspect(variant) for variant in chosen.variants] if chosen.inspected else []
    lines = command.table(chosen, found, findings)
    assert len(lines) == len(names) + 2
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.anyio
async def test_every_route_is_served() -> None:
    """What is timed on the routes is the answer and no refusal."""
    statuses: dict[str, int] = {}
    variants = on_ten_routes().variants
    for variant in variants:

        async def send(message, name=variant.name):
            statuses.setdefault(name, message.get("status"))

        await variant.wrap(variant.app)(variant.scope.copy(), variant.receive, send)
    assert set(statuses.values()) == {200}
    assert len(statuses) == len(variants)


@pytest.mark.anyio
@pytest.mark.parametrize("variant", on_the_way_to_a_proof().variants, ids=lambda variant: variant.name)
async def test_the_way_to_a_proof_ends_where_it_says(variant: Variant) -> None:
    """What is timed there is neither an answer nor a refusal: it gets as far as its name, each time, and no further."""

    async def send(message):
        raise AssertionError(f"{message} was sent")

    for _ in range(2):  # The first request is judged in full.
        with pytest.raises(Arrived) as stopped:
            await variant.app(variant.scope.copy(), variant.receive, send)
        functions = [one.name for one in stopped.traceback]
        assert functions[-1] == "_arrive"
        assert ("authorize" in functions) is variant.name.startswith("@sensitive")
        assert ("_token" in functions) is ("up to the token" in variant.name)


def test_peers_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness needs none of them: it compares with those that are there."""
    monkeypatch.setattr("tests.benchmarks.layers.find_spec", lambda name: None)
    assert peers() == []
    assert {variant.name for variant in on_a_raw_app().variants} >= {"bare", "floor", "ours, full"}
