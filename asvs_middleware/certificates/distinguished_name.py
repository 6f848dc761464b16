"""Distinguished names (RFC 4514), compared as what they are: a sequence of sets of attributes. v5.0.0-12.1.3.

A name written by an operator is parsed into the same structure as the subject of a certificate, so the order of
`+`-joined attributes, the spelling of keywords and the way of escaping make no difference, and everything else does.
A text is never searched: `CN=admin` inside another value is part of that value.

Values are compared to the letter, in whichever of its string types the certificate holds them. That is stricter than
RFC 5280 section 7.1, which also takes capitals and repeated spaces for the same: a name is then refused, not passed.
Values in hexadecimal (`#0c05…`) are not taken: write them as text.
"""

import re
from collections.abc import Mapping
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ..errors import ConfigurationError
from ..names import quoted

RDNs = tuple[frozenset[tuple[str, str | bytes]], ...]
"""Relative distinguished names, the most significant first as in a certificate: sets of (dotted OID, value)."""

LONGEST: Final = 1024
"""Characters of a written name."""

_KEYWORDS: Final[Mapping[str, str]] = {
    keyword: oid.dotted_string
    for keyword, oid in {
        "CN": NameOID.COMMON_NAME,  # These nine are RFC 4514 section 3, the others what OpenSSL prints.
        "L": NameOID.LOCALITY_NAME,
        "ST": NameOID.STATE_OR_PROVINCE_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "C": NameOID.COUNTRY_NAME,
        "STREET": NameOID.STREET_ADDRESS,
        "DC": NameOID.DOMAIN_COMPONENT,
        "UID": NameOID.USER_ID,
        "EMAILADDRESS": NameOID.EMAIL_ADDRESS,
        "SERIALNUMBER": NameOID.SERIAL_NUMBER,
        "ORGANIZATIONIDENTIFIER": NameOID.ORGANIZATION_IDENTIFIER,
        "SN": NameOID.SURNAME,
        "GN": NameOID.GIVEN_NAME,
        "TITLE": NameOID.TITLE,
        "DNQUALIFIER": NameOID.DN_QUALIFIER,
    }.items()
}
_SPELLINGS: Final = {oid: keyword for keyword, oid in _KEYWORDS.items()}
_TYPE: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]*|[0-2](?:\.(?:0|[1-9][0-9]*))+)=")
_PIECE: Final = re.compile(r"""(?:\\[0-9A-Fa-f]{2})+|\\[\\ #="+,;<>]|[^\\"+,;<>\0]""")
_NUL: Final = "\\00"


def parse(text: str) -> RDNs:
    """Return what a name written as in RFC 4514 stands for.

    Raises:
        ConfigurationError: it is no such name, or an empty one.

    >>> parse("CN=Ada+UID=7,O=Example") == parse("uid=7+cn=Ad\\\\61,o=Example")
    True
    """
    if not 0 < len(text) <= LONGEST:
        raise _refusal(text, f"is empty or longer than {LONGEST} characters")
    names, at = list[frozenset[tuple[str, str | bytes]]](), 0
    attributes = set[tuple[str, str | bytes]]()
    while True:
        attribute, at = _attribute(text, at)
        if attribute in attributes:
            raise _refusal(text, "names one attribute twice")
        attributes.add(attribute)
        joined = text[at : at + 1]
        if joined != "+":
            names.append(frozenset(attributes))
            attributes = set()
        if not joined:
            return tuple(reversed(names))  # The text begins with the last one (section 2.1).
        at += 1


def rdns(name: x509.Name) -> RDNs:
    """Return what the name in a certificate stands for."""
    return tuple(frozenset((one.oid.dotted_string, one.value) for one in rdn) for rdn in name.rdns)


def render(names: RDNs) -> str:
    """Return the one spelling of a parsed name, for people and logs; parse() takes it back, unless a value is bytes.

    >>> render(parse("uid=7+cn=Ada,o=Example\\\\2c Inc."))
    'CN=Ada+UID=7,O=Example\\\\, Inc.'
    """
    return ",".join("+".join(sorted(map(_rendered, one))) for one in reversed(names))


def _attribute(text: str, at: int) -> tuple[tuple[str, str], int]:
    """Return one `type=value` and where it ends: at a comma, a plus sign or the end."""
    kind = _TYPE.match(text, at)
    if not kind:
        raise _refusal(text, f"has no attribute and equals sign at character {at + 1}")
    oid = _KEYWORDS.get(kind[1].upper(), kind[1])
    if not oid[0].isdigit():
        raise _refusal(text, f"has an attribute {kind[1]!r}, which is none of {', '.join(_KEYWORDS)} and no dotted OID")
    value, at = _value(text, kind.end())
    return (oid, value), at


def _value(text: str, at: int) -> tuple[str, int]:
    """Return the value that starts here, and where it ends.

    A space at either end has to be escaped (section 2.4), and a `#` at the start: unescaped it is hexadecimal.
    """
    pieces, start = list[str](), at
    while at < len(text) and text[at] not in ",+":
        piece = _PIECE.match(text, at)
        if not piece:
            raise _refusal(text, f"needs an escape at character {at + 1}")
        pieces.append(piece[0])
        at = piece.end()
    if not pieces or pieces[0] in {" ", "#"} or pieces[-1] == " ":
        raise _refusal(
            text, f"has a value at character {start + 1} that is empty, hexadecimal or has a space at an end"
        )
    try:
        return "".join(map(_unescaped, pieces)), at
    except UnicodeDecodeError:
        raise _refusal(text, f"has a value at character {start + 1} whose bytes are no UTF-8") from None


def _unescaped(piece: str) -> str:
    if len(piece) < 3:
        return piece[-1]  # As it stands, or behind a backslash.
    return bytes.fromhex(piece.replace("\\", "")).decode()


def _rendered(attribute: tuple[str, str | bytes]) -> str:
    oid, text = attribute
    if isinstance(text, bytes):
        return f"{_SPELLINGS.get(oid, oid)}=#{text.hex()}"
    escaped = "".join(f"\\{character}" if character in '\\"+,;<>' else character for character in text)
    if text[:1] in {" ", "#"}:
        escaped = f"\\{escaped}"
    if len(text) > 1 and text[-1] == " ":
        escaped = f"{escaped[:-1]}\\ "
    return f"{_SPELLINGS.get(oid, oid)}={escaped.replace(chr(0), _NUL)}"


def _refusal(text: str, fault: str) -> ConfigurationError:
    return ConfigurationError(
        f"The distinguished name {quoted(text)} {fault}.",
        fix="Write what `openssl x509 -noout -subject -nameopt RFC2253` prints after subject=.",
    )
