"""How this room asks for lists and answers; it opens no connection itself."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Document:
    """What came: the bytes, and the entity tag to ask with the next time (RFC 9110 section 8.8.3)."""

    data: bytes
    tag: str | None = None


class RevocationFetcher(Protocol):
    """Fetches lists and asks responders.

    What an implementation owes: no host beside those that were configured, no redirect, no cookie, a deadline, bounded
    sizes, and an exception for everything but a good answer. What it returns is not believed: it is verified here.
    """

    async def fetch_list(self, url: str, *, tag: str | None = None) -> Document | None:
        """Return the list, or None where it is still the one of this tag.

        Raises:
            Exception: any, when it cannot be had.
        """

    async def ask(self, url: str, request: bytes) -> bytes:
        """Return the answer to an OCSP request, both DER.

        Raises:
            Exception: any, when it cannot be had.
        """
