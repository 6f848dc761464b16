"""explain(): what a policy says of a path (evidence/explain.py), with the routes of an app. v5.0.0-3.4.1 to 3.4.8."""

from typing import Any, Unpack

from ..access import RouteEntry, judged, walk
from ..evidence import Assumed, Assumptions, Explanation, explained
from ..names import check_type
from ..policy import SecurityPolicy
from ..stack import stack_of
from .stand_in import own_stack


def explain(
    app: Any, path: str, method: str = "GET", *, policy: SecurityPolicy | None = None, **assumed: Unpack[Assumptions]
) -> Explanation:
    """Return the headers of a path, who set each, which requirements they meet, and what the guard asks.

    Args:
        app: a secured app; any app where a policy is given.
        path: such as `/orders/1`, decoded.
        method: the request method; `WEBSOCKET` is a handshake.
        policy: the one of the app unless given; FastAPI's documentation pages are then seen as the app has them.
        assumed: as for `SecurityPolicy.explain`.

    Raises:
        ConfigurationError: the app is not secured and no policy is given, an argument could be in no request or
            response, or the headers cannot be sent.
    """
    check_type("explain", "policy", policy, SecurityPolicy, "policy=SecurityPolicy.web(hosts=[...])")
    request = Assumed(path=path, method=method, **assumed)
    if policy is None:
        stack = stack_of(app)
        return explained(stack.policy, request, app=stack.app, entries=stack.entries())
    secured = own_stack(app)
    tried = app if secured is None else secured.app
    return explained(policy, request, app=tried, entries=_entries(tried, policy))


def _entries(app: Any, policy: SecurityPolicy) -> list[RouteEntry]:
    """Return the routes as the policy would find them; the app stays as it is."""
    return judged(
        walk(app),
        prefixes=policy.prefix_marks,
        deny_unmarked=policy.deny_unmarked,
        tokens=policy.tokens is not None,
        certificates=policy.client_certificates is not None,
    )
