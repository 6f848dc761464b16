"""Tokens that were verified a moment ago, by SHA-256 of their one spelling.

An entry belongs to one generation of the issuer's keys: when a key goes, everything it signed is verified again.
The cache saves the signature and nothing else; dates, binding, scopes and age are judged on every request.
Event loops of several threads may share it: each step is one under its lock, which is held for a few look-ups.
"""

from threading import Lock
from typing import Final

from .verified import VerifiedToken

MOST_TOKENS: Final = 4096


class VerifiedTokens:
    """A bounded store; the entry unused for longest makes room."""

    __slots__ = ("_generation", "_lock", "_most", "_tokens")

    def __init__(self, *, most: int = MOST_TOKENS) -> None:
        self._most = most
        self._generation = b""
        self._lock = Lock()
        self._tokens: dict[bytes, VerifiedToken] = {}

    def __contains__(self, digest: object) -> bool:
        """Tell whether the token may be here, before its keys are looked at."""
        return digest in self._tokens

    def __len__(self) -> int:
        """Return how many tokens are held."""
        return len(self._tokens)

    def recall(self, digest: bytes, generation: bytes) -> VerifiedToken | None:
        """Return the token if it was verified with keys of this generation."""
        with self._lock:
            self._turn_to(generation)
            token = self._tokens.pop(digest, None)
            if token is not None:
                self._tokens[digest] = token  # Last in line again.
            return token

    def keep(self, digest: bytes, generation: bytes, token: VerifiedToken) -> None:
        """Hold a token that was verified with keys of this generation."""
        with self._lock:
            self._turn_to(generation)
            self._tokens[digest] = token
            if len(self._tokens) > self._most:
                del self._tokens[next(iter(self._tokens))]

    def forget(self, digest: bytes) -> None:
        """Drop a token."""
        with self._lock:
            self._tokens.pop(digest, None)

    def _turn_to(self, generation: bytes) -> None:
        if generation != self._generation:
            self._tokens.clear()
            self._generation = generation
