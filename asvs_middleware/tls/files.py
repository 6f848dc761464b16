"""Certificates and keys from PEM files: what cannot work, or must not, is refused before the first connection.

v5.0.0-12.1.2 (key sizes), v5.0.0-12.3.4 (named CAs), v5.0.0-13.3.2 (a key that others can read is no secret).
Dates are compared once, at start-up; a certificate that expires later is refused by its peers. Revocation of one's
own certificate is not looked up.
"""

import os
import re
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ..certificates.pem import refuse_torn
from ..errors import ConfigurationError
from ..names import known
from .guidelines import GUIDELINES, Guideline

FilePath = str | os.PathLike[str]

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises where a certificate or key is not what it should be."""

_LONGEST_LINE: Final = 1024
_NAME: Final = re.compile("[A-Za-z]{1,20}[-_ ][0-9]{1,2}[.][0-9]{1,2}")
"""What may be the name of a profile, misspelt or not."""

_FOR_OTHERS: Final = 0o007 if os.name == "posix" else 0  # Windows has no such bits.


def load_identity(
    context: ssl.SSLContext, certfile: FilePath, keyfile: FilePath, *, password: str | None, at: datetime
) -> list[x509.Certificate]:
    """Load a certificate, the chain above it and its key into the context, and return them, the own one first.

    Args:
        context: of a server or of a client.
        certfile: PEM, the own certificate first, then the intermediate ones.
        keyfile: PEM; may be the same file.
        password: of the key.
        at: now; must be aware.

    Raises:
        ConfigurationError: names the argument, what is wrong with the file, and what to do.
    """
    chain = read_chain("certfile", certfile)
    own = chain[0]
    with _naming("certfile", certfile, fix="Use an RSA key of 2048 bits, or ECDSA with P-256."):
        public = own.public_key()
        _check_strength(public)
    _check_dates(certfile, own, at)
    if _private_key(keyfile, password).public_key() != public:
        raise ConfigurationError(
            f"keyfile={os.fspath(keyfile)!r} is not the key of certfile={os.fspath(certfile)!r}.",
            fix="Give the key the certificate was issued for; the own certificate stands first in certfile.",
        )
    with _naming("certfile", certfile, fix="Have the chain issued anew with keys of 2048 bits and SHA-256."):
        # An empty password, for with none OpenSSL would ask on the terminal.
        context.load_cert_chain(certfile, keyfile, password=password or "")
    return chain


def load_trust(context: ssl.SSLContext, argument: str, path: FilePath, *, at: datetime) -> None:
    """Add the certificates of a PEM file to the context's trust anchors.

    Raises:
        ConfigurationError: the file cannot be read, is cut off, holds no certificate, or only expired ones.
    """
    with _naming(argument, path, fix="Give PEM: one or more blocks that begin with -----BEGIN CERTIFICATE-----."):
        _read(argument, path)
        context.load_verify_locations(path)
    # OpenSSL lists CAs only. An anchor that is the peer's own certificate is judged in the handshake.
    ends = [ssl.cert_time_to_seconds(str(anchor["notAfter"])) for anchor in context.get_ca_certs()]
    if ends and max(ends) < at.timestamp():
        raise ConfigurationError(f"{_given(argument, path)} holds expired CAs only.", fix="Give the current CA.")


def read_chain(argument: str, path: FilePath) -> list[x509.Certificate]:
    """Return the certificates of a PEM file in their order; there is at least one.

    Raises:
        ConfigurationError: the file cannot be read, is cut off, or holds no certificate.
    """
    with _naming(argument, path, fix="Give PEM: one or more blocks that begin with -----BEGIN CERTIFICATE-----."):
        return x509.load_pem_x509_certificates(_read(argument, path))


def read_password(argument: str, path: FilePath) -> str:
    """Return the text of a file that holds a password and nothing else; the end of its line does not count.

    Raises:
        ConfigurationError: it cannot be read, every user of the machine can, or it holds no password.
    """
    with _naming(argument, path, fix="Give a file of one line, in UTF-8, that holds the password of the key."):
        _refuse_open(argument, path)
        return _only_line(path, "a password")


def read_profile(argument: str, path: FilePath) -> Guideline:
    """Return the guideline that a file names and says nothing else; the end of its line does not count.

    Raises:
        ConfigurationError: it cannot be read, or holds no name of a profile.
    """
    with _naming(argument, path, fix='Give a file of one line that holds the name of a profile: "modern-6.0".'):
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise ValueError("it is no file that can be read again and again")
        name = _only_line(path, "the name of a profile")
        if not _NAME.fullmatch(name):  # It may be another file, with a secret in it: it is not repeated.
            raise ValueError("it does not hold the name of a profile")
    return GUIDELINES[known(name, GUIDELINES, where=f"{_given(argument, path)}: the list of TLS profiles")]


def _only_line(path: FilePath, what: str) -> str:
    with Path(path).open("rb") as file:
        text = file.read(_LONGEST_LINE + 3).decode().removesuffix("\n").removesuffix("\r")
    if not text or len(text) > _LONGEST_LINE or not text.isprintable():
        raise ValueError(f"it does not hold one line with {what}")
    return text


def _refuse_open(argument: str, path: FilePath) -> None:
    """Raise if others than owner and group have access.

    The group is let in: Debian hands keys out to the group ssl-cert, Kubernetes to the group of the pod.
    """
    if Path(path).stat().st_mode & _FOR_OTHERS:
        raise ConfigurationError(
            f"{_given(argument, path)} is open to every user of the machine.",
            fix="chmod 600 it (in Kubernetes: defaultMode: 0400), and renew the key if others had access.",
        )


def _private_key(path: FilePath, password: str | None) -> PrivateKeyTypes:
    with _naming("keyfile", path, fix="Give a PEM private key, and its password if it is encrypted."):
        _refuse_open("keyfile", path)
        return load_pem_private_key(_read("keyfile", path), password.encode() if password else None)


def _read(argument: str, path: FilePath) -> bytes:
    """Return the bytes of a PEM file; one that is cut off is refused."""
    data = Path(path).read_bytes()
    refuse_torn(data, _given(argument, path))
    return data


def _check_strength(key: CertificatePublicKeyTypes) -> None:
    match key:
        case rsa.RSAPublicKey(key_size=size) if size < 2048:
            raise ValueError(f"an RSA key of {size} bits is too short")
        case ec.EllipticCurvePublicKey(curve=curve) if not isinstance(
            curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1
        ):
            raise ValueError(f"no TLS profile has the curve {curve.name}")
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey() | ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return
        case _:
            raise ValueError("the key is neither RSA nor elliptic curve")


def _check_dates(path: FilePath, own: x509.Certificate, at: datetime) -> None:
    if at < own.not_valid_before_utc:
        raise ConfigurationError(
            f"{_given('certfile', path)} is not valid before {own.not_valid_before_utc:%Y-%m-%d %H:%M} UTC.",
            fix="Set the clock right, or wait with the new certificate.",
        )
    if at > own.not_valid_after_utc:
        raise ConfigurationError(
            f"{_given('certfile', path)} expired on {own.not_valid_after_utc:%Y-%m-%d %H:%M} UTC.",
            fix="Give a renewed certificate.",
        )


@contextmanager
def _naming(argument: str, path: FilePath, *, fix: str) -> Iterator[None]:
    """Say of any failure which argument it belongs to. Error texts of the libraries hold no key material."""
    try:
        yield
    except ssl.SSLError as error:
        raise ConfigurationError(f"{_given(argument, path)}: OpenSSL says {error.reason}.", fix=fix) from error
    except OSError as error:
        raise ConfigurationError(
            f"{_given(argument, path)} cannot be read: {error.strerror}.", fix="Check the path and who may read it."
        ) from error
    except UNREADABLE as error:
        raise ConfigurationError(f"{_given(argument, path)} cannot be used: {error}.", fix=fix) from error


def _given(argument: str, path: FilePath) -> str:
    return f"{argument}={os.fspath(path)!r}"
