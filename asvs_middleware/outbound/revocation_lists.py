"""Fetch revocation lists and ask OCSP responders, at the addresses an operator named: v5.0.0-12.1.4, 13.2.4, 13.2.6.

Over https with the outbound client's trust. Plaintext is spoken to an address only where the policy says so with a
reason: what comes is signed, and the certificates room verifies it, whichever way it came. In both cases no other host
is called, no redirect is followed, and the answer is bounded in size and time.
"""

import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from ..certificates import ClientCertificateVerifier
from ..certificates.revocation.fetching import Document
from ..certificates.revocation.policy import RevocationPolicy
from ..certificates.revocation.service import RevocationService
from ..errors import DependencyUnavailable
from .errors import HostNotAllowed, OutboundRefused
from .guard import Exchange, Guard
from .origin import Origin, one_spelling, parse_origin
from .policy import OutboundPolicy
from .transport import guarded_async

LARGEST_LIST: Final = 16 * 1024 * 1024
"""Bytes of a list: 400,000 serial numbers. More would hold the interpreter up while the signature is checked."""

LARGEST_ANSWER: Final = 64 * 1024

LIST_TIME: Final = timedelta(seconds=30)
ANSWER_TIME: Final = timedelta(seconds=4)
"""Shorter than a request waits for it."""

_LIST: Final = {"accept": "application/pkix-crl, application/x-pem-file;q=0.9, */*;q=0.1"}
_QUESTION: Final = {"content-type": "application/ocsp-request", "accept": "application/ocsp-response"}
_LONGEST_TAG: Final = 256


def supplied(
    verifier: ClientCertificateVerifier | None, *, clock: Callable[[], float] = time.time
) -> RevocationService | None:
    """Return what fetches for a verifier, or None where its policy checks no revocation. Nothing is fetched yet.

    Raises:
        ConfigurationError: an address holds no host that could be called.
    """
    if verifier is None or verifier.policy.revocation is None:
        return None
    fetcher = RevocationLists(verifier.policy.revocation_policy or RevocationPolicy())
    return RevocationService(verifier, fetcher=fetcher, clock=clock)


@asynccontextmanager
async def supplying(service: RevocationService | None) -> AsyncIterator[None]:
    """Run it, if there is one, round an app's lifespan."""
    async with nullcontext() if service is None else service.running():
        yield


class RevocationLists:
    """Fetches for one RevocationPolicy; a RevocationFetcher.

    Args:
        revocation: names every address, and whom to trust over https.

    Raises:
        ConfigurationError: an address holds no host that could be called.
    """

    def __init__(self, revocation: RevocationPolicy) -> None:
        origins = {_origin(url) for url in (*revocation.lists, *(one.url for one in revocation.responders))}
        for host in revocation.distribution_points:
            origins |= {_origin(f"{scheme}://{host}", resource=False) for scheme in ("https", "http")}
        self._secure = frozenset(origin for scheme, origin in origins if scheme == "https")
        self._plain = frozenset(origin for scheme, origin in origins if scheme == "http" and revocation.waivers)
        # A bare context trusts nobody.
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self._secure:
            self._context = (revocation.outbound or OutboundPolicy.public_web()).ssl_context()

    async def fetch_list(self, url: str, *, tag: str | None = None) -> Document | None:
        """Return the list, or None where it is still the one of this tag.

        Raises:
            DependencyUnavailable: for whatever reason there is none; the cause is chained.
        """
        headers = _LIST if tag is None else {**_LIST, "if-none-match": tag}
        response = await self._exchange("GET", url, headers, max_bytes=LARGEST_LIST, within=LIST_TIME)
        if tag is not None and response.status_code == 304:
            return None
        found: str | None = response.headers.get("etag")
        return Document(_body(response), found if found and len(found) <= _LONGEST_TAG else None)

    async def ask(self, url: str, request: bytes) -> bytes:
        """Return the answer to an OCSP request, both DER (RFC 6960 appendix A).

        Raises:
            DependencyUnavailable: for whatever reason there is none; the cause is chained.
        """
        response = await self._exchange(
            "POST", url, _QUESTION, max_bytes=LARGEST_ANSWER, within=ANSWER_TIME, content=request
        )
        body = _body(response)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _QUESTION["accept"]:
            raise _unavailable("The answer is not of the type application/ocsp-response.")
        return body

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        max_bytes: int,
        within: timedelta,
        content: bytes | None = None,
    ) -> httpx.Response:
        guard, allowed = (Guard, self._secure) if _scheme(url) == "https" else (PlaintextGuard, self._plain)
        limited = guard(http=httpx, allowed=allowed, max_bytes=max_bytes, seconds=within.total_seconds())
        transport = guarded_async(limited, self._context)
        try:
            async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
                return await client.request(method, url, headers=dict(headers), content=content)
        except (httpx.HTTPError, httpx.InvalidURL, OutboundRefused) as error:
            # The text of ours names host and rule; a library's may repeat whatever it was sent.
            text = str(error) if isinstance(error, OutboundRefused) else f"{type(error).__name__}."
            raise _unavailable(text) from error


class PlaintextGuard(Guard):
    """The limits of a Guard for plaintext: to hosts that were named for it, and for what is signed."""

    __slots__ = ()

    def admit(self, request: Any) -> Exchange:
        """Return the exchange that may begin.

        Raises:
            OutboundRefused: the address was not named; nothing was sent.
        """
        url = request.url
        origin = Origin(one_spelling(url.host), url.port or 80)
        if url.scheme != "http" or origin not in self.allowed:
            raise self.refused(HostNotAllowed, origin.host, "it was not named for plaintext")
        request.headers["accept-encoding"] = "identity"
        request.extensions["timeout"] = self._shortened({})
        return Exchange(guard=self, host=origin.host, ends=time.monotonic() + self.seconds)


def _origin(url: str, *, resource: bool = True) -> tuple[str, Origin]:
    scheme, rest = _scheme(url), url.partition("://")[2]
    origin = parse_origin(f"https://{rest}", where="RevocationPolicy", resource=resource)
    if scheme == "http":
        return scheme, Origin(origin.host, urlsplit(url).port or 80)
    return scheme, origin


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _body(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        raise _unavailable(f"{response.url.host} answered with status {response.status_code}.")
    return response.content


def _unavailable(reason: str) -> DependencyUnavailable:
    return DependencyUnavailable(
        f"A fetch failed: {reason}", requirement="v5.0.0-12.1.4", facts={"reason_code": "revocation_unavailable"}
    )
