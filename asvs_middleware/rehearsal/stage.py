"""The rehearsal itself: what a test holds in its hands as `asvs`."""

import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx

from ..certificates import ClientCertificates
from ..errors import ConfigurationError
from ..stack import Stack, stack_of
from ..tls import client_context, server_context
from . import calling, headers
from .authorities import Authorities, ClientCertificate
from .guarded import GuardedRoutes, drive
from .issuer import minted
from .serving import LOOPBACK, served, served_host
from .stand_in import standing_in, with_inner


@contextmanager
def rehearse(app: Any, *, authorities: Authorities) -> Iterator["Rehearsal"]:
    """Serve a secured app over TLS, with the test's issuer and clients CA in place of the configured ones.

    Args:
        app: what secure() returned.
        authorities: issue the certificates.

    Raises:
        ConfigurationError: the app is not secured, is rehearsed already, or does not start.
    """
    stacks = with_inner(stack_of(app))
    with ExitStack() as until_the_end:
        rehearsal = Rehearsal(app, stacks, authorities, until_the_end)
        for stack in stacks:
            until_the_end.enter_context(standing_in(stack, rehearsal.client_policy))
        rehearsal.open()
        for stack in stacks:
            stack.check()  # Where no lifespan ran, the first request would be the first to be told.
        yield rehearsal


