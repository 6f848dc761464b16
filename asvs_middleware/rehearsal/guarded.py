"""Call every route without credentials: 401 or 403, or it is not guarded (v5.0.0-8.2.1, v5.0.0-8.3.1).

Nothing else counts. A 422 means that the input was read before the caller was known; a 404 or 405 that the route was
not reached; a 5xx that a check fell over. A WebSocket handshake has to be denied with 401 or 403, or accepted and
closed with 1008. A route without a mark has to be refused by this package itself, as it is under default="deny": an
app that answers 403 to this one call may let the next one in.
Not checked: what a caller with credentials may do, and routes the app adds later.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpcore
import httpx

from ..access import Public
from ..stack import Stack
from .targets import Target, entries_of, targets_of

_REFUSED: Final = frozenset({"401", "403", "closed with 1008"})
_BY_NOBODY: Final = " (not by a mark)"
_OURS: Final = "urn:asvs-middleware:problem:"
_LONGEST_PROBLEM: Final = 4096
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
            return _handshake(client, target, headers)
        with client.stream(target.method, target.path, headers=headers) as response:
            return _told_by(response, target)
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__})"


def _told_by(response: httpx.Response, target: Target) -> str:
    """Return the status, and whose it is where a refusal counts only if it is ours."""
    answer = str(response.status_code)
    if answer not in _REFUSED:
        return answer  # Its body may never end.
    ours = _is_our_problem(response)
    return answer if target.marked or ours else answer + _BY_NOBODY


def _is_our_problem(response: httpx.Response) -> bool:
    """Whether it is a problem document of this package (RFC 9457); one that answers HEAD has no body to tell by."""
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _LONGEST_PROBLEM:
            return False
    if response.headers.get("content-type") != "application/problem+json":
        return False
    try:
        problem = {"type": _OURS} if response.request.method == "HEAD" else json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(problem, dict) and str(problem.get("type")).startswith(_OURS)


def _handshake(client: httpx.Client, target: Target, headers: dict[str, str]) -> str:
    with client.stream("GET", target.path, headers={**headers, **_HANDSHAKE}) as response:
        if response.status_code != 101:
            return _told_by(response, target)
        head = b""
        try:
            while len(head) < len(_CLOSE_1008) and (more := response.extensions["network_stream"].read(4, timeout=1.0)):
                head += more
        except (httpcore.TimeoutException, httpcore.NetworkError):
            return "accepted"
        closed = len(head) >= 4 and head[0] == _CLOSE_1008[0] and head[2:4] == _CLOSE_1008[2:]
        if not closed:
            return "accepted"
        return "closed with 1008" if target.marked else "closed with 1008" + _BY_NOBODY


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
