"""A request's head: what HTTP/1.1 allows and every parser reads alike, and nothing else. v5.0.0-4.2.1.

RFC 9112 sections 2 to 6, read narrowly: where the RFC lets a recipient repair a message, it is refused, for a proxy in
front may repair it otherwise (request smuggling). One pattern says what a good head is; the reason is looked for only
when it does not fit. Not checked: whether the Host is one of ours (the Host gate of the policy does that, for HTTP/2
too), and what fields mean that frame nothing.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from ...connection.host import parse_host
from ...errors import ConfigurationError, HostRefused, MessageRefused

CHUNKED: Final = -1
"""In place of the length of a body that comes in chunks."""

METHODS: Final = frozenset(
    b"GET HEAD POST PUT PATCH DELETE OPTIONS QUERY "  # RFC 9110, RFC 5789, the QUERY method
    b"ACL BIND CHECKOUT COPY LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE PROPFIND PROPPATCH REBIND REPORT SEARCH "
    b"UNBIND UNLINK UNLOCK "  # WebDAV and its extensions
    b"M-SEARCH NOTIFY PURGE SUBSCRIBE UNSUBSCRIBE".split()  # UPnP and caches
)
"""What every parser knows, without CONNECT and TRACE."""

_FIELD_LINE: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+"
_FIELD: Final = re.compile(_FIELD_LINE)
_LINE: Final = rb"([A-Z-]+) ([!-~]+) HTTP/([0-9])\.([0-9])\r\n"
_REQUEST_LINE: Final = re.compile(_LINE)
FIELDS: Final = rb"(?:" + _FIELD_LINE + rb"\r\n)*+"
_HEAD: Final = re.compile(_LINE + FIELDS + rb"\r\n")
# White space behind the value stays in it, and no value below allows any: parsers differ in whether they cut it off.
FRAMING: Final = re.compile(
    rb"\n(host|content-length|transfer-encoding|(?:proxy-)?connection|upgrade):[\t ]*([^\r]*)", re.IGNORECASE
)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_BARE_CR: Final = re.compile(rb"\r(?!\n)")
_PROXY_CONNECTION: Final = re.compile(rb"(?<=\n)proxy-connection:[^\n]*\n", re.IGNORECASE)
_CONNECTION: Final = re.compile(rb"(?<=\n)connection:[^\n]*\n", re.IGNORECASE)
# What browsers leave as it is passes, of what RFC 3986 does not know; a backslash only where none takes it for a slash.
ORIGIN_FORM: Final = rb"/[!$-;=@-\[\]-~]*+(?:\?[!$-;=?-~]*+)?"
_TARGET: Final = re.compile(ORIGIN_FORM)
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)(.*)\Z", re.IGNORECASE)
LENGTH: Final = re.compile(rb"(?:0|[1-9][0-9]{0,17})\Z")
_LONGEST_HEAD: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadLimits:
    """How large a request's head may be (v5.0.0-4.2.5 asks clients to stay below what servers take).

    Attributes:
        size: bytes of the whole head; more is answered with 431.
        fields: header fields; more is answered with 431.
        target: bytes of the request target; more is answered with 414.

    Raises:
        ConfigurationError: a limit is no number, too small for ordinary requests or too large to be one.
    """

    size: int = 32 * 1024
    fields: int = 100
    target: int = 8 * 1024

    def __post_init__(self) -> None:
        for name, least in (("size", 1024), ("fields", 10), ("target", 255)):
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= _LONGEST_HEAD:
                raise ConfigurationError(
                    f"HeadLimits({name}={given!r}) is no limit.", fix=f"Use {least} to {_LONGEST_HEAD}."
                )


class Head(NamedTuple):
    """A head that may go on to the parser.

    Attributes:
        wire: the bytes for the parser: as they came, or with the target in origin form, or without the Connection field
            of HTTP/1.0.
        body: the bytes that follow, or CHUNKED.
        last: no further request may come on this connection.
        upgrades: the connection is to become a WebSocket.
    """

    wire: bytes
    body: int
    last: bool
    upgrades: bool


def judge_head(head: bytes, limits: HeadLimits) -> Head:
    """Return what is to be done with a whole head, from the method to the empty line.

    Raises:
        MessageRefused: with the status to answer.
    """
    if len(head) > limits.size:
        raise too_large(limits)
    found = _HEAD.fullmatch(head)
    if found is None:
        raise fault_of(head)
    method, target, minor = _judge_line(found, limits)
    if head.count(b"\n") - 2 > limits.fields:
        raise MessageRefused(f"The head has more than {limits.fields} fields.", status=431, code="too_many_fields")
    host = length = coding = connection = upgrade = None
    for name, value in FRAMING.findall(head):
        known = name.lower()
        if known == b"host" and host is None:
            host = value
        elif known == b"connection":
            connection = value.lower() if connection is None else connection + b"," + value.lower()
        elif known == b"proxy-connection":  # llhttp takes it for Connection, and others for nothing (RFC 9112 C.2.2).
            head = _PROXY_CONNECTION.sub(b"", head)
        elif known == b"content-length" and length is None:
            length = value
        elif known == b"transfer-encoding" and coding is None:
            coding = value
        elif known == b"upgrade" and upgrade is None:
            upgrade = value.lower()
        else:
            raise MessageRefused(f"The field {known.decode()} comes more than once.", code="duplicate_field")
    if host is None:
        raise MessageRefused("There is no Host field.", code="host_missing")
    _check_host(host)
    if target[0] != 0x2F or not _TARGET.fullmatch(target):
        head = _in_origin_form(head, method, target, host)
    body = 0
    if length is not None or coding is not None:
        body = _body(length, coding, minor)
    if minor == b"1" and (connection is None or connection == b"keep-alive"):
        return Head(head, body, False, False)
    options = {option.strip(b" \t") for option in (connection or b"").split(b",")}
    upgrades = upgrade is not None and b"upgrade" in options
    if upgrades and (upgrade, method, minor, body) != (b"websocket", b"GET", b"1", 0):
        raise MessageRefused("The only upgrade is that of a GET without body to WebSocket.", code="upgrade_refused")
    if minor == b"0":  # Some parsers would keep the connection open if the field says so, and some would not.
        return Head(_CONNECTION.sub(b"", head), body, True, False)
    return Head(head, body, upgrades or b"close" in options, upgrades)


def judge_beginning(head: bytes, limits: HeadLimits) -> bool:
    """Refuse a head without an end as soon as no end could mend it; return whether its first line is whole.

    Raises:
        MessageRefused: as for judge_head().
    """
    if len(head) > limits.size:
        raise too_large(limits)
    if b"\n" not in head:
        return False
    found = _REQUEST_LINE.match(head)
    if found is None:
        raise fault_of(head)
    _judge_line(found, limits)
    return True


def fault_of(head: bytes) -> MessageRefused:
    """Return why bytes are no head. They may be the beginning of one, up to some line's end."""
    if byte := _CONTROL.search(head):
        return MessageRefused(f"The head holds the control byte 0x{byte[0][0]:02x}.", code="control_byte")
    if _BARE_LF.search(head):
        return MessageRefused("A line of the head ends with LF alone.", code="bare_lf")
    if _BARE_CR.search(head):
        return MessageRefused("The head holds a CR without LF.", code="bare_cr")
    if not _REQUEST_LINE.match(head):
        return MessageRefused("The first line is no HTTP/1.1 request line.", code="request_line")
    return _fault_of_field(next(line for line in head.split(b"\r\n")[1:] if not _FIELD.fullmatch(line)))


