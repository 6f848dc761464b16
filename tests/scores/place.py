"""Where a site answers, and how to ask it under its own name."""

import http.client
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Site:
    """Something that answers over TLS, and where."""

    host: str
    port: int
    plaintext_port: int | None
    ca: Path

    def fetch(self, target: str) -> tuple[int, list[tuple[str, str]]]:
        """Ask for `METHOD /path` under the site's name; return the status and the fields as they came."""
        method, path = target.split()
        context = ssl.create_default_context(cafile=self.ca)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        with context.wrap_socket(plain, server_hostname=self.host) as connection.sock:
            connection.request(method, path, headers={"Accept": "text/html,*/*"})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheaders()
