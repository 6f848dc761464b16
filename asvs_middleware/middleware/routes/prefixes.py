"""Choices of headers by path prefix. The longest prefix of a path is found by cutting the path, not by trying them."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from starlette.types import Scope

from ...errors import ConfigurationError
from .route_headers import RouteHeaders
from .sets import Chain, Link

_PREFIX: Final = re.compile(r"/([A-Za-z0-9._~!$&'()*+,;=:@-]+/)*\Z")


class Prefixes:
    """Which choices hold below a path.

    Raises:
        ConfigurationError: a prefix is none, or carries no choices.
    """

    def __init__(self, choices: Mapping[str, RouteHeaders]) -> None:
        for prefix, choice in choices.items():
            if not isinstance(prefix, str) or not _PREFIX.match(prefix):
                raise ConfigurationError(
                    f"headers_by_prefix holds {prefix!r}, which is no prefix.",
                    fix='Write whole segments between slashes, such as "/embed/".',
                )
            if not isinstance(choice, RouteHeaders):
                raise ConfigurationError(
                    f"headers_by_prefix[{prefix!r}] is a {type(choice).__name__}.",
                    fix='Write RouteHeaders(cache_control="no-cache").',
                )
        # The shorter first: a longer one inherits from it.
        self._links = {prefix: Link(f"prefix {prefix}", choices[prefix]) for prefix in sorted(choices, key=len)}
        self._chains = {
            prefix: tuple(link for outer, link in self._links.items() if prefix.startswith(outer))
            for prefix in self._links
        }
        self._deepest = max((prefix.count("/") for prefix in choices), default=0)

    def __bool__(self) -> bool:
        return bool(self._links)

    def chains(self) -> Iterable[Chain]:
        """Return the chain of every prefix."""
        return self._chains.values()

    def lookup(self) -> Callable[[str], Chain] | None:
        """Return the function from path to chain, or None where there is no prefix."""
        return self.chain_of if self._links else None

    def chain_of(self, path: str) -> Chain:
        """Return what holds below a path, the strongest last."""
        found: Chain = ()
        end = -1
        for _ in range(self._deepest):
            end = path.find("/", end + 1)
            if end < 0:
                break
            found = self._chains.get(path[: end + 1], found)
        return found

    def possible(self, template: str) -> list[Chain]:
        """Return every chain a path of this template could fall under: one, unless a parameter stands in the way."""
        literal, parameter, _ = template.partition("{")
        found = [self.chain_of(literal)]
        if parameter:
            found += [
                chain for prefix, chain in self._chains.items() if prefix.startswith(literal) and prefix != literal
            ]
        return found


def path_of(scope: Scope) -> str:
    """Return the path as the app's routes see it: without what a server or proxy stripped or put before it."""
    path = str(scope.get("path", ""))
    root = str(scope.get("app_root_path", scope.get("root_path", "")))  # Mounts change root_path on the way.
    return path.removeprefix(root) if root and path.startswith(f"{root.rstrip('/')}/") else path