def too_large(limits: HeadLimits) -> MessageRefused:
    """Return the refusal of a head that is longer than allowed."""
    return MessageRefused(f"The head has more than {limits.size} bytes.", status=431, code="head_too_large")


def _judge_line(found: re.Match[bytes], limits: HeadLimits) -> tuple[bytes, bytes, bytes]:
    method, target, major, minor = found.groups()
    if major != b"1" or minor > b"1":
        raise MessageRefused("The version is neither HTTP/1.0 nor HTTP/1.1.", status=505, code="http_version")
    if method not in METHODS:
        raise _method_refused(method)
    if len(target) > limits.target:
        raise MessageRefused(f"The target has more than {limits.target} bytes.", status=414, code="target_too_long")
    return method, target, minor


def _fault_of_field(line: bytes) -> MessageRefused:
    name, colon, _ = line.partition(b":")
    if line[:1] in {b" ", b"\t"}:
        return MessageRefused("A field goes on in the next line (obs-fold).", code="folded_field")
    if not colon:
        return MessageRefused("A field line has no colon.", code="field_without_colon")
    if name.rstrip(b" \t") != name:
        return MessageRefused("White space stands before the colon of a field.", code="space_before_colon")
    return MessageRefused("A field's name is no token.", code="field_name")


def _method_refused(method: bytes) -> MessageRefused:
    name = method[:32].decode()
    if method in {b"CONNECT", b"TRACE", b"TRACK"}:
        # RFC 9110 section 15.5.6: the answer says what is allowed.
        allow = (b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
        return MessageRefused(
            f"{name} is not served.", status=405, code="method_refused", headers=[allow], requirement="v5.0.0-4.1.4"
        )
    return MessageRefused(f"No such method: {name}.", status=501, code="method_unknown", requirement="v5.0.0-4.1.4")


def _check_host(host: bytes) -> None:
    try:
        parse_host(host)
    except HostRefused as error:
        raise MessageRefused(error.reason, code=error.code, requirement=error.requirement) from None


def _in_origin_form(head: bytes, method: bytes, target: bytes, host: bytes) -> bytes:
    """Return the head with the target in origin form: parsers leave the others as they are, or do not.

    RFC 9112 section 3.2.2: the authority of the absolute form counts, and not the Host. Only where both agree is there
    nothing to choose.
    """
    if target == b"*" and method == b"OPTIONS":
        return head
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise MessageRefused("The target is no path of this server.", code="target_malformed")
    authority, rest = absolute.groups()
    if authority.lower() != host.lower():
        raise MessageRefused("The authority of the target is not the Host.", code="authority_mismatch")
    path = rest if rest.startswith(b"/") else b"/" + rest
    if not _TARGET.fullmatch(path):
        raise MessageRefused("The target is no path of this server.", code="target_malformed")
    return head.replace(target, path, 1)


def _body(length: bytes | None, coding: bytes | None, minor: bytes) -> int:
    """Return the length of the body, or CHUNKED (RFC 9112 section 6)."""
    if coding is None:
        if length is None or not LENGTH.match(length):
            raise MessageRefused("Content-Length is no plain number.", code="content_length")
        return int(length)
    if length is not None:
        raise MessageRefused("Both Transfer-Encoding and Content-Length are given.", code="two_lengths")
    if minor == b"0":
        raise MessageRefused("HTTP/1.0 has no Transfer-Encoding.", code="transfer_encoding")
    if coding.lower() != b"chunked":
        raise MessageRefused('Transfer-Encoding is not "chunked" alone.', code="transfer_encoding")
    return CHUNKED
