"""Situations in which a short way would go wrong, written out, with what has to come of them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest
from starlette.routing import Route

from asvs_middleware.connection import Networks, connection_reader, presented_chain
from asvs_middleware.middleware import Limits
from tests.glance.acting import Stage, ask_who_calls, unmarked
from tests.glance.answered import before, between, in_front, nonce, read_and_carry_on, say_nothing, says, start
from tests.glance.asked import LIST, first, instead, member, more, target
from tests.glance.drafts import CLIENT, OURS, STRANGER, Draft, Recipe, Server
from tests.glance.policies import LAYERS, PROXIES, Layered, secured
from tests.glance.twins import Twins

WAYS = ("straight", "through a proxy")
HSTS = b"strict-transport-security"
Asked = Callable[..., "Found"]


class Found(NamedTuple):
    """What a request came to."""

    status: int
    headers: list[tuple[bytes, bytes]]
    seen: list[Any]
    reasons: list[str]
    read: int

    def value(self, name: bytes) -> Any:
        """Return the one value of a field; None where it is not there."""
        [value] = [value for one, value in self.headers if one == name] or [None]
        return value


@pytest.fixture
def primed() -> Iterator[Callable[[Layered], Asked]]:
    """Make what asks a layer that knows its host, from good requests straight and through its proxy."""
    with ExitStack() as made:

        def prime(layered: Layered) -> Asked:
            both = made.enter_context(Twins(layered, *map(Recipe, WAYS)))

            def ask(way: str, *oddities: Any) -> Found:
                [[seen, [head, *_], _, read, _]], events = both.run(0, both.draft(0, way, *oddities))
                return Found(head["status"], head["headers"], seen, [event["reason"] for event in events], read)

            return ask

        yield prime


API, PAGES = LAYERS["an API behind a proxy"], LAYERS["pages behind a proxy"]


@pytest.mark.parametrize(("length", "status"), [(b"9", 200), (b"11", 413), (b"-1", 400)])
@pytest.mark.parametrize("way", WAYS)
def test_a_length_is_looked_at_every_time(primed: Any, way: str, length: bytes, status: int) -> None:
    """A host that is known does not make a body smaller."""
    ask = primed(secured("api", trusted_proxies=PROXIES, limits=Limits(body_bytes=10)))
    for _ in range(3):
        assert ask(way, member(method="POST"), more((b"content-length", length))).status == status


def test_a_list_in_the_host_is_never_known(primed: Any) -> None:
    """A proxy that repeats it in X-Forwarded-Host does not make it one of ours, there or straight from a stranger."""
    ask = primed(API)
    for _ in range(3):
        through = ask(WAYS[1], instead(b"host", LIST), instead(b"x-forwarded-host", LIST))
        assert through.value(b"location") is None
        assert ask(WAYS[0], instead(b"host", LIST)).status == 400


def test_a_scope_that_was_rewritten_is_told(primed: Any) -> None:
    """However well the host is known: uvicorn's own proxy handling may see only the requests of some proxies."""
    ask = primed(API)
    rewritten = member(client=(CLIENT.decode(), 99), scheme="https")
    assert [len(ask(WAYS[1], rewritten).reasons) for _ in range(2)] == [1, 0]
    assert ask(WAYS[1], rewritten).seen[0]["client"] == (CLIENT.decode(), 99)


def test_two_hosts_take_nothing_from_others(primed: Any) -> None:
    """HSTS is not lost for everybody because one client named two hosts."""
    ask = primed(LAYERS["headers alone"])
    ask(WAYS[0], first((b"host", b"127.0.0.1")))
    for _ in range(3):
        assert ask(WAYS[0]).value(HSTS) is not None


@pytest.mark.parametrize("name", LAYERS)
def test_hsts_goes_over_tls_and_to_names_alone(name: str) -> None:
    """RFC 6797 section 7.2, whatever was asked before; nothing in clear makes others lose it."""
    with Twins(LAYERS[name]) as both:
        for _ in range(2):
            for way in ("in clear", *WAYS):
                for host in (OURS, b"127.0.0.1"):
                    [[_, [head, *_], *_]], _ = both.run(0, both.draft(0, way, instead(b"host", host)))
                    if way == "in clear" or host != OURS:
                        assert HSTS not in dict(head["headers"])


@pytest.mark.parametrize("way", WAYS)
def test_a_route_that_came_later_and_says_nothing(primed: Any, way: str) -> None:
    """The check at the start never saw it; the last look does, however well the host is known."""

    async def add(stage: Stage) -> None:
        stage.scope["app"].router.routes.append(Route("/late", unmarked))

    ask = primed(API)
    ask(way, before(add))
    for _ in range(2):
        assert ask(way, target("/late")).status == 403


