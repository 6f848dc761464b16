"""Which peers forward client certificates, and how: v5.0.0-4.1.3, v5.0.0-12.1.3.

Not checked here: that the proxy asks clients for a certificate, verifies it, and replaces what clients write into the
same fields. Nobody but its operator can, and a certificate is public: all depends on it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from ipaddress import ip_network
from typing import Final

from ...errors import ConfigurationError
from ...names import known, quoted
from ..field_names import WRITTEN_BY_PROXIES
from ..networks import UNIX, Networks
from .decoding import Chain, Values
from .formats import FORMATS, spellings

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+){0,7}")
_TAKEN: Final = WRITTEN_BY_PROXIES | {b"host", b"authorization", b"cookie"}


@dataclass(frozen=True, slots=True)
class ForwardedCertificates:
    """The proxies whose word on a client's certificate counts.

    Args:
        format: how they send it: `rfc9440`, `envoy`, `nginx`, `haproxy`, `traefik`, `apache`, `caddy`, `alb-verify`,
            `alb-passthrough`, `cloudfront`, `cloudflare`, `google` or `azure`.
        peers: addresses, networks (CIDR) or `unix`, as the app's server sees them: the last hop alone. Each lies in the
            policy's trusted_proxies.
        fields: other names of the fields, by role (`certificate`, `chain`, `verdict`, ...), for formats whose names the
            proxy's operator chooses.

    Raises:
        ConfigurationError: the format or a role is unknown, nobody or everybody is a peer, or a field's name cannot be.
    """

    format: str = "rfc9440"
    _: KW_ONLY
    peers: Sequence[str]
    fields: Mapping[str, str] = field(default_factory=dict)
    networks: Networks = field(init=False, repr=False, compare=False)
    roles: Mapping[bytes, str] = field(init=False, repr=False, compare=False)
    own: frozenset[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        decoder = FORMATS[known(self.format, FORMATS, where="ForwardedCertificates(format)")]
        networks = Networks(self.peers, argument="ForwardedCertificates(peers)")
        if not networks:
            raise ConfigurationError(
                "ForwardedCertificates(peers=[]) believes nobody.",
                fix='Name the addresses your proxies connect from, such as "10.0.0.7", or "unix".',
            )
        names = {**decoder.fields, **_renamed(self.fields, self.format)}
        if len(set(names.values())) < len(names):
            raise ConfigurationError(
                f"ForwardedCertificates(fields={dict(self.fields)!r}) gives one name to two fields.",
                fix=f"The names in use are {dict(names)!r}.",
            )
        roles = {name.encode(): role for role, name in names.items()}
        companions = (name.encode() for name in decoder.companions)
        object.__setattr__(self, "peers", networks.given)
        object.__setattr__(self, "networks", networks)
        object.__setattr__(self, "roles", roles)
        object.__setattr__(self, "own", frozenset((*roles, *companions)))

    @property
    def read(self) -> frozenset[bytes]:
        """The fields that are read, and their lookalikes, which are refused."""
        return spellings(self.roles)

    def peers_outside(self, trusted: Sequence[str]) -> list[str]:
        """Return the peers that lie in none of these networks."""
        return [peer for peer in self.networks.given if not _lies_in(peer, trusted)]

    def decode(self, values: Values) -> Chain:
        """Return the chain, leaf first; empty where the client showed no certificate.

        Raises:
            CertificateRefused: `facts["reason_code"]` says why.
        """
        return FORMATS[self.format].decode(values)


def _lies_in(peer: str, trusted: Sequence[str]) -> bool:
    if peer == UNIX:
        return UNIX in trusted
    network = ip_network(peer)
    others = (ip_network(one) for one in trusted if one != UNIX)
    return any(network.version == other.version and network.subnet_of(other) for other in others)  # type: ignore[arg-type]  # Of one version.


def _renamed(fields: object, form: str) -> dict[str, str]:
    if not isinstance(fields, Mapping):
        raise ConfigurationError(
            f"ForwardedCertificates(fields={quoted(fields)}) is no mapping.",
            fix='Write fields={"certificate": "x-ssl-cert"}.',
        )
    if fields and not FORMATS[form].renamable:
        raise ConfigurationError(
            f"ForwardedCertificates({form!r}, fields=...) names fields, and those of this format are fixed.",
            fix="Leave fields out, or choose the format whose fields your proxy sends.",
        )
    return {
        known(role, FORMATS[form].fields, where="ForwardedCertificates(fields)"): _field_name(name)
        for role, name in fields.items()
    }


def _field_name(given: object) -> str:
    name = given.lower() if isinstance(given, str) else ""
    if len(name) > 64 or not _NAME.fullmatch(name) or name.encode() in _TAKEN:
        raise ConfigurationError(
            f"ForwardedCertificates(fields) holds {quoted(given)}, which cannot be the name of such a field.",
            fix='Use letters, digits and single hyphens, such as "x-ssl-client-cert"; no underscore.',
        )
    return name
