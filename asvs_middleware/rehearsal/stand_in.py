"""For the time of a test an app's guard trusts the test's issuer and clients CA in place of the configured ones.

Nothing else changes: the same policy, marks, scopes, dates and bindings are checked by the same code. The guard gets
its own verifiers back however the test ends.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from ..access import Guard
from ..certificates import ClientCertificates, ClientCertificateVerifier
from ..errors import ConfigurationError
from ..stack import Stack, stack_of
from ..tokens import AccessTokenVerifier
from .issuer import Published

_lock = Lock()
_rehearsed: set[int] = set()


def with_inner(stack: Stack) -> list[Stack]:
    """Return a stack, then those of the secured apps mounted in its app."""
    found = [stack]
    for one in found:
        inner = (own_stack(entry.endpoint) for entry in one.entries())
        found += [stack for stack in dict.fromkeys(inner) if stack is not None and stack not in found]
    return found


def own_stack(endpoint: Any) -> Stack | None:
    """Return the stack of an app that has one of its own, or None."""
    try:
        return stack_of(endpoint)
    except ConfigurationError:
        return None


@contextmanager
def standing_in(stack: Stack, clients: Callable[[], ClientCertificates]) -> Iterator[None]:
    """Put the test's verifiers into the guard, and the guard's own back at the end.

    Args:
        stack: of the app.
        clients: returns the policy that trusts the test's clients CA.

    Raises:
        ConfigurationError: the app is in another rehearsal.
    """
    guard = stack.guard
    _claim(guard)
    before = guard.tokens, guard.certificates
    try:
        if stack.policy.tokens is not None:
            fetcher = Published(stack.policy.tokens)
            guard.tokens = AccessTokenVerifier(stack.policy.tokens, fetcher=fetcher, clock=guard.clock)
        if guard.certificates is not None:
            guard.certificates = ClientCertificateVerifier(clients())
        yield
    finally:
        guard.tokens, guard.certificates = before
        _rehearsed.discard(id(guard))


def _claim(guard: Guard) -> None:
    with _lock:
        if id(guard) in _rehearsed:
            raise ConfigurationError(
                "This app is rehearsed already: two issuers cannot stand in for one.",
                fix="Use one `asvs` fixture at a time, or give each its own app.",
            )
        _rehearsed.add(id(guard))