def test_a_probe_gets_no_cookie_in_clear(primed: Any) -> None:
    """The same response over TLS has it: what is ready for one is not for the other."""
    ask = primed(LAYERS["probed"])
    for way, cookie in (("straight", b"a=b"), ("in clear", None)) * 2:
        found = ask(way, says((b"set-cookie", b"a=b")))
        assert (found.status, found.value(b"set-cookie")) == (200, cookie)


@pytest.mark.parametrize("way", WAYS)
def test_what_the_app_does_to_the_fields_is_not_what_arrived(primed: Any, way: str) -> None:
    """A field a middleware writes into the list of the scope is no credential of the caller."""

    async def forge(stage: Stage) -> None:
        stage.scope["headers"].append((b"authorization", b"Bearer forged"))

    ask = primed(API)
    for _ in range(4):
        found = ask(way, target("/locked"), in_front(forge))
        assert (found.status, found.reasons) == (401, ["The request carries no access token."])


@pytest.mark.parametrize("pairs", [(), ((b"x-forwarded-proto", b"https"), (b"x-forwarded-for", CLIENT))])
def test_a_connection_that_is_gone(pairs: Any) -> None:
    """Whoever hangs up has no peer left, and so nobody's certificate: the one of the TLS object may be the proxy's."""
    read = connection_reader(Networks(PROXIES))
    server = Server({"sslcontext": object(), "ssl_object": object()}, [])
    scope = {"type": "http", "scheme": "https", "headers": [(b"host", OURS), *pairs], "client": ("10.0.0.1", 2)}
    assert presented_chain(read(scope, server.receive)) == ()


def test_a_proxy_that_hangs_up_was_a_proxy() -> None:
    """The app asks late who calls; the transport has forgotten its peer by then, and the client is still known."""

    async def hang_up(stage: Stage) -> None:
        stage.receive.__self__.transport.known["peername"] = None

    with Twins(API, *map(Recipe, WAYS)) as both:
        told = [both.run(twin, both.draft(twin, WAYS[1], before(hang_up), before(ask_who_calls))) for twin in (0, 1)]
    assert told[0] == told[1]
    assert told[0][0][0][0][1][:4] == [True, OURS, CLIENT.decode(), True]


@pytest.mark.parametrize("way", WAYS)
def test_a_nonce_is_for_the_response_that_asked(primed: Any, way: str) -> None:
    """The next response has another one, or none; Twins refuses one that comes a second time."""
    ask = primed(PAGES)
    for _ in range(3):
        policy = ask(way, before(nonce("script"))).value(b"content-security-policy")
        assert b"'nonce-#0'" in policy
        assert b"'nonce-" not in ask(way).value(b"content-security-policy")


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_inside_another_has_its_nonce(primed: Any, way: str) -> None:
    """The page has one nonce, whichever of the two layers put the policy on."""
    ask = primed(LAYERS["headers in a secured app"])
    for _ in range(2):
        assert b"'nonce-#0'" in ask(way, before(nonce("script"))).value(b"content-security-policy")


@pytest.mark.parametrize("way", WAYS)
def test_the_nonces_of_scripts_and_styles_differ(primed: Any, way: str) -> None:
    """Who can read one has not the other."""
    found = primed(LAYERS["styled"])(way, before(nonce("script")), before(nonce("style")))
    policy = found.value(b"content-security-policy")
    assert (b"script-src 'nonce-#0'" in policy, b"style-src 'nonce-#1'" in policy) == (True, True)


@pytest.mark.parametrize("way", WAYS)
def test_no_body_is_read_for_a_caller_who_may_not(primed: Any, way: str) -> None:
    """Whatever parses it stands before the endpoint, and is kept waiting until the guard has looked."""
    ask = primed(API)
    for _ in range(2):
        found = ask(way, target("/parsed"), member(method="POST"))
        assert (found.status, found.read, found.seen) == (401, 0, [])
        assert ask(way, target("/answered")).status == 401


