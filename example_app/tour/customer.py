"""The customer who takes the tour: sends one request at a time and says in a few words what came back."""

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from asvs_middleware.outbound import OutboundPolicy

from ..settings import Settings

REFUSED = "handshake refused"
_BROKEN = (ssl.SSLError, ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def field(self, name: str) -> str:
        """Return the value of a header field; all values, joined, where it is there more than once."""
        return " || ".join(value for given, value in self.fields if given.lower() == name)

    def brief(self) -> str:
        """Return the status, with the code of a problem document or the target of a redirect."""
        if self.field("content-type") == "application/problem+json":
            return f"{self.status} {json.loads(self.body)['type'].rpartition(':')[2]}"
        return f"{self.status} {self.field('location')}".strip()


class Customer:
    """Knows the root certificate, holds certificates and fetches tokens."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    def context(self, certificate: str | None = None) -> ssl.SSLContext:
        """Return a strict client context, with the certificate of that name."""
        if certificate not in self._contexts:
            policy = OutboundPolicy.internal(ca=self.settings.file("ca.pem"))
            if certificate:
                files = self.settings.file(f"{certificate}.pem"), self.settings.file(f"{certificate}.key")
                policy = policy.client_certificate(*files)
            self._contexts[certificate] = policy.ssl_context()
        return self._contexts[certificate]

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        port: int | None = None,
        host: str = "localhost",
        fields: Mapping[str, str] | None = None,
        body: bytes = b"",
        token: str | None = None,
        certificate: str | None = None,
        plaintext: bool = False,
        context: ssl.SSLContext | None = None,
    ) -> Answer:
        """Send one request to the payments service, or to another port, on a connection of its own."""
        settings = self.settings
        port = port or (settings.plaintext_port if plaintext else settings.payments_port)
        sock: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        if not plaintext:
            name = host if host in {"localhost", "payments.example"} else "localhost"
            sock = (context or self.context(certificate)).wrap_socket(sock, server_hostname=name)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.sock = sock
        sent = {"Host": host, **(fields or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        connection.request(method, path, body=body or None, headers=sent)
        response = connection.getresponse()
        answer = Answer(response.status, tuple(response.getheaders()), response.read())
        connection.close()
        return answer

    def handshake(self, context: ssl.SSLContext) -> str:
        """Try one handshake and one request; return version and cipher suite, or that it was refused."""
        try:
            with (
                socket.create_connection(("127.0.0.1", self.settings.payments_port), timeout=10) as sock,
                context.wrap_socket(sock, server_hostname="localhost") as tls,
            ):
                # In TLS 1.3 a client hears of its refused certificate with the first answer.
                tls.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if not tls.recv(1):
                    return REFUSED
                cipher = tls.cipher()
                return f"{tls.version()} {cipher[0] if cipher else ''}"
        except _BROKEN:
            return REFUSED

    def token(self, scopes: str) -> str:
        """Fetch a plain bearer token with the client secret."""
        form = {"client_secret": self.settings.client_secret}
        return self._token("/token", scopes, form, certificate=None)

    def bound_token(self, scopes: str, certificate: str = "customer") -> str:
        """Fetch a token bound to a certificate, by showing it."""
        return self._token("/mtls/token", scopes, {}, certificate=certificate)

    def _token(self, path: str, scopes: str, form: dict[str, str], *, certificate: str | None) -> str:
        answer = self.ask(
            path,
            method="POST",
            port=self.settings.issuer_port,
            fields={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({"grant_type": "client_credentials", "scope": scopes, **form}).encode(),
            certificate=certificate,
        )
        return str(json.loads(answer.body)["access_token"])


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to show: its name, what has to be seen, and how to see it."""

    name: str
    expected: str
    take: Callable[[Customer], str]
