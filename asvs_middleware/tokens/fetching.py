"""How this room asks for a document; it opens no connection itself."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Fetcher(Protocol):
    """Fetches one document over HTTPS.

    What an implementation owes: verified TLS, no redirects, no cookies, a deadline, at most `max_bytes` read,
    and an exception for everything but a 200.
    """

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """Return the body.

        Raises:
            Exception: any, when the document cannot be had.
        """
        ...
