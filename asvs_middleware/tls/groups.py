"""Key-exchange groups: which of a profile's this OpenSSL has, and which a context really takes: v5.0.0-12.1.2.

Python cannot read the groups of a context before 3.15, so they are found by asking. A server context is offered each
group alone, in a ClientHello made here (RFC 8446 section 4.1.2), in memory; a client context is made to write its
ClientHello, and that is read. Neither needs the linked OpenSSL to know the group that is asked about.

Not checked here: a context without TLS 1.3, and a server context without a certificate; both say nothing of groups.
"""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from os import urandom
from types import MappingProxyType
from typing import Final

NUMBERS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "X25519MLKEM768": 0x11EC,
        "SecP256r1MLKEM768": 0x11EB,
        "SecP384r1MLKEM1024": 0x11ED,
        "X25519": 29,
        "prime256v1": 23,
        "secp384r1": 24,
        "secp521r1": 25,
        "X448": 30,
        "brainpoolP256r1tls13": 31,
        "brainpoolP384r1tls13": 32,
        "brainpoolP512r1tls13": 33,
        "ffdhe2048": 256,
        "ffdhe3072": 257,
        "ffdhe4096": 258,
        "ffdhe6144": 259,
        "ffdhe8192": 260,
        "secp224r1": 21,
        "secp256k1": 22,
        "secp192r1": 19,
    }
)
"""The groups asked about, by OpenSSL's name: the numbers of IANA's registry "TLS Supported Groups"."""

_SINCE: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({"X25519MLKEM768": (3, 5)})

_SUPPORTED_GROUPS: Final = 10
_SIGNATURE_ALGORITHMS: Final = 13
_SUPPORTED_VERSIONS: Final = 43
_KEY_SHARE: Final = 51

_SUITES: Final = bytes.fromhex("130113021303")
_SIGNATURES: Final = bytes.fromhex("0403 0503 0603 0804 0805 0806 0809 080a 080b 0807 0808")


def known_here(groups: Iterable[str], *, openssl: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO) -> tuple[str, ...]:
    """Return those of the groups that OpenSSL of this version has, in the order given.

    >>> known_here(("X25519MLKEM768", "X25519"), openssl=(3, 0, 19))
    ('X25519',)
    """
    return tuple(group for group in groups if openssl[:2] >= _SINCE.get(group, (0, 0)))


def as_setting(groups: Iterable[str], *, openssl: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO) -> str:
    """Return the list as OpenSSL of this version takes it, in its configuration and in `SSLContext.set_groups`.

    From 3.5 on a star marks the groups a client sends a key share of. Without it that is the first alone, and a peer
    that does not know ML-KEM would have to ask a second time.

    >>> as_setting(("X25519MLKEM768", "X25519", "prime256v1"), openssl=(3, 5, 0))
    '*X25519MLKEM768:*X25519:prime256v1'
    """
    known = known_here(groups, openssl=openssl)
    shares = 2 if _SINCE.keys() & {*known} else 0
    return ":".join(f"*{group}" if number < shares else group for number, group in enumerate(known))


def in_force(context: ssl.SSLContext) -> tuple[str, ...] | None:
    """Return the groups the context takes (a server) or offers (a client), or None if it does not tell.

    Some 25 microseconds for each group. The context sees failed handshakes: ask before anything watches it.
    """
    if context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        return _offered(context)
    taken = tuple(name for name, number in NUMBERS.items() if _takes(context, number))
    # One without a certificate, or without TLS 1.3, refuses whatever it is offered.
    return taken or None


def _takes(context: ssl.SSLContext, group: int) -> bool:
    """Tell whether a server that is offered this group alone goes on: it asks for a key share."""
    to_server = ssl.MemoryBIO()
    server = context.wrap_bio(to_server, ssl.MemoryBIO(), server_side=True)
    to_server.write(client_hello(group))
    try:
        server.do_handshake()
    except ssl.SSLError as error:
        return isinstance(error, ssl.SSLWantReadError)
    return False


def client_hello(group: int) -> bytes:
    """Return a TLS 1.3 ClientHello that offers one group, and no key share yet (RFC 8446 section 4.2.8)."""
    extensions = b"".join(
        (
            _extension(_SUPPORTED_VERSIONS, _vector(b"\x03\x04", 1)),
            _extension(_SUPPORTED_GROUPS, _vector(group.to_bytes(2))),
            _extension(_SIGNATURE_ALGORITHMS, _vector(_SIGNATURES)),
            _extension(_KEY_SHARE, _vector(b"")),
        )
    )
    session, compression = _vector(b"", 1), _vector(b"\0", 1)
    body = b"\x03\x03" + urandom(32) + session + _vector(_SUITES) + compression + _vector(extensions)
    return b"\x16\x03\x01" + _vector(b"\x01" + _vector(body, 3))


def _extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2) + _vector(data)


def _vector(data: bytes, width: int = 2) -> bytes:
    return len(data).to_bytes(width) + data


def _offered(context: ssl.SSLContext) -> tuple[str, ...] | None:
    """Return the groups of the ClientHello the context writes; unknown ones by number, GREASE left out."""
    sent = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="asvs.invalid" if context.check_hostname else None)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    names = {number: name for name, number in NUMBERS.items()}
    for kind, data in _extensions(sent.read()):
        if kind == _SUPPORTED_GROUPS:
            numbers = [int.from_bytes(data[at : at + 2]) for at in range(2, len(data), 2)]
            return tuple(names.get(number, hex(number)) for number in numbers)
    return None


def _extensions(record: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the extensions of a ClientHello that OpenSSL wrote: one record, well formed."""
    at = 5 + 4 + 2 + 32  # Record, handshake header, version, random.
    at += 1 + record[at]  # Session.
    at += 2 + int.from_bytes(record[at : at + 2])  # Suites.
    at += 1 + record[at] + 2  # Compression; the length of all extensions.
    while at < len(record):
        kind, size = int.from_bytes(record[at : at + 2]), int.from_bytes(record[at + 2 : at + 4])
        yield kind, record[at + 4 : at + 4 + size]
        at += 4 + size
