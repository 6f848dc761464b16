"""Which headers an endpoint's responses carry: put together once when the app starts, read by endpoint afterwards.

Precedence: route, then router, then mount (the inner one first), then prefix (the longer one first), then policy. An
endpoint with one outcome is one look into a table. Only where the path decides (one endpoint under several prefixes, a
path parameter where a prefix could stand, an answer before any route was found) is the path looked at, and then in a
time that does not grow with the number of routes or prefixes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from starlette.types import Message

from ...connection.exchange import Exchange
from ...errors import ConfigurationError
from ...headers import HeadersPolicy
from ...waivers import Waiver
from ..gates.cross_origin_routes import Listed
from ..response.announce import announce_waiver
from ..response.dress import Dress, dresser
from ..response.rewrite import Step, finishing
from .places import Place, pattern_of, places
from .prefixes import Prefixes, path_of
from .route_headers import RouteHeaders
from .sets import Chain, Ground, dress_of, waivers_in


class HeaderRoutes:
    """The choices of an app's routes, and the dress that follows them.

    Args:
        ground: the policy they differ from.
        prefixes: choices by path prefix, which begins and ends with a slash.
        foreign: whether an app inside has a policy of its own and is left alone.
        steps: what is done to the app's own fields besides what the policy asks for.

    Raises:
        ConfigurationError: a prefix is none, or what it chooses misses the level.
    """

    def __init__(
        self,
        ground: Ground,
        *,
        prefixes: Mapping[str, RouteHeaders],
        foreign: Callable[[Any], bool] = lambda _app: False,
        steps: Sequence[Step] = (),
    ) -> None:
        self._prefixes = Prefixes(prefixes)
        self._ground = ground
        self._finish = finishing(ground.policy, level=ground.level, more=steps)
        self._foreign = foreign
        self._plain = self._finish(dresser(ground.choice, api=ground.sets["api"], web=ground.sets["web"]))
        self._looks: bool | None = None  # Not known until start().
        self._told: set[Waiver] = set()
        self._dresses: dict[tuple[int, ...], Dress] = {}
        self._table: dict[int, Dress] = {}
        self._kept: list[Place] = []  # An id stands for an endpoint as long as the endpoint lives.
        for chain in self._prefixes.chains():  # Refusals carry them too, and may come before compile().
            self._dress(chain, where=chain[-1].who)

    def start(self, app: Any) -> Dress:
        """Return the dress of an app: where nothing differs anywhere, the plain one, which looks nothing up."""
        self._looks = bool(self._prefixes) or any(place.chain for place in places(app, foreign=self._foreign))
        return self._routed() if self._looks else self._plain

    def compile(self, app: Any) -> None:
        """Put together what every endpoint's responses carry. It may be called before start(), and more than once.

        Raises:
            ConfigurationError: a result misses the level or changes a locked field; the message names the route. Or a
                choice came too late.
        """
        self._kept = list(places(app, foreign=self._foreign))
        late = next((place for place in self._kept if place.chain and self._looks is False), None)
        if late is not None:
            raise ConfigurationError(
                f"{late.path} got its headers after the app had built its middleware, where nothing else had any.",
                fix="Add the route before the app starts.",
            )
        by_endpoint: dict[int, list[Place]] = {}
        for place in self._kept:
            by_endpoint.setdefault(id(place.endpoint), []).append(place)
        self._table = {
            endpoint: self._of_places(found)
            for endpoint, found in by_endpoint.items()
            if self._prefixes or any(place.chain for place in found)
        }
        for waiver in (one for one in self.waivers if one not in self._told):
            self._told.add(waiver)
            announce_waiver(waiver)

    def _routed(self) -> Dress:
        """Return the dress that looks at the endpoint of the exchange; what is not in the table goes by its path."""
        plain = self._plain
        by_path = self._prefixes.lookup()

        def routed(exchange: Exchange, message: Message) -> Message:
            scope = exchange.scope if exchange.happened is None else exchange.routed
            found = self._table.get(id(scope.get("endpoint")))
            if found is None and by_path is not None:
                found = self._dresses.get(_key(by_path(path_of(scope))))
            return (found or plain).put_on(exchange, message)

        return Dress(routed)

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Every requirement a prefix or a route misses on purpose, once compiled."""
        return waivers_in(*self._prefixes.chains(), *(place.chain for place in self._kept))

    def waivers_at(self, route: Listed, app: Any) -> tuple[Waiver, ...]:
        """Return every requirement that is missed on purpose at a route of the app."""
        chains = (place.chain for place in places(app, foreign=self._foreign) if place.is_of(route))
        return waivers_in(self._prefixes.chain_of(route.path), *chains)

    def dress_for(self, chain: Chain) -> Dress:
        """Return the dress of a chain, made for this one question."""
        return dress_of(self._ground, chain, finish=self._finish) if chain else self._plain

    def chain_at(self, path: str, routes: Sequence[Listed], app: Any) -> Chain:
        """Return all that holds for a path of the app, the strongest last.

        Args:
            path: of a request.
            routes: what answers it, the mount it lies in: the first that has a place speaks for it.
            app: the app.
        """
        kept = list(places(app, foreign=self._foreign))
        found = next((place for route in routes for place in kept if place.is_of(route)), None)
        return self._prefixes.chain_of(path) + (() if found is None else found.chain)

    def _of_places(self, found: list[Place]) -> Dress:
        outcomes = [(place, self._prefixes.possible(place.path)) for place in found]
        only = {_key(around + place.chain) for place, possible in outcomes for around in possible}
        for place, possible in outcomes:
            for around in possible:
                self._dress(around + place.chain, where=place.path)
        if len(only) == 1:
            return self._dresses[only.pop()]
        for place in found:
            self._dress(place.chain, where=place.path)
        return self._by_path([(pattern_of(place.path), place.chain) for place in found])

    def _by_path(self, patterns: list[tuple[re.Pattern[str], Chain]]) -> Dress:
        prefixes = self._prefixes
        dresses = self._dresses

        def by_path(exchange: Exchange, message: Message) -> Message:
            path = path_of(exchange.routed)
            chain = next((chain for pattern, chain in patterns if pattern.match(path)), patterns[0][1])
            around = prefixes.chain_of(path)
            # A path no pattern of the endpoint knows is one a middleware changed: the route's own word holds.
            return (dresses.get(_key(around + chain)) or dresses[_key(chain)]).put_on(exchange, message)

        return Dress(by_path)

    def _dress(self, chain: Chain, *, where: str) -> None:
        key = _key(chain)
        if key in self._dresses:
            return
        try:
            self._dresses[key] = dress_of(self._ground, chain, finish=self._finish)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"The headers of {where} cannot be sent. {error.problem}", fix=error.fix
            ) from error


class Chosen(Protocol):
    """What is read of a SecurityPolicy."""

    @property
    def preset(self) -> Literal["api", "web", "mixed"]: ...
    @property
    def level(self) -> Literal[1, 2, 3]: ...
    @property
    def headers(self) -> HeadersPolicy: ...
    @property
    def headers_by_prefix(self) -> Mapping[str, RouteHeaders]: ...


def header_routes(policy: Chosen, *, foreign: Callable[[Any], bool]) -> HeaderRoutes:
    """Return the headers of a policy by route."""
    ground = Ground(choice=policy.preset, policy=policy.headers, level=policy.level)
    return HeaderRoutes(ground, prefixes=policy.headers_by_prefix, foreign=foreign)


def _key(chain: Chain) -> tuple[int, ...]:
    """Choices are compared by identity: they are made once and kept."""
    return tuple(id(link.choice) for link in chain)
