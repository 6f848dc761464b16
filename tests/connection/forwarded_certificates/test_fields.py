"""Whose fields count, and what becomes of all others: v5.0.0-4.1.3."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import ForwardedCertificates, Networks, Transport, connection_reader, presented_chain
from asvs_middleware.connection.forwarded_certificates import FORMATS, CertificateFields, stripped
from asvs_middleware.connection.forwarded_certificates.formats import KNOWN, spellings
from asvs_middleware.connection.glance import UNTOLD
from asvs_middleware.errors import CertificateRefused
from asvs_middleware.middleware.gates.limits import Limits, ordinary

Chain = tuple[bytes, ...]
Make = Callable[..., Any]
Events = Callable[[], list[dict[str, Any]]]

PEER, PROXY, STRANGER = "10.0.0.7", "10.0.0.8", "192.0.2.1"


class Peer:
    """A transport, as far as its other end goes."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get_extra_info(self, name: str) -> Any:
        if name == "peername":
            return self.address if self.address.startswith("/") else (self.address, 4711)
        return None


def reader(form: str | None, **options: Any) -> Any:
    """Return what reads connections: two proxies are trusted, one of them with certificates."""
    forwarded = ForwardedCertificates(form, peers=[PEER, "unix"], **options) if form else None
    return connection_reader(Networks(["10.0.0.0/8", "unix"]), forwarded)


def spoofed(events: Events) -> list[dict[str, Any]]:
    """Return what was said of certificates; of a scope that names another client something else is said too."""
    return [event for event in events() if event["event"] == "forwarded_certificate_spoofed"]


FOREIGN = {"envoy": (b"client-cert", b":MAA=:")}


@pytest.fixture
def fields(form: str, chain: Chain, write: Make, pairs: Make) -> list[tuple[bytes, bytes]]:
    """What a proxy of this format writes, and a field that no such proxy writes."""
    return [*pairs(write(form, chain)), FOREIGN.get(form, (b"x-forwarded-client-cert", b"By=a"))]


ORDINARY = [(b"host", b"a.test"), (b"x-request-id", b"7"), (b"accept", b"*/*")]


def test_a_configured_peer(
    *, form: str, fields: Any, chain: Chain, carries_the_chain: Make, a_scope: Make, receive_over: Make, events: Events
) -> None:
    """Its chain counts. What is not of its format is removed, and said once: a client wrote it."""
    read = reader(form)
    for _ in range(3):
        connection = read(a_scope(*ORDINARY, *fields, client=(PEER, 1)), receive_over(Peer(PEER)))
        assert presented_chain(connection) == (chain if carries_the_chain(form) else chain[:1])
        assert connection.scope["headers"] == [*ORDINARY, *fields[:-1]]
    [event] = events()
    assert (event["event"], event["peer"]) == ("forwarded_certificate_spoofed", PEER)
    assert f"the format '{form}'" in event["reason"]


@pytest.mark.parametrize("address", [PROXY, STRANGER, "/run/other.sock"])
def test_anybody_else(
    *, form: str, fields: Any, address: str, a_scope: Make, receive_over: Make, events: Events
) -> None:
    """Every field is gone, there is no certificate, and it is said once."""
    read = connection_reader(Networks(["10.0.0.0/8"]), ForwardedCertificates(form, peers=[PEER]))
    for _ in range(3):
        connection = read(a_scope(*fields, *ORDINARY), receive_over(Peer(address)))
        assert connection.forwarded is None
        assert presented_chain(connection) == ()
        assert connection.scope["headers"] == ORDINARY
    [event] = spoofed(events)
    assert event["peer"] == ("unix" if address.startswith("/") else address)
    assert "add it there" in event["reason"]


def test_a_unix_socket(form: str, fields: Any, chain: Chain, a_scope: Make, receive_over: Make) -> None:
    """It is a peer where it is named."""
    connection = reader(form)(a_scope(*fields, client=None), receive_over(Peer("/run/app.sock")))
    assert presented_chain(connection)[0] == chain[0]


def test_a_hidden_transport(form: str, fields: Any, a_scope: Make, receive: Any, events: Events) -> None:
    """An address in the scope may come from a field itself: it is nobody's word on a certificate."""
    connection = reader(form)(a_scope(*fields, client=(PEER, 1)), receive)
    assert presented_chain(connection) == ()
    assert "transport is out of reach" in events()[0]["reason"]


def test_the_handshake_of_a_configured_peer_is_its_own(a_scope: Make, receive_over: Make, chain: Chain) -> None:
    """A certificate in the TLS extension is the proxy's; without a field the client has none."""
    scope = a_scope(*ORDINARY, extensions={"tls": {"client_cert": chain[0]}})
    assert presented_chain(reader("rfc9440")(scope, receive_over(Peer(PEER)))) == ()


def test_without_a_policy(form: str, fields: Any, a_scope: Make, receive_over: Make, events: Events) -> None:
    """A trusted proxy's fields are left to the app, as before; a stranger's are removed."""
    read = reader(None)
    connection = read(a_scope(*fields), receive_over(Peer(PROXY)))
    assert connection.scope["headers"] == fields
    assert presented_chain(connection) == ()
    assert spoofed(events) == []
    assert read(a_scope(*fields), receive_over(Peer(STRANGER))).scope["headers"] == []
    assert "has no forwarded_certificates" in spoofed(events)[0]["reason"]


