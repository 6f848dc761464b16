"""explain(): what a policy says of a path (evidence/explain.py), with the routes of an app. v5.0.0-3.4.1 to 3.4.8."""

from collections.abc import Sequence
from typing import Any

from ..access import RouteEntry, judged, walk
from ..evidence import Assumed, Explanation, explained
from ..policy import SecurityPolicy
from ..stack import stack_of
from .stand_in import own_stack


def explain(
    app: Any,
    path: str,
    method: str = "GET",
    *,
    policy: SecurityPolicy | None = None,
    content_type: str | None = None,
    sent: Sequence[tuple[str, str]] = (),
    status: int = 200,
    nonce: bool = False,
) -> Explanation:
    """Return the headers of a path over TLS, who set each, which requirements they meet, and what the guard asks.

    Args:
        app: a secured app; any app where a policy is given.
        path: such as `/orders/1`, decoded.
        method: the request method.
        policy: the one of the app unless given; FastAPI's documentation pages are then seen as the app has them.
        content_type: what is assumed of the response: HTML, and JSON where the preset is `api`.
        sent: other fields that the endpoint sets itself.
        status: of the response.
        nonce: whether the page asks for a nonce.

    Raises:
        ConfigurationError: the app is not secured and no policy is given, an argument could be in no request or
            response, or the headers cannot be sent.
    """
    assumed = Assumed(path=path, method=method, status=status, content_type=content_type, sent=sent, nonce=nonce)
    if policy is None:
        stack = stack_of(app)
        return explained(stack.policy, assumed, app=stack.app, entries=stack.entries())
    secured = own_stack(app)
    tried = app if secured is None else secured.app
    return explained(policy, assumed, app=tried, entries=_entries(tried, policy))


def _entries(app: Any, policy: SecurityPolicy) -> list[RouteEntry]:
    """Return the routes as the policy would find them; the app stays as it is."""
    return judged(
        walk(app),
        prefixes=policy.prefix_marks,
        deny_unmarked=policy.deny_unmarked,
        tokens=policy.tokens is not None,
        certificates=policy.client_certificates is not None,
    )
