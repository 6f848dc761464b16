"""The one place every request of a client passes, sync and async: v5.0.0-12.2.1, 12.3.2, 13.2.4.

A transport and not an event hook: it sees each hop, and a client that is given one makes no other, so proxies of the
environment are out of the game. TLS failures are not retried.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

from .errors import in_library
from .guard import Exchange, Guard
from .handshake import handshakes_noted


def guarded(guard: Guard, context: ssl.SSLContext) -> Any:
    """Return a BaseTransport of the guard's HTTP library."""
    inner = guard.http.HTTPTransport(verify=context, trust_env=False, retries=0)
    return in_library(GuardedTransport, guard.http.BaseTransport)(inner, guard)


def guarded_async(guard: Guard, context: ssl.SSLContext) -> Any:
    """Return an AsyncBaseTransport of the guard's HTTP library."""
    inner = guard.http.AsyncHTTPTransport(verify=context, trust_env=False, retries=0)
    return in_library(AsyncGuardedTransport, guard.http.AsyncBaseTransport)(inner, guard)


class GuardedTransport:
    """Judges each request, hands it to the inner transport, and bounds the response."""

    def __init__(self, inner: Any, guard: Guard) -> None:
        self._inner, self._guard = inner, guard

    def handle_request(self, request: Any) -> Any:
        """Return the response; its body is bounded while it is read."""
        exchange = self._guard.admit(request)
        with exchange.watched(), handshakes_noted(exchange.handshakes):
            response = self._inner.handle_request(request)
        exchange.handshakes.clear()
        response.stream = in_library(BoundedStream, self._guard.http.SyncByteStream)(response, exchange)
        return response

    def close(self) -> None:
        """Close every connection."""
        self._inner.close()


class AsyncGuardedTransport:
    """The same for async clients."""

    def __init__(self, inner: Any, guard: Guard) -> None:
        self._inner, self._guard = inner, guard

    async def handle_async_request(self, request: Any) -> Any:
        """Return the response; its body is bounded while it is read."""
        exchange = self._guard.admit(request)
        async with exchange.watched_async():
            with handshakes_noted(exchange.handshakes):
                response = await self._inner.handle_async_request(request)
        exchange.handshakes.clear()
        response.stream = in_library(AsyncBoundedStream, self._guard.http.AsyncByteStream)(response, exchange)
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


class BoundedStream:
    """A body that ends with an error when it is too long or too late."""

    def __init__(self, response: Any, exchange: Exchange) -> None:
        self._inner, self._response, self._exchange = response.stream, response, exchange

    def __iter__(self) -> Iterator[bytes]:
        chunks, size = iter(self._inner), 0
        while True:
            with self._exchange.watched():
                chunk = next(chunks, None)
            if chunk is None:
                return
            size = self._exchange.counted(size + len(chunk), self._response)
            yield chunk

    def close(self) -> None:
        """Give the connection back."""
        self._inner.close()


class AsyncBoundedStream:
    """The same for async clients."""

    def __init__(self, response: Any, exchange: Exchange) -> None:
        self._inner, self._response, self._exchange = response.stream, response, exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks, size = aiter(self._inner), 0
        while True:
            async with self._exchange.watched_async():
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            size = self._exchange.counted(size + len(chunk), self._response)
            yield chunk

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._inner.aclose()
