"""Every format, by the name an operator gives it, and every field name that any of them, or an app, might believe."""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Final

from .amazon import ALB_PASSTHROUGH, ALB_VERIFY, CLOUDFRONT
from .azure import AZURE
from .caddy import CADDY
from .cloudflare import CLOUDFLARE
from .decoding import Format
from .envoy import ENVOY
from .google import GOOGLE
from .haproxy import HAPROXY
from .nginx import APACHE, NGINX
from .rfc9440 import RFC9440
from .traefik import TRAEFIK

_ALL: Final = (
    RFC9440, ALB_PASSTHROUGH, ALB_VERIFY, APACHE, AZURE, CADDY, CLOUDFLARE, CLOUDFRONT, ENVOY, GOOGLE, HAPROXY, NGINX,
    TRAEFIK,
)  # fmt: skip

FORMATS: Final[Mapping[str, Format]] = MappingProxyType({one.name: one for one in _ALL})
"""The decoders."""

KNOWN: Final = frozenset(name.encode() for one in _ALL for name in (*one.fields.values(), *one.companions))
"""The fields that may hold a forwarded certificate, or words about one, in any format."""


@cache
def lookalikes(name: bytes) -> frozenset[bytes]:
    """Return the spellings that some servers and gateways take for the same name: `_` where it has `-`.

    >>> sorted(lookalikes(b"client-cert"))
    [b'client_cert']
    """
    parts = name.split(b"-")
    joints = product((b"-", b"_"), repeat=len(parts) - 1)
    spelt = (b"".join(piece for pair in zip(parts, (*joint, b""), strict=True) for piece in pair) for joint in joints)
    return frozenset(spelt) - {name}


def spellings(names: Iterable[bytes]) -> frozenset[bytes]:
    """Return the names with all their lookalikes."""
    return frozenset(one for name in names for one in (name, *lookalikes(name)))
