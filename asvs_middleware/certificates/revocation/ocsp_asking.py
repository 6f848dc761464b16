"""Ask a private responder about a certificate whose chain holds: v5.0.0-12.1.4, 16.5.2; RFC 6960.

This runs for a request that found no answer, beside the event loop's other work and never in a handshake; whoever asks
about the same certificate meanwhile waits for the same answer. A responder that fails is left alone for a moment,
so that it is neither flooded nor waited for by everybody in turn.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from .crl import issuer_key
from .fetched import Fetched
from .fetching import RevocationFetcher
from .flight import Flights
from .happened import fault_of, say_failed
from .ocsp import Question, read_answer
from .ocsp_responder import Responder

PAUSE: Final = timedelta(seconds=2)
"""After a failure, in which all that ask this responder share it."""

MOST_QUESTIONS: Final = 32
"""Under way at once. More are refused: our own CA vouches for each of these, so a flood is somebody's mistake."""

CheckSigner = Callable[[x509.Certificate, x509.Certificate], None]


class Asking:
    """Asks, and keeps what was answered.

    Args:
        fetcher: carries question and answer.
        fetched: where answers are kept.
        clock: now, aware.
    """

    def __init__(self, fetcher: RevocationFetcher, fetched: Fetched, clock: Callable[[], datetime]) -> None:
        self._fetcher, self._fetched, self._clock = fetcher, fetched, clock
        self._flights = Flights()
        self._failed: dict[str, tuple[datetime, str]] = {}

    async def ask(
        self,
        responder: Responder,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        check_signer: Callable[[x509.Certificate], None],
    ) -> bool:
        """Ask about one certificate, and tell whether there is an answer now.

        Args:
            responder: who knows.
            certificate: whose chain was verified.
            issuer: who issued it.
            check_signer: raises, as Revocation.check_signer() does, where the responder's own certificate does not
                hold.
        """
        key = (issuer_key(issuer), certificate.serial_number)
        if self._paused(responder) or (key not in self._flights and len(self._flights) >= MOST_QUESTIONS):
            return False

        async def fly() -> bool:
            try:
                nonce = secrets.token_bytes(32) if responder.nonce else None
                question = Question(certificate, issuer, responder.certificate_ids, nonce)
                data = await self._fetcher.ask(responder.url, question.der())
                answer = read_answer(data, question, self._clock())
                if answer.signer is not None:
                    check_signer(answer.signer)
            except Exception as error:  # noqa: BLE001  # A refusal: whatever came between, there is no answer.
                self._fail(responder, error)
                return False
            self._failed.pop(responder.url, None)
            self._fetched.keep(certificate, issuer, answer)
            return True

        return await self._flights.share(key, fly)

    def _paused(self, responder: Responder) -> bool:
        before = self._failed.get(responder.url)
        return before is not None and timedelta(0) <= self._clock() - before[0] < PAUSE

    def _fail(self, responder: Responder, error: Exception) -> None:
        fault, before = fault_of(error), self._failed.get(responder.url)
        self._failed[responder.url] = (self._clock(), fault)
        if before is None or before[1] != fault:  # Once for each fault, and not for each certificate.
            say_failed(fault, source=responder.url)
