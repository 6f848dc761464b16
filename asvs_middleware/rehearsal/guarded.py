"""Call every route without credentials: 401 or 403, or it is not guarded (v5.0.0-8.2.1, v5.0.0-8.3.1).

Nothing else counts. A 422 means that the input was read before the caller was known; a 404 or 405 that the route was
not reached; a 5xx that a check fell over. A WebSocket handshake has to be denied with 401 or 403, or accepted and
closed with 1008. Not checked: what a caller with credentials may do, and routes the app adds later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpcore
import httpx

from ..access import Public
from ..stack import Stack
from .targets import Target, entries_of, targets_of

_REFUSED: Final = frozenset({"401", "403", "closed with 1008"})
_SHOWN: Final = 50
_HANDSHAKE: Final = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "YSByZWhlYXJzYWwga2V5IQ==",
}
_CLOSE_1008: Final = b"\x88\x02\x03\xf0"
"""The head of a close frame with this code (RFC 6455 section 5.5.1); a longer one carries a reason."""

_MEANING: Final = {
    "404": "not reached: it may need values=..., or answer for another host",
    "405": "not reached: the method is not allowed there",
    "421": "not reached: the host is not in the policy",
    "422": "the input was read before the caller was known",
    "503": "a check could not be made, which refuses nobody",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedRoutes:
    """What an app answered to a caller without credentials.

    Attributes:
        refused: (method, path, answer) of every route that was called.
        public: (path, reason) of every route that was not, because it is @public.
    """

    refused: tuple[tuple[str, str, str], ...]
    public: tuple[tuple[str, str], ...] = field(default=())

    def __str__(self) -> str:
        lines = [f"{method:9} {path}  {answer}" for method, path, answer in self.refused]
        lines = lines or ["No route was called: every one is public."]
        return "\n".join([*lines, *(f"public    {path}  ({reason})" for path, reason in self.public)])


def drive(stack: Stack, client: httpx.Client, *, values: Mapping[str, str]) -> GuardedRoutes:
    """Call the routes of a stack through a client of the served app.

    Raises:
        AssertionError: a route answered otherwise, or there is none.
    """
    __tracebackhide__ = True
    targets = targets_of(stack, values=values)
    public = tuple((entry.path, entry.mark.reason) for entry in entries_of(stack) if isinstance(entry.mark, Public))
    if not targets and not public:
        raise AssertionError(
            "No route was found, so nothing is shown. Give the app whose routes are to be driven, "
            "after they were added."
        )
    answers = [(target, _answer(client, target)) for target in targets]
    unguarded = [(target, answer) for target, answer in answers if answer not in _REFUSED]
    if unguarded:
        raise AssertionError(_table(unguarded, of=len(targets)))
    refused = tuple((target.method, target.path, answer) for target, answer in answers)
    return GuardedRoutes(refused=refused, public=public)


def _answer(client: httpx.Client, target: Target) -> str:
    if target.obstacle:
        return f"not called: {target.obstacle}"
    headers = {} if target.host is None else {"host": target.host}
    try:
        if target.method == "WEBSOCKET":
            return _handshake(client, target.path, headers)
        with client.stream(target.method, target.path, headers=headers) as response:
            answer = str(response.status_code)
            if answer in _REFUSED:
                response.read()  # A short one; the connection serves the next call. Others may never end.
            return answer
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__})"


def _handshake(client: httpx.Client, path: str, headers: dict[str, str]) -> str:
    with client.stream("GET", path, headers={**headers, **_HANDSHAKE}) as response:
        if response.status_code != 101:
            return str(response.status_code)
        head = b""
        try:
            while len(head) < len(_CLOSE_1008) and (more := response.extensions["network_stream"].read(4, timeout=1.0)):
                head += more
        except (httpcore.TimeoutException, httpcore.NetworkError):
            return "accepted"
        closed = len(head) >= 4 and head[0] == _CLOSE_1008[0] and head[2:4] == _CLOSE_1008[2:]
        return "closed with 1008" if closed else "accepted"


def _table(unguarded: list[tuple[Target, str]], *, of: int) -> str:
    rows = [
        f"  {target.method:9} {target.path:30} {_told(answer):8} {target.endpoint}"
        for target, answer in unguarded[:_SHOWN]
    ]
    rows += [f"  and {len(unguarded) - _SHOWN} more"] * (len(unguarded) > _SHOWN)
    head = (
        f"{len(unguarded)} of {of} calls without credentials were not answered with 401 or 403 "
        "(v5.0.0-8.2.1, v5.0.0-8.3.1):"
    )
    fix = 'Mark each route with @sensitive(...), or with @public(reason="...") if it is meant for everyone.'
    return "\n".join([head, *rows, fix])


def _told(answer: str) -> str:
    return f"{answer} ({_MEANING[answer]})" if answer in _MEANING else answer