class Rehearsal:
    """A secured app on the stage. Made by `rehearse`, or by the fixture `asvs`.

    Attributes:
        app: what is rehearsed.
        url: where it is served: https, the name of the policy, a free port. Requests of this object reach it.
    """

    def __init__(self, app: Any, stacks: Sequence[Stack], authorities: Authorities, until_the_end: ExitStack) -> None:
        self.app = app
        self._stacks = stacks
        self._authorities = authorities
        self._until_the_end = until_the_end
        self._revoked: list[ClientCertificate] = []
        self._contexts: dict[ClientCertificate | None, ssl.SSLContext] = {}
        self._host = served_host(stacks[0].policy.served_hosts)
        self._plaintext: httpx.URL | None = None
        self._origin = httpx.URL(f"https://{self._host}")

    def open(self) -> None:
        """Begin to serve."""
        at = datetime.now(UTC)
        certfile, keyfile = self._authorities.server(self._host.strip("[]"), at=at)
        context = server_context(
            certfile=certfile,
            keyfile=keyfile,
            at=at,
            client_ca=self._authorities.clients_ca_file,
            client_certificates="optional",
        )
        port = self._until_the_end.enter_context(served(self.app, context))
        self._origin = self._origin.copy_with(port=port)

    @property
    def url(self) -> str:
        """Scheme, host and port, without a trailing slash."""
        return str(self._origin).rstrip("/")

    # Requests

    def client(
        self, *, token: str | None = None, certificate: ClientCertificate | None = None, **options: Any
    ) -> httpx.Client:
        """Return a client that keeps cookies and connections; use it in a `with`.

        Args:
            token: sent with every request.
            certificate: shown in the handshake.
            options: of httpx.Client.
        """
        given = calling.bearer(options.pop("headers", None), token)
        return calling.client(self._origin, self._context(certificate), headers=given, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        certificate: ClientCertificate | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send one request on a connection of its own and return the response, which was read.

        Args:
            method: any.
            path: within the app.
            token: a bearer token.
            certificate: shown in the handshake.
            options: of httpx.Client.request.
        """
        given = calling.bearer(options.pop("headers", None), token)
        with self.client(certificate=certificate) as client:
            return client.request(method, path, headers=given, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET; see request()."""
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Any) -> httpx.Response:
        """Send a HEAD; see request()."""
        return self.request("HEAD", path, **options)

    def options(self, path: str, **options: Any) -> httpx.Response:
        """Send an OPTIONS; see request()."""
        return self.request("OPTIONS", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a POST; see request()."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        """Send a PUT; see request()."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        """Send a PATCH; see request()."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        """Send a DELETE; see request()."""
        return self.request("DELETE", path, **options)

    def plaintext(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """Send one request without TLS, to a second port on which the same app listens."""
        if self._plaintext is None:
            port = self._until_the_end.enter_context(served(self.app, None, lifespan="off"))
            self._plaintext = httpx.URL(f"http://{self._host}:{port}")
        given = calling.bearer(options.pop("headers", None), token)
        with calling.client(self._plaintext, None) as client:
            return client.request(method, path, headers=given, **options)

    # Credentials

    def token(
        self,
        *,
        subject: str | None = "rehearsal",
        scopes: str | Sequence[str] = "",
        certificate: ClientCertificate | None = None,
        expires_in: timedelta | float | None = None,
        issuer: str | None = None,
        audience: str | Sequence[str] | None = None,
        algorithm: str | None = None,
        typ: str | None = "at+jwt",
        forged: bool = False,
        **claims: Any,
    ) -> str:
        """Return an access token: a good one unless an argument makes it bad.

        Args:
            subject: `sub`.
            scopes: `scope`, as one text or a list.
            certificate: the certificate it is bound to (`cnf`).
            expires_in: seconds or a timedelta; negative for an expired one. Five minutes unless said.
            issuer: `iss`; the policy's unless said.
            audience: `aud`; the policy's first unless said.
            algorithm: ES256 where the policy has it, else its first.
            typ: of the header; None leaves it out.
            forged: signed by a key the issuer never had, under the name of one it has.
            claims: any more, or others instead; None leaves a claim out (`exp=None`). `auth_time` is now unless said.

        Raises:
            ConfigurationError: the policy accepts no tokens.
        """
        found = next((stack for stack in self._stacks if stack.policy.tokens is not None), None)
        if found is None or found.policy.tokens is None:
            raise ConfigurationError(
                "The policy of this app accepts no tokens.", fix="Add tokens=Tokens(...) to it, or ask without one."
            )
        return minted(
            found.policy.tokens,
            clock=found.guard.clock,
            subject=subject,
            scopes=scopes,
            certificate=certificate,
            expires_in=expires_in,
            issuer=issuer,
            audience=audience,
            algorithm=algorithm,
            typ=typ,
            forged=forged,
            claims=claims,
        )

    def client_certificate(
        self,
        name: str = "Rehearsal client",
        *,
        uris: Iterable[str] = (),
        dns: Iterable[str] = (),
        emails: Iterable[str] = (),
    ) -> ClientCertificate:
        """Return a new client certificate that the rehearsed app trusts.

        Args:
            name: for people.
            uris: identities such as a SPIFFE ID.
            dns: identities; `client.localhost` where there is no other identity at all.
            emails: identities.
        """
        names = list(dns), list(uris), list(emails)
        if not any(names):
            names = (["client.localhost"], [], [])
        at = datetime.now(UTC)
        return self._authorities.client(name, dns=names[0], uris=names[1], emails=names[2], at=at)

    def revoke(self, certificate: ClientCertificate) -> None:
        """Strike a client certificate off: from now on the app refuses it (v5.0.0-12.1.4)."""
        self._revoked.append(certificate)
        policy = self.client_policy()
        for verifier in (stack.guard.certificates for stack in self._stacks):
            if verifier is not None:
                verifier.trust(policy)

    def client_policy(self) -> ClientCertificates:
        """Return whom the app trusts in this rehearsal: the test's clients CA, less the revoked."""
        revoked = [one.certificate for one in self._revoked]
        listed = self._authorities.revocation_list(revoked, at=datetime.now(UTC))
        return ClientCertificates(trust=self._authorities.clients_ca_file, crls=[listed])

    # Checks

    def assert_headers(self, response: Any, *, level: Literal[1, 2, 3] | None = None) -> None:
        """Check the header fields of a response; see rehearsal.assert_headers.

        Args:
            response: of this app or any other.
            level: the ASVS level; the policy's own unless said.

        Raises:
            AssertionError: names each requirement that is missed.
        """
        __tracebackhide__ = True
        headers.assert_headers(response, level=level or self._stacks[0].policy.level)

    def assert_guarded(self, app: Any = None, *, values: Mapping[str, str] | None = None) -> GuardedRoutes:
        """Call every route that is not @public without credentials; each must answer 401 or 403.

        An endpoint that is not guarded runs, with whatever it does. See rehearsal.guarded for what is called, and how.

        Args:
            app: another app to drive than the one served.
            values: for path parameters whose convertor is not known here, by parameter name.

        Returns:
            What was refused, and which routes are public and why.

        Raises:
            AssertionError: a table of the routes that answered otherwise; or the app is not secured, or has no route.
        """
        __tracebackhide__ = True
        if app is None or app is self.app:
            with self.client(timeout=5.0) as client:
                return drive(self._stacks[0], client, values=values or {})
        try:
            with rehearse(app, authorities=self._authorities) as other:
                return other.assert_guarded(values=values)
        except ConfigurationError as error:
            raise AssertionError(f"No route can be driven. {error}") from error

    def _context(self, certificate: ClientCertificate | None) -> ssl.SSLContext:
        if certificate is not None and LOOPBACK in self._stacks[0].policy.proxies:
            raise ConfigurationError(
                f"trusted_proxies holds {LOOPBACK}, so a certificate shown from there counts as the proxy's own.",
                fix="Rehearse client certificates with a policy whose trusted_proxies leave the loopback address out.",
            )
        if certificate not in self._contexts:
            shown = None if certificate is None else (certificate.certfile, certificate.keyfile)
            self._contexts[certificate] = client_context(
                at=datetime.now(UTC), trust=self._authorities.ca_file, client_certificate=shown
            )
        return self._contexts[certificate]
