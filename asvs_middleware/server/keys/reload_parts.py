"""What a running server has from files, part by part: read and checked first, put in force by one assignment after.

v5.0.0-12.1.3, 12.1.4 and 13.3.4. A part reads all of its files and returns what puts them in force, so that several
parts change together or not at all (`reload`).
"""

import ssl
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.serialization import Encoding

from ...certificates import ClientCertificates, ClientCertificateVerifier
from ...certificates.revocation.change import refuse_worse
from ...errors import ConfigurationError
from ...tls import Guideline, Lifetime, in_force, read_chain
from ...tls.reload import ReloadableContext
from ..policy import ServerPolicy
from .choices import chosen_guideline
from .expiry import ExpiryWatch
from .groups import report
from .own_certificates import give_advice, lifetimes
from .watching import FilePath

Commit = Callable[[], None]


class Part(Protocol):
    """Something made of files."""

    def paths(self) -> Iterable[FilePath]:
        """Return the files, and the folders of files, it is made of."""

    def read(self, at: datetime) -> Commit:
        """Read and check everything, and return what puts it in force, which cannot fail.

        Raises:
            ConfigurationError: a file does not hold what it should.
        """


class ServerFiles:
    """The server's certificates and keys, the CAs of its clients, and the profile they are used with.

    Attributes:
        policy: names the files.
        profile: what the context follows; None where TLS ends at a proxy.
        context: what connections begin with.
        expiry: how long the certificates in force still hold.
    """

    def __init__(self, policy: ServerPolicy, *, hosts: Collection[str] = (), at: datetime) -> None:
        self.policy = policy
        self.profile = chosen_guideline(policy) if policy.over_tls else None
        # Where TLS ends at a proxy there is nothing to read, and the context is empty: nobody begins with it.
        self.context = ReloadableContext(
            policy.context(at) if policy.over_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        )
        self.expiry = ExpiryWatch(lifetimes(policy))
        self._hosts = hosts
        self._groups_of: Guideline | None = None  # Whose groups were looked at.
        # By context, for a connection that began before an exchange was shown the certificate of before.
        self._shown = WeakKeyDictionary[ssl.SSLContext, str | None]({self.context.current: _own_certificate(policy)})

    def paths(self) -> Iterable[FilePath]:
        """Return every file the policy names for TLS."""
        policy = self.policy
        named = (policy.certfile, policy.keyfile, policy.keyfile_password_file, policy.client_ca, policy.profile_file)
        return [path for path in (*named, *(one for pair in policy.other_certificates for one in pair)) if path]

    def read(self, at: datetime) -> Commit:
        """Build a context, and have it answer a ClientHello."""
        policy = self.policy
        if not policy.over_tls:
            return lambda: None
        context = policy.context(at)
        if in_force(context) is None:
            raise ConfigurationError(
                "A context with these files answers no ClientHello.", fix="Have the certificate issued anew."
            )
        return partial(self._put, context, chosen_guideline(policy), _own_certificate(policy), lifetimes(policy))

    def shown(self, tls: ssl.SSLObject) -> str | None:
        """Return the certificate, PEM, that this connection was shown; None if it is not one of ours."""
        return self._shown.get(tls.context)

    def advise(self, at: datetime) -> None:
        """Write an event for each thing that could be better about the certificates, and for groups beside the profile.

        Raises:
            ConfigurationError: a file cannot be read.
        """
        if self.profile is None:
            return
        if self.profile is not self._groups_of:
            self._groups_of = self.profile
            report(self.context.current, self.profile.groups)
        give_advice(self.policy, profile=self.profile, hosts=self._hosts, at=at)

    def _put(self, context: ssl.SSLContext, profile: Guideline, shown: str | None, lives: dict[str, Lifetime]) -> None:
        self.profile, self._shown[context] = profile, shown
        self.context.swap(context)
        self.expiry.replace(lives)


class ClientFiles:
    """Whom the app trusts to issue client certificates, and who was struck off."""

    def __init__(self, verifier: ClientCertificateVerifier) -> None:
        self._verifier = verifier

    def paths(self) -> Iterable[FilePath]:
        """Return every file the policy names."""
        policy = self._verifier.policy
        return [policy.trust, *policy.crls, *policy.intermediates]

    def read(self, at: datetime) -> Commit:
        """Read the files again; in force, it forgets every verdict of before."""
        before = self._verifier.policy
        policy = replace(before)
        refuse_worse(before.revocation, policy.revocation, (*policy.anchors, *policy.authorities), at)
        return partial(self._put, policy)

    def _put(self, policy: ClientCertificates) -> None:
        self._verifier.trust(policy)
        if self._verifier.informant is not None:
            self._verifier.informant.wake()  # Lists that are fetched may be of a CA that is new.


def _own_certificate(policy: ServerPolicy) -> str | None:
    if policy.certfile is None:
        return None
    return read_chain("certfile", policy.certfile)[0].public_bytes(Encoding.PEM).decode("ascii")
