"""The files in which providers publish the networks they connect from: one shape, whatever theirs was.

Plain text has one network a line and `#` comments. JSON is a list of networks, or what AWS, Google Cloud, Cloudflare,
Fastly and Azure (service tags) publish. Anything else is refused, not read in part.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from ..errors import ConfigurationError
from ..names import known

_LISTS: Final = ("prefixes", "ipv6_prefixes", "ipv4_cidrs", "ipv6_cidrs", "addresses", "ipv6_addresses")
_PREFIXES: Final = ("ip_prefix", "ipv6_prefix", "ipv4Prefix", "ipv6Prefix")

Entry = tuple[Any, Any]
"""The service a network belongs to, where the file says so, and the network."""


def parse_ranges(text: str, *, service: str | None, where: str) -> tuple[str, ...]:
    """Return the networks in a file, each once, as they are written there.

    Args:
        text: the file.
        service: take the networks of this service alone.
        where: what to call the file in messages.

    Raises:
        ValueError: the text has another shape, or holds nothing.
        ConfigurationError: the file lists several services and none is chosen, or not the one that is.
    """
    text = text.strip()
    entries = list(_in_json(text) if text[:1] in ("[", "{") else _in_lines(text))
    if not all(isinstance(name, str | None) and isinstance(network, str) for name, network in entries):
        raise ValueError("it has something else where text belongs")
    services = {name for name, _ in entries if name is not None}
    if service is not None:
        if not services:
            raise ConfigurationError(f"{where} names no service, and {service!r} was chosen.", fix="Leave service out.")
        known(service, services, where=f"{where} among its services")
        entries = [(name, network) for name, network in entries if name == service]
    elif len(services) > 1:
        raise ConfigurationError(
            f"{where} lists the networks of {len(services)} services; in some of them anybody can rent an address.",
            fix=f'Choose the one that connects here, such as service="{min(services)}".',
        )
    if not entries:
        raise ValueError("it holds no network")
    return tuple(dict.fromkeys(network for _, network in entries))


def _in_lines(text: str) -> Iterator[Entry]:
    for line in text.splitlines():
        if network := line.partition("#")[0].strip():
            yield None, network


def _in_json(text: str) -> Iterator[Entry]:
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    if isinstance(found, dict) and isinstance(found.get("result"), dict):
        found = found["result"]
    return _entries(found)


def _entries(found: Any) -> Iterator[Entry]:
    match found:
        case list():
            yield from _each(found)
        case {"values": list() as tags}:
            for tag in tags:
                yield from _service_tag(tag)
        case dict() if lists := [found[name] for name in _LISTS if isinstance(found.get(name), list)]:
            for one in lists:
                yield from _each(one)
        case _:
            raise ValueError("its JSON has none of the known shapes")


def _each(items: list[Any]) -> Iterator[Entry]:
    for item in items:
        match item:
            case str():
                yield None, item
            case dict() if networks := [item[name] for name in _PREFIXES if name in item]:
                yield from ((item.get("service"), network) for network in networks)
            case _:
                raise ValueError(f"its JSON has an entry that is neither text nor has any of {', '.join(_PREFIXES)}")


def _service_tag(tag: Any) -> Iterator[Entry]:
    match tag:
        case {"name": name, "properties": {"addressPrefixes": list() as networks}}:
            yield from ((name, network) for network in networks)
        case _:
            raise ValueError("its JSON has a service tag without name and addressPrefixes")
