"""The header fields only a proxy may write: v5.0.0-4.1.3.

Two families say the same things, and only one of them counts (trust.py). A name with `_` for `-` is no field of any
proxy; some gateways read both as one, so it is removed whoever sent it. Names are compared in lower case, as ASGI
gives them.
"""

from collections.abc import Iterable
from itertools import product
from typing import Final

RFC_7239: Final = frozenset({b"forwarded"})

X_FORWARDED: Final = frozenset({
    b"cf-connecting-ip", b"cf-connecting-ipv6", b"fastly-client-ip", b"front-end-https", b"true-client-ip",
    b"x-client-ip", b"x-cluster-client-ip", b"x-forwarded-by", b"x-forwarded-for", b"x-forwarded-host",
    b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-proto", b"x-forwarded-protocol",
    b"x-forwarded-scheme", b"x-forwarded-server", b"x-forwarded-ssl", b"x-original-forwarded-for", b"x-real-ip",
    b"x-scheme", b"x-url-scheme",
})  # fmt: skip
"""X-Forwarded-* and what goes with it: the address of the client, the scheme, the host, in one field each."""


def _lookalikes(names: Iterable[bytes]) -> frozenset[bytes]:
    """Return every spelling with at least one underscore in the place of a hyphen.

    >>> sorted(_lookalikes([b"a-b-c"]))
    [b'a-b_c', b'a_b-c', b'a_b_c']
    """
    found = set()
    for name in names:
        first, *rest = name.split(b"-")
        for between in product((b"-", b"_"), repeat=len(rest)):
            found.add(first + b"".join(sign + part for sign, part in zip(between, rest, strict=True)))
    return frozenset(found) - frozenset(names)


LOOKALIKES: Final = _lookalikes(X_FORWARDED)
WRITTEN_BY_PROXIES: Final = RFC_7239 | X_FORWARDED | LOOKALIKES
