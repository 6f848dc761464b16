"""What trusted proxies say about a request in the Forwarded field: RFC 7239; v5.0.0-4.1.3 and v5.0.0-15.3.4.

One element for each proxy, so its `for`, `proto` and `host` belong together. The grammar is kept to the letter, but
for spaces round a semicolon: a quoted text of the client's that was read one character too far would swallow what
the proxy wrote. `by` is parsed and not used.
"""

import re
from collections.abc import Container
from typing import Final, NamedTuple

from .networks import is_address
from .proxies import SECURE, Forwarded, Pairs, walk

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_PAIR: Final = re.compile(rb"(" + _TOKEN + rb")=(" + _TOKEN + rb"|" + _QUOTED + rb")")
_BETWEEN: Final = re.compile(rb"[\t ]*([;,])[\t ]*")
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_NODE: Final = re.compile(r"(\[(?P<v6>[^\]]+)\]|(?P<v4>[0-9.]+))(:([0-9]{1,5}|_[A-Za-z0-9._-]+))?\Z")  # Section 6.


class Element(NamedTuple):
    """What one proxy wrote; None where it did not say, or hides it (`unknown`, `_hidden`)."""

    client: str | None = None
    proto: bytes | None = None
    host: bytes | None = None


Line = tuple[Element, ...] | None
"""The elements of one field line, or None where it breaks the grammar."""


def read_rfc7239(pairs: Pairs, *, peer: str, trusted: Container[str | None], hops: int | None = None) -> Forwarded:
    """Follow the chain as read_forwarded() does; see there for the arguments.

    A line that breaks the grammar is one element that cannot be read. If it has to be read, nothing is believed: the
    client is unknown and the request counts as plaintext.
    """
    elements: list[Element | None] = []
    for name, value in pairs:
        if name == b"forwarded":
            line = parse_forwarded(value)
            elements += (None,) if line is None else line
    if not elements:
        return Forwarded(client=walk((), _client, peer=peer, trusted=trusted, hops=hops)[0], secure=None, host=None)
    client, passed = walk(elements, _client, peer=peer, trusted=trusted, hops=hops)
    if passed > len(elements) or None in elements[-passed:]:
        return Forwarded(client=None, secure=False, host=None, readable=False)
    chosen = elements[-passed] or Element()
    return Forwarded(
        client=client,
        secure=None if chosen.proto is None else chosen.proto.lower() in SECURE,
        host=chosen.host,
    )


def parse_forwarded(value: bytes) -> Line:
    """Return the elements of a field value, the nearest proxy's last.

    >>> parse_forwarded(b'for=192.0.2.43;proto=https, For="[2001:db8::1]:4711"')
    (Element(client='192.0.2.43', proto=b'https', host=None), Element(client='2001:db8::1', proto=None, host=None))
    >>> parse_forwarded(b'for="192.0.2.43') is None
    True
    """
    value = value.strip(b" \t")
    elements: list[Element] = []
    found: dict[bytes, bytes] = {}
    at = 0
    while True:
        pair = _PAIR.match(value, at)
        if pair:
            name = pair[1].lower()
            if name in found:
                return None  # Section 4: no parameter twice; two readers would choose differently.
            found[name] = _unquoted(pair[2])
            at = pair.end()
        border = _BETWEEN.match(value, at)
        if border is None or border[1] == b",":
            elements.append(_element(found))
            found = {}
        if border is None:
            return tuple(elements) if at == len(value) else None
        at = border.end()


def _unquoted(text: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", text[1:-1]) if text.startswith(b'"') else text


def _element(found: dict[bytes, bytes]) -> Element:
    node = _NODE.match(found.get(b"for", b"").decode("latin-1"))
    address = (node["v6"] or node["v4"]) if node else ""
    known = is_address(address) and (":" in address) is bool(node and node["v6"])
    return Element(address if known else None, found.get(b"proto"), found.get(b"host"))


def _client(element: Element | None) -> str | None:
    return element and element.client
