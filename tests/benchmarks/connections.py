"""What the facts of a connection cost: networks by their number, uncached, and reading what a proxy says."""

import random
from collections.abc import Callable
from ipaddress import IPv4Address, ip_network
from typing import Any

from starlette.types import ASGIApp

from asvs_middleware.connection import Hosts, Networks, TrustedProxies, connection_reader

from .harness import HOST, Section, Variant, a_scope, nothing_to_read
from .layers import bare
from .verification import each

MORE_NETWORKS = 10_000


def on_networks(*, more: int = MORE_NETWORKS) -> Section:
    """Return membership of new addresses, half of them inside, in sets of several sizes."""
    dice = random.Random(1)
    given = [str(ip_network((dice.getrandbits(32) & 0xFFFFFF00, 24))) for _ in range(more)]

    def asked(networks: list[str]) -> list[str]:
        inside = [str(ip_network(dice.choice(networks))[dice.randrange(256)]) for _ in range(1000)]
        return [address for one in inside for address in (one, str(IPv4Address(dice.getrandbits(32))))]

    def ours(count: int) -> ASGIApp:
        return each(Networks(given[:count]).__contains__, asked(given[:count]))

    sizes = sorted({1, min(100, more), more})
    apps = {"nothing is asked": each(_nothing, asked(given)), **{f"{size} networks": ours(size) for size in sizes}}
    return _section("Is an address in one of our networks? (never the same one twice in a row)", apps)


def on_connections() -> Section:
    """Return the reading of one request, as different peers send it."""
    own = a_scope()
    x = (b"x-forwarded-for", b"203.0.113.5"), (b"x-forwarded-proto", b"https")
    rfc = ((b"forwarded", b'for="203.0.113.5:4711";proto=https'),)
    apart, proxies = Networks(["10.0.0.0/8"]), ["198.51.100.0/24"]

    def reading(trusted: Any, *pairs: tuple[bytes, bytes]) -> ASGIApp:
        read = connection_reader(trusted)
        scope = {**own, "headers": [*own["headers"], *pairs]}
        return each(lambda scope: read(scope, nothing_to_read), [scope])

    apps = {
        "nothing is read": each(_nothing, [own]),
        "a client": reading(apart),
        "a trusted proxy, X-Forwarded-*": reading(TrustedProxies(proxies), *x),
        "a trusted proxy, Forwarded": reading(TrustedProxies(proxies, fields="forwarded"), *rfc),
        "an untrusted peer that claims": reading(apart, *x, *rfc),
        "a Host, as it is configured": each(Hosts([HOST.decode()]).__contains__, [HOST]),
        "a Host, one label below a wildcard": each(Hosts(["*.example.com"]).__contains__, [HOST]),
    }
    return _section("Reading one request of ten header fields", apps)


def _nothing(_asked: Any) -> None:
    """Cost what the harness costs."""


def _section(title: str, apps: dict[str, Callable[..., Any]]) -> Section:
    first = next(iter(apps))
    return Section(title=title, variants=[Variant(name, bare, app, first) for name, app in apps.items()])