@pytest.mark.parametrize("way", WAYS)
def test_an_app_in_the_app_keeps_its_own(primed: Any, way: str) -> None:
    """Its own policy dresses and guards it; the outer layer's endpoint is none of its business."""
    ask = primed(LAYERS["an app in the app"])
    for _ in range(2):
        found = ask(way, target("/inner/x"))
        assert (found.status, found.value(b"x-frame-options")) == (200, b"DENY")
        assert found.value(b"content-security-policy").count(b"script-src") == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_message_of_the_app_is_its_own(primed: Any, way: str) -> None:
    """A framework may make one message and send it for ever: neither it nor its list gets anything of ours."""
    message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
    before_it = {**message, "headers": [*message["headers"]]}  # type: ignore[misc]

    def same(made: Draft) -> None:
        made.plan.start = message

    ask = primed(API)
    for _ in range(3):
        found = ask(way, same)
        assert message == before_it
        assert [name for name, _ in found.headers].count(b"x-content-type-options") == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", [{"pool": 1, "caller": "somebody"}, {"pool": 1}])
def test_a_state_is_not_shared(primed: Any, way: str, state: dict[str, Any]) -> None:
    """What the lifespan left reaches the app; what one request writes there, another never reads."""

    async def write(stage: Stage) -> None:
        assert stage.scope["state"]["pool"] == 1
        stage.scope["state"]["caller"] = "me"

    ask = primed(API)
    for _ in range(2):
        assert ask(way, member(state=state), before(write)).status == 200
    assert state.get("caller") != "me"


@pytest.mark.parametrize("way", WAYS)
def test_a_nonce_after_the_start_is_refused(way: str) -> None:
    """The headers have gone by then: a page with that nonce would be dead."""
    with Twins(PAGES, *map(Recipe, WAYS)) as both:
        [[_, sent, raised, *_]], _ = both.run(0, both.draft(0, way, between(nonce("script"))))
    assert "ConfigurationError" in raised
    assert [message["type"] for message in sent] == ["http.response.start"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("deeds", "statuses"),
    [
        pytest.param([before(read_and_carry_on), before(say_nothing)], [413], id="and says nothing more"),
        pytest.param([before(read_and_carry_on)], [413], id="and answers all the same"),
        pytest.param([between(read_and_carry_on)], [200], id="after it has begun to answer"),
    ],
)
def test_a_refusal_that_is_swallowed(way: str, deeds: Any, statuses: list[int]) -> None:
    """It stands: the layer answers once, or reports it at least, and nothing else is sent in its place."""
    with Twins(LAYERS["bodies bounded"], *map(Recipe, WAYS)) as both:
        [[_, sent, *_]], events = both.run(0, both.draft(0, way, *deeds))
    assert [message["status"] for message in sent if "status" in message] == statuses
    assert sum(message["type"] == "http.response.body" for message in sent) == 1
    assert [event["reason"] for event in events] == ["The body has more than 10 bytes."]


@pytest.mark.parametrize("status", [200, 304])
def test_a_page_that_has_not_changed_keeps_its_policy(primed: Any, status: int) -> None:
    """A 304 updates the fields of the stored page, whose nonce is another one."""
    found = primed(PAGES)(WAYS[0], start(status=status))
    assert (found.value(b"content-security-policy") is None) is (status == 304)


def test_fields_that_can_be_read_once_arrive(primed: Any) -> None:
    """ASGI asks for an iterable, and a locked policy looks at the fields before anything else does."""
    ask = primed(LAYERS["locked and mended"])
    found = ask(WAYS[0], start(status=404, headers=iter([(b"content-type", b"a/b"), (b"x-any", b"1")])))
    assert (found.value(b"content-type"), found.value(b"x-any")) == (b"a/b", b"1")


def test_what_is_known_of_hosts_is_bounded(primed: Any) -> None:
    """Every name below a wildcard is a host of ours: clients choose them, and nothing may grow with their number."""
    unasked, *hosts = [b"a%d.example.org" % number for number in range(2500)]
    ask = primed(API)
    for host in hosts:
        assert ask(WAYS[0], instead(b"host", host)).status == 200
    del host
    free, *held = [sys.getrefcount(one) for one in [unasked, *hosts]]
    assert 0 < sum(one > free for one in held) <= 2048
    assert ask(WAYS[0], instead(b"host", hosts[0])).value(HSTS) is not None


@pytest.mark.parametrize("way", WAYS)
def test_a_response_says_it_once_and_to_this_client(primed: Any, way: str) -> None:
    """What a client sees of an ordinary request, held against nothing but this: the net is no net if both are wrong."""
    found = primed(API)(way, says((b"x-any", b"1")))
    names = [name for name, _ in found.headers]
    assert len(names) == len(set(names))
    assert found.value(b"x-any") == b"1"
    assert found.value(b"content-security-policy").startswith(b"default-src 'none'")
    [seen] = found.seen
    assert (seen["scheme"], seen["client"][0]) == ("https", CLIENT.decode() if way == WAYS[1] else STRANGER)
