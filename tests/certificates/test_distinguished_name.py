"""Distinguished names: the text of RFC 4514 and the bytes of a certificate become one structure, or a refusal."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.certificates.distinguished_name import LONGEST, parse, rdns, render
from asvs_middleware.errors import ConfigurationError

CN, ORG, UID = "2.5.4.3", "2.5.4.10", "0.9.2342.19200300.100.1.1"
DC, UNIT = "0.9.2342.19200300.100.1.25", "2.5.4.11"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("CN=Ada", [{(CN, "Ada")}], id="one attribute"),
        pytest.param("CN=Ada,O=Example", [{(ORG, "Example")}, {(CN, "Ada")}], id="the last comes first"),
        pytest.param("cn=Ada,o=Example", [{(ORG, "Example")}, {(CN, "Ada")}], id="keywords have no case"),
        pytest.param("2.5.4.3=Ada", [{(CN, "Ada")}], id="dotted OID"),
        pytest.param("1.3.6.1.4.1.55555.1=x", [{("1.3.6.1.4.1.55555.1", "x")}], id="an OID without keyword"),
        pytest.param(
            "UID=jsmith,DC=example,DC=net", [{(DC, "net")}, {(DC, "example")}, {(UID, "jsmith")}], id="RFC 4514 1"
        ),
        pytest.param(
            "OU=Sales+CN=J.  Smith,DC=example,DC=net",
            [{(DC, "net")}, {(DC, "example")}, {(UNIT, "Sales"), (CN, "J.  Smith")}],
            id="RFC 4514 2: two in one, and inner spaces count",
        ),
        pytest.param(r"CN=James \"Jim\" Smith\, III", [{(CN, 'James "Jim" Smith, III')}], id="RFC 4514 3: escapes"),
        pytest.param(r"CN=Before\0dAfter", [{(CN, "Before\rAfter")}], id="RFC 4514 4: hexadecimal escape"),
        pytest.param(r"CN=Lu\C4\8Di\C4\87", [{(CN, "Lučić")}], id="RFC 4514 6: UTF-8"),
        pytest.param("CN=Lučić", [{(CN, "Lučić")}], id="as it stands"),
        pytest.param(r"CN=\ Ada\ ", [{(CN, " Ada ")}], id="escaped spaces at the ends"),
        pytest.param(r"CN=\#1", [{(CN, "#1")}], id="escaped number sign"),
        pytest.param("CN=a=b", [{(CN, "a=b")}], id="an equals sign in a value"),
        pytest.param(r"CN=Ada\,O\=Example", [{(CN, "Ada,O=Example")}], id="another attribute inside a value is none"),
        pytest.param(r"CN=a\\", [{(CN, "a\\")}], id="backslash"),
        pytest.param(
            "emailAddress=ada@example.org", [{("1.2.840.113549.1.9.1", "ada@example.org")}], id="as OpenSSL prints"
        ),
    ],
)
def test_parse(text: str, expected: list[set[tuple[str, str]]]) -> None:
    """A name is a sequence of sets, the most significant first; whatever is not escaped is structure."""
    assert parse(text) == tuple(map(frozenset, expected))
    assert parse(render(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is empty or longer", id="empty"),
        pytest.param("CN=" + "a" * LONGEST, "longer than 1024 characters", id="too long"),
        pytest.param("Ada", "no attribute and equals sign at character 1", id="no equals sign"),
        pytest.param("CN=Ada,", "no attribute and equals sign at character 8", id="comma at the end"),
        pytest.param("CN=Ada+", "no attribute and equals sign", id="plus at the end"),
        pytest.param(",CN=Ada", "no attribute and equals sign", id="comma at the start"),
        pytest.param("CN=Ada, O=Example", "no attribute and equals sign", id="space after a comma"),
        pytest.param("CN = Ada", "no attribute and equals sign", id="spaces round the equals sign"),
        pytest.param("/O=Example/CN=Ada", "no attribute and equals sign", id="with slashes"),
        pytest.param("NAME=Ada", "has an attribute 'NAME', which is none of CN, L", id="unknown keyword"),
        pytest.param("CN=", "is empty, hexadecimal or has a space", id="no value"),
        pytest.param("CN=#0c03416461", "is empty, hexadecimal or has a space", id="hexadecimal value"),
        pytest.param("CN= Ada", "is empty, hexadecimal or has a space", id="space before"),
        pytest.param("CN=Ada ", "is empty, hexadecimal or has a space", id="space after"),
        pytest.param("CN=Ada\\\\ ", "is empty, hexadecimal or has a space", id="space after a backslash that is text"),
        pytest.param('CN="Ada"', "needs an escape at character 4", id="quotes"),
        pytest.param("CN=Ada;O=Example", "needs an escape at character 7", id="semicolon"),
        pytest.param("CN=a\0", "needs an escape", id="NUL"),
        pytest.param("CN=a\\", "needs an escape", id="nothing escaped"),
        pytest.param(r"CN=\zz", "needs an escape", id="no hexadecimal digits"),
        pytest.param(r"CN=\C4", "bytes are no UTF-8", id="half a character"),
        pytest.param("CN=Ada+CN=Ada", "names one attribute twice", id="a set has no doubles"),
        pytest.param("02.5.4.3=Ada", "no attribute and equals sign", id="no OID"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    """What is no RFC 4514 name is refused with the command that prints one."""
    with pytest.raises(ConfigurationError, match=message) as refusal:
        parse(text)
    assert "openssl x509 -noout -subject -nameopt RFC2253" in refusal.value.fix


OIDS = st.sampled_from([NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.USER_ID, NameOID.EMAIL_ADDRESS])
VALUES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
NAMES = st.lists(
    st.lists(st.builds(x509.NameAttribute, OIDS, VALUES), min_size=1, max_size=3, unique_by=lambda one: one.oid),
    min_size=1,
    max_size=4,
).map(lambda rdns: x509.Name([x509.RelativeDistinguishedName(rdn) for rdn in rdns]))


@given(NAMES)
def test_as_the_library_writes(name: x509.Name) -> None:
    """What `cryptography` writes, and what we write, is read as the name it was written from."""
    assert parse(render(rdns(name))) == rdns(name)
    known = {NameOID.EMAIL_ADDRESS: "emailAddress"}
    assert parse(name.rfc4514_string(known)) == rdns(name)


@given(NAMES, NAMES)
def test_equal_names_have_one_text(one: x509.Name, other: x509.Name) -> None:
    """Two names are written alike exactly when they are the same sequence of sets."""
    assert (render(rdns(one)) == render(rdns(other))) is (rdns(one) == rdns(other))


@given(st.text(st.sampled_from('CNO=,+\\ #"a4'), max_size=20))
def test_parse_agrees_with_the_library(text: str) -> None:
    """Where we read a name, `cryptography` reads the same one, or refuses it. Any text: a name or a refusal."""
    try:
        ours = parse(text)
    except ConfigurationError:
        return
    try:
        theirs = rdns(x509.Name.from_rfc4514_string(text))
    except ValueError:
        return
    assert ours == theirs


def test_bytes_are_shown_in_hexadecimal() -> None:
    """A value that is no text equals no written one, and is shown as RFC 4514 section 2.4 does."""
    assert render((frozenset({("2.5.4.45", b"\1")}),)) == "2.5.4.45=#01"
