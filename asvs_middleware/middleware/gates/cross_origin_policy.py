"""What pages of other origins may do: the operator's choice. cross_origin.py and websocket_origin.py judge by it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ...names import known
from ...waivers import Waiver
from .origins import Origin, allowed_origins

Isolation = Literal["requests", "resources"]
WithoutOrigin = Literal["refuse", "credential", "allow"]

WITHOUT_ORIGIN: Final[dict[str, WithoutOrigin]] = {"web": "refuse", "mixed": "credential", "api": "allow"}
"""What becomes of a WebSocket handshake without Origin, by preset; docs/explanation/defaults.md has the reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossOrigin:
    """Who else than our own pages may send requests that browsers put cookies and certificates on.

    Attributes:
        allowed_origins: origins that may, on every route; `@cross_origin` allows one on a single route.
        isolation: `requests` looks at methods that may change something; `resources` at GET and HEAD too, so that no
            other site embeds or fetches what is ours (v5.0.0-3.5.8); links to us work all the same.
        websocket_without_origin: a handshake that names no Origin, which no browser sends: `refuse`, `credential`
            (it has to carry Authorization or a client certificate), or `allow`. The preset's own unless given.
        dangerously_accept_requests: the reason for not looking at HTTP requests at all. Every site may then send
            them with the visitor's cookies. WebSocket handshakes are looked at all the same.

    Raises:
        ConfigurationError: an argument cannot be right.
    """

    allowed_origins: Sequence[str] = ()
    isolation: Isolation = "requests"
    websocket_without_origin: WithoutOrigin | None = None
    dangerously_accept_requests: str | None = None
    origins: frozenset[Origin] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known(self.isolation, {"requests", "resources"}, where="CrossOrigin(isolation=)")
        if self.websocket_without_origin is not None:
            choices: Collection[str] = {"refuse", "credential", "allow"}
            known(self.websocket_without_origin, choices, where="CrossOrigin(websocket_without_origin=)")
        object.__setattr__(
            self, "origins", allowed_origins(self.allowed_origins, argument="CrossOrigin(allowed_origins)")
        )
        tuple(self.waivers)

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Return what this policy switches off, with the reason."""
        if self.dangerously_accept_requests is None:
            return ()
        return (
            Waiver(
                control="CrossOrigin(dangerously_accept_requests=...)",
                requirement="v5.0.0-3.5.1",
                reason=self.dangerously_accept_requests,
            ),
        )