def test_lookalikes(form: str, fields: Any, a_scope: Make, receive_over: Make) -> None:
    """From a configured peer a reason to refuse; and no app ever sees one."""
    odd = [(name.replace(b"-", b"_"), value) for name, value in fields]
    connection = reader(form)(a_scope(*ORDINARY, *odd), receive_over(Peer(PEER)))
    assert connection.scope["headers"] == ORDINARY
    with pytest.raises(CertificateRefused, match="only looks like") as error:
        presented_chain(connection)
    assert error.value.facts == {"reason_code": "forwarded_lookalike"}
    assert reader(None)(a_scope(*ORDINARY, *odd), receive_over(Peer(STRANGER))).scope["headers"] == ORDINARY


def test_other_names_are_taken_away_as_well(a_scope: Make, receive_over: Make) -> None:
    """The operator's own names are guarded like the usual ones, in every spelling."""
    read = reader("nginx", fields={"certificate": "x-cert"})
    sent = [(b"x-cert", b"a"), (b"x_cert", b"a"), (b"ssl-client-cert", b"a")]
    assert read(a_scope(*sent), receive_over(Peer(STRANGER))).scope["headers"] == []
    assert read(a_scope(*sent), receive_over(Peer(PEER))).scope["headers"] == [(b"x-cert", b"a")]


def test_words_about_a_certificate(a_scope: Make, receive_over: Make, events: Events) -> None:
    """Names and digests are not read. They stay from the peer that sends them, and go from everybody else."""
    sent = [(b"ssl-client-subject-dn", b"CN=a"), (b"x-forwarded-tls-client-cert-info", b"Subject")]
    assert reader("nginx")(a_scope(*sent), receive_over(Peer(PEER))).scope["headers"] == sent[:1]
    assert reader("nginx")(a_scope(*sent), receive_over(Peer(STRANGER))).scope["headers"] == []


def test_at_a_glance(a_scope: Make, receive_over: Make) -> None:
    """A request with any of these fields is not ordinary: somebody has to look at it."""

    class TLS(Peer):
        def get_extra_info(self, name: str) -> Any:
            return object() if name == "sslcontext" else super().get_extra_info(name)

    read, receive = reader("rfc9440"), receive_over(TLS(STRANGER))
    glance = read.glance(ordinary(Limits()))
    assert glance(a_scope(*ORDINARY, scheme="https"), receive)[0] == b"a.test"
    for name in spellings(KNOWN):
        assert glance(a_scope(*ORDINARY, (name, b""), scheme="https"), receive) == UNTOLD
    assert glance(a_scope(*ORDINARY, scheme="https"), receive_over(TLS(PEER))) == UNTOLD
    through = read.proxied_glance(ordinary(Limits()))
    assert through is not None
    told = [*ORDINARY, (b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-proto", b"https")]
    said = {"scheme": "https", "client": (PEER, 4711)}  # As the transport says, or there is more to look at.
    assert through(a_scope(*told, **said), receive_over(TLS(PEER)))[:3:2] == (b"a.test", "192.0.2.1")
    for name in spellings(KNOWN):
        assert through(a_scope(*told, (name, b""), **said), receive_over(TLS(PEER))) is UNTOLD


def test_it_is_said_to_a_bounded_number_of_peers(a_scope: Make, receive_over: Make, events: Events) -> None:
    """Addresses are free: a flood of them fills neither the log nor the memory."""
    read = reader("rfc9440")
    for number in range(300):
        address = f"192.0.{2 + number // 250}.{number % 250}"
        read(a_scope((b"client-cert", b"")), receive_over(Peer(address)))
    assert len(events()) == 256


def test_nothing_is_said_of_what_was_sent(a_scope: Make, receive_over: Make, events: Events) -> None:
    """Neither an event nor a repr holds the value of a field."""
    for peer in (PEER, STRANGER):
        sent = [(b"client-cert", b":SECRET:"), (b"x-client-cert", b"SECRET")]
        connection = reader("rfc9440")(a_scope(*sent), receive_over(Peer(peer)))
        assert "SECRET" not in repr((connection, connection.forwarded)) + repr(events())


def test_every_name_has_its_lookalikes() -> None:
    """Each hyphen may be an underscore, in every combination."""
    for one in FORMATS.values():
        for name in (*one.fields.values(), *one.companions):
            assert name.replace("-", "_").encode() in spellings(KNOWN)
    assert spellings([b"a-b-c"]) == {b"a-b-c", b"a_b-c", b"a-b_c", b"a_b_c"}


NAMES = st.sampled_from(sorted(spellings(KNOWN))) | st.sampled_from([name for name, _ in ORDINARY])


@given(
    sent=st.lists(st.tuples(NAMES, st.binary(max_size=8))),
    form=st.sampled_from(list(FORMATS)),
    peer=st.sampled_from([PEER, PROXY, STRANGER, "unix", None]),
    reached=st.booleans(),
)
def test_no_field_gets_past(sent: list[tuple[bytes, bytes]], form: str, peer: str | None, reached: bool) -> None:
    """Whatever is sent, only the exact names of the format, from a configured peer of a known transport, are left."""
    policy = ForwardedCertificates(form, peers=[PEER])
    fields = CertificateFields(policy)
    transport = Transport(peer, True, None, reached)
    scope, shown = fields.separate({"headers": sent}, transport, via_proxy=peer != STRANGER)
    known = reached and peer == PEER
    assert (shown is not None) is known
    assert {name for name, _ in scope["headers"]} & spellings(KNOWN) <= (policy.own if known else frozenset())
    assert stripped(scope["headers"]) == stripped(sent)
