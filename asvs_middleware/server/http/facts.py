"""What uvicorn's protocols tell of the requests on their connection: `cycle`, or `cycles` in HTTP/2.

These are public names, as are `waiting_for_100_continue` of a cycle and the `conn` of HTTP/2, and not documented. Where
neither of the first two is there a connection counts as busy: then only uvicorn's own timer ends an idle one, and no
deadline is made up for it.
"""

from typing import Any


def speaks_http(protocol: Any) -> bool:
    """Return whether it is one that answers requests, and not a WebSocket's."""
    return hasattr(protocol, "cycle") or hasattr(protocol, "cycles")


def under_way(protocol: Any) -> bool:
    """Return whether a request is answered just now; a protocol that does not say is taken to be busy."""
    cycles = getattr(protocol, "cycles", None)
    if cycles is not None:
        return bool(cycles)
    cycle = getattr(protocol, "cycle", protocol)
    return cycle is not None and not getattr(cycle, "response_complete", False)


def owes_body(protocol: Any) -> bool:
    """Return whether the body of a request under way has not ended."""
    cycles = getattr(protocol, "cycles", None)
    of = (getattr(protocol, "cycle", None),) if cycles is None else cycles.values()
    return any(getattr(cycle, "more_body", False) for cycle in of)


def keeps_back(protocol: Any) -> bool:
    """Return whether HTTP/2 holds parts of answers that the client's window has no room for; the app is done then."""
    tells = getattr(getattr(protocol, "conn", None), "has_pending_send", None)
    return tells is not None and bool(tells())


def holds_body_back(protocol: Any) -> bool:
    """Return whether the parser itself owes the client a 100: what it does not take for that expectation is none."""
    return bool(getattr(getattr(protocol, "cycle", None), "waiting_for_100_continue", False))
