"""Looking up: which list counts for which certificate, for how long, who is exempt, and what may replace what."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.certificates.revocation.change import refuse_worse
from asvs_middleware.certificates.revocation.crl import RevocationList, issuer_key, read_lists
from asvs_middleware.certificates.revocation.fetched import Fetched
from asvs_middleware.certificates.revocation.lists import Revocation, RevocationUnknown, read_revocation
from asvs_middleware.certificates.revocation.ocsp import Answer
from asvs_middleware.certificates.revocation.ocsp_responder import Responder
from asvs_middleware.certificates.revocation.policy import RevocationPolicy
from asvs_middleware.errors import AccessDenied, ASVSMiddlewareError, ConfigurationError
from asvs_middleware.server.pki import DevelopmentCA, Issued

DAY = timedelta(days=1)
NO_REV_AVAIL = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), b"\x05\x00")
URLS = [x509.UniformResourceIdentifier(f"https://crl.example/{number}.crl") for number in range(2)]

Leaf = Callable[..., x509.Certificate]


@pytest.fixture
def leaf(ca: DevelopmentCA, at: datetime) -> Leaf:
    """Issue a certificate with whatever extensions matter here."""

    def make(
        *extensions: x509.ExtensionType,
        days: int = 90,
        serial: int = 7,
        authority: bool = False,
        critical: bool = False,
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")]),
            issuer_name=ca.certificate.subject,
            public_key=ca.key.public_key(),
            serial_number=serial,
            not_valid_before=at - DAY,
            not_valid_after=at - DAY + timedelta(days=days),
        ).add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        for one in extensions:
            builder = builder.add_extension(one, critical=critical)
        return builder.sign(ca.key, SHA256())

    return make


def a_list(
    ca: DevelopmentCA,
    at: datetime,
    *serials: int,
    number: int = 1,
    start: timedelta = -DAY,
    days: int = 7,
    point: x509.IssuingDistributionPoint | None = None,
) -> bytes:
    """Return a list of the CA."""
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=ca.certificate.subject, last_update=at + start, next_update=at + start + timedelta(days=days)
    ).add_extension(x509.CRLNumber(number), critical=False)
    if point:
        builder = builder.add_extension(point, critical=True)
    for serial in serials:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder(serial_number=serial, revocation_date=at - DAY).build()
        )
    return builder.sign(ca.key, SHA256()).public_bytes(Encoding.DER)


def point(**parts: Any) -> x509.IssuingDistributionPoint:
    names = "only_contains_user_certs only_contains_ca_certs indirect_crl only_contains_attribute_certs"
    nothing = {
        "full_name": None,
        "relative_name": None,
        "only_some_reasons": None,
        **dict.fromkeys(names.split(), False),
    }
    return x509.IssuingDistributionPoint(**{**nothing, **parts})


def points(*urls: x509.GeneralName, **parts: Any) -> x509.CRLDistributionPoints:
    nothing = {"full_name": list(urls) or None, "relative_name": None, "reasons": None, "crl_issuer": None}
    return x509.CRLDistributionPoints([x509.DistributionPoint(**{**nothing, **parts})])


USERS, AUTHORITIES = point(only_contains_user_certs=True), point(only_contains_ca_certs=True)
RELATIVE = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "shard")])


def verdict(ca: DevelopmentCA, certificate: x509.Certificate, *lists: bytes, at: datetime, **choices: Any) -> str:
    """Return the code of a refusal, or `good`."""
    policy = RevocationPolicy(**choices)
    revocation = read_revocation([("list", one) for one in lists], [ca.certificate], policy)
    try:
        revocation.check([certificate, ca.certificate], at)
    except AccessDenied as refusal:
        return str(refusal.facts["reason_code"])
    return "good"


class TestScope:
    """RFC 5280 section 6.3.3 (b): a list proves nothing about a certificate it is not for."""

    @pytest.mark.parametrize(
        ("scope", "named", "authority", "expected"),
        [
            pytest.param(None, None, False, "good", id="a whole list"),
            pytest.param(USERS, None, False, "good", id="of users, for a user"),
            pytest.param(USERS, None, True, "revocation_missing", id="of users, for a CA"),
            pytest.param(AUTHORITIES, None, True, "good", id="of CAs, for a CA"),
            pytest.param(AUTHORITIES, None, False, "revocation_missing", id="of CAs, for a user"),
            pytest.param(point(full_name=URLS[:1]), points(URLS[0]), False, "good", id="of its shard"),
            pytest.param(point(full_name=URLS), points(URLS[1]), False, "good", id="of one of two names"),
            pytest.param(point(full_name=URLS[:1]), points(URLS[1]), False, "revocation_missing", id="another shard"),
            pytest.param(point(full_name=URLS[:1]), None, False, "revocation_missing", id="no shard named"),
            pytest.param(None, points(URLS[1]), False, "good", id="a whole list for one with a shard"),
            pytest.param(point(relative_name=RELATIVE), points(relative_name=RELATIVE), False, "good", id="relative"),
            pytest.param(
                point(full_name=URLS[:1]),
                points(URLS[0], reasons=frozenset([x509.ReasonFlags.key_compromise])),
                False,
                "revocation_missing",
                id="a point for some reasons",
            ),
            pytest.param(
                point(full_name=URLS[:1]),
                points(URLS[0], crl_issuer=[x509.DNSName("other")]),
                False,
                "revocation_missing",
                id="a point of another CA",
            ),
        ],
    )
    def test_covers(  # noqa: PLR0917  # One row of the table, and what it is run with.
        self,
        ca: DevelopmentCA,
        leaf: Leaf,
        at: datetime,
        scope: x509.IssuingDistributionPoint | None,
        named: x509.CRLDistributionPoints | None,
        authority: bool,
        expected: str,
    ) -> None:
        """Only a list that would name the certificate, were it revoked, is proof that it is not."""
        certificate = leaf(*([named] if named else []), authority=authority)
        assert verdict(ca, certificate, a_list(ca, at, point=scope), at=at) == expected

    def test_full_name_of_the_relative_one(self, ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
        """A name relative to the issuer's is the same as that name written out (section 4.2.1.13)."""
        whole = x509.DirectoryName(x509.Name([*ca.certificate.subject.rdns, RELATIVE]))
        crl = a_list(ca, at, point=point(relative_name=RELATIVE))
        assert verdict(ca, leaf(points(whole)), crl, at=at) == "good"

    def test_any_list_that_names_it(self, ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
        """What is on a list is revoked, whatever that list is for."""
        lists = a_list(ca, at), a_list(ca, at, 7, point=AUTHORITIES)
        assert verdict(ca, leaf(), *lists, at=at) == "revoked"

    def test_lists_of_each_scope_are_kept(self, ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
        """A newer list of CAs does not take the place of the users'."""
        lists = a_list(ca, at, 7, point=USERS), a_list(ca, at, point=AUTHORITIES, number=9)
        assert verdict(ca, leaf(), *lists, at=at) == "revoked"
        assert verdict(ca, leaf(serial=8), *lists, at=at) == "good"


class TestTime:
    """A list holds from thisUpdate until just before nextUpdate, and what it struck off stays so."""

    @pytest.mark.parametrize(
        ("offset", "grace", "expected"),
        [
            pytest.param(-DAY, timedelta(0), "good", id="thisUpdate"),
            pytest.param(-DAY - timedelta(seconds=1), timedelta(0), "revocation_stale", id="from the future"),
            pytest.param(-DAY - timedelta(seconds=1), DAY, "revocation_stale", id="grace is for the end alone"),
            pytest.param(6 * DAY, timedelta(0), "revocation_stale", id="nextUpdate"),
            pytest.param(6 * DAY, timedelta(hours=1), "good", id="in the grace"),
            pytest.param(6 * DAY + timedelta(hours=1), timedelta(hours=1), "revocation_stale", id="after the grace"),
        ],
    )
    def test_in_force(
        self, ca: DevelopmentCA, leaf: Leaf, at: datetime, *, offset: timedelta, grace: timedelta, expected: str
    ) -> None:
        """v5.0.0-12.1.4: without a grace a stale list refuses, and with one it does once that is over."""
        assert verdict(ca, leaf(), a_list(ca, at), at=at + offset, grace=grace) == expected

    @pytest.mark.parametrize("offset", [-2 * DAY, 6 * DAY, 60 * DAY])
    def test_listed_on_a_list_out_of_force(
        self, ca: DevelopmentCA, leaf: Leaf, at: datetime, *, offset: timedelta
    ) -> None:
        """Who is on a stale list is refused as revoked: only a newer list could say otherwise."""
        assert verdict(ca, leaf(), a_list(ca, at, 7), at=at + offset) == "revoked"

    def test_one_of_two_in_force(self, ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
        """One current list that covers the certificate is enough."""
        lists = a_list(ca, at, days=30, start=DAY), a_list(ca, at, point=USERS)
        assert verdict(ca, leaf(), *lists, at=at) == "good"

    def test_span(self, ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
        """The answer holds for as long as the list, with its grace."""
        policy = RevocationPolicy(grace=timedelta(hours=1))
        revocation = read_revocation([("list", a_list(ca, at))], [ca.certificate], policy)
        assert revocation.check([leaf(), ca.certificate], at) == (at - DAY, at + 6 * DAY + timedelta(hours=1))


class TestExempt:
    """Certificates that need no list: only as configured, only clients, and never what is on a list."""

    ACCESS = x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://o.example"))]
    )
    ISSUERS = x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, URLS[0])]
    )

    @pytest.mark.parametrize(
        ("extensions", "days", "choices", "expected"),
        [
            pytest.param([], 7, {"exempt_up_to": 7 * DAY}, "good", id="short life"),
            pytest.param([], 8, {"exempt_up_to": 7 * DAY}, "revocation_missing", id="a day longer"),
            pytest.param([], 2, {"exempt_up_to": DAY}, "revocation_missing", id="longer than configured"),
            pytest.param([], 7, {}, "revocation_missing", id="short life, not configured"),
            pytest.param([NO_REV_AVAIL], 90, {"exempt_no_rev_avail": True}, "good", id="noRevAvail"),
            pytest.param([NO_REV_AVAIL], 90, {}, "revocation_missing", id="noRevAvail, not configured"),
            pytest.param([], 90, {"exempt_no_rev_avail": True}, "revocation_missing", id="without noRevAvail"),
            pytest.param(
                [x509.UnrecognizedExtension(NO_REV_AVAIL.oid, b"\x04\x00")],
                90,
                {"exempt_no_rev_avail": True},
                "revocation_missing",
                id="noRevAvail with another value",
            ),
            pytest.param(
                [NO_REV_AVAIL, points(URLS[0])], 90, {"exempt_no_rev_avail": True}, "revocation_missing", id="a list"
            ),
            pytest.param(
                [NO_REV_AVAIL, x509.FreshestCRL(points(URLS[0]))],
                90,
                {"exempt_no_rev_avail": True},
                "revocation_missing",
                id="a delta list",
            ),
            pytest.param(
                [NO_REV_AVAIL, ACCESS], 90, {"exempt_no_rev_avail": True}, "revocation_missing", id="a responder"
            ),
            pytest.param([NO_REV_AVAIL, ISSUERS], 90, {"exempt_no_rev_avail": True}, "good", id="its CA's certificate"),
        ],
    )
    def test_exempt(
        self,
        ca: DevelopmentCA,
        leaf: Leaf,
        at: datetime,
        *,
        extensions: Sequence[x509.ExtensionType],
        days: int,
        choices: dict[str, Any],
        expected: str,
    ) -> None:
        """RFC 9608: a CA that says it publishes nothing, and names a place to ask, contradicts itself."""
        certificate = leaf(*extensions, days=days)
        assert verdict(ca, certificate, at=at, **choices) == expected
        assert verdict(ca, certificate, a_list(ca, at, 7), at=at, **choices) == "revoked"

    def test_authorities_are_not(
        self, ca: DevelopmentCA, intermediate: DevelopmentCA, deep_client: Issued, at: datetime
    ) -> None:
        """A CA needs a list, however short the client's life."""
        short = intermediate.issue_client("Short", dns=["a.example"], at=at, days=1).certificate
        revocation = Revocation({}, RevocationPolicy(exempt_up_to=7 * DAY))
        with pytest.raises(RevocationUnknown, match="CN=Clients") as missing:
            revocation.check([short, intermediate.certificate, ca.certificate], at)
        assert (missing.value.certificate, missing.value.issuer) == (intermediate.certificate, ca.certificate)


class TestAnswers:
    """Where there is a responder, its answer is needed, whatever a list says."""

    def check(
        self, ca: DevelopmentCA, leaf: x509.Certificate, at: datetime, answer: Answer | None, *lists: bytes
    ) -> str:
        policy = RevocationPolicy(responders=[Responder(url="https://ocsp.example")])
        revocation = read_revocation([("list", one) for one in lists], [ca.certificate], policy)
        fetched = Fetched()
        if answer:
            fetched.keep(leaf, ca.certificate, answer)
        try:
            assert revocation.check([leaf, ca.certificate], at, fetched) == (at - DAY, at + DAY)
        except AccessDenied as refusal:
            return f"{refusal.facts['reason_code']} {refusal.status}"
        return "good"

    @pytest.mark.parametrize(
        ("state", "expected"),
        [("good", "good"), ("revoked", "revoked 403"), ("unknown", "revocation_unknown 403")],
    )
    def test_states(self, ca: DevelopmentCA, leaf: Leaf, at: datetime, *, state: Any, expected: str) -> None:
        """Only good is good: what the CA does not know, it did not issue (RFC 6960 section 2.2)."""
        assert self.check(ca, leaf(), at, Answer(state, at - DAY, at + DAY)) == expected

    @pytest.mark.parametrize("span", [(-DAY, timedelta(0)), (timedelta(seconds=1), DAY)], ids=["over", "to come"])
    def test_out_of_force(self, ca: DevelopmentCA, leaf: Leaf, at: datetime, *, span: tuple[timedelta, ...]) -> None:
        """An answer that does not hold now is none: 503, the fault is ours."""
        answer = Answer("good", at + span[0], at + span[1])
        assert self.check(ca, leaf(), at, answer) == "revocation_unavailable 503"

    def test_a_list_does_not_stand_in(self, ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
        """Whoever keeps the responder from answering must not win the time until the next list."""
        assert self.check(ca, leaf(), at, None, a_list(ca, at)) == "revocation_unavailable 503"

    def test_a_list_refuses(self, ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
        """A good answer does not take anybody off a list."""
        assert self.check(ca, leaf(), at, Answer("good", at - DAY, at + DAY), a_list(ca, at, 7)) == "revoked 403"

    def test_nothing_fetched(self, ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
        """Without anybody who asks, there is no answer."""
        revocation = Revocation({}, RevocationPolicy(responders=[Responder(url="https://ocsp.example")]))
        with pytest.raises(RevocationUnknown, match="has given no answer"):
            revocation.check([leaf(), ca.certificate], at)

    def test_bounded(self, ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
        """Answers are bounded in number; the oldest makes room, and a renewed one is not the oldest."""
        fetched, answer = Fetched(most=2), Answer("good", at - DAY, at + DAY)
        first, second, last = (leaf(serial=number) for number in (1, 2, 3))
        fetched.keep(first, ca.certificate, answer)
        fetched.keep(second, ca.certificate, answer)
        fetched.keep(first, ca.certificate, answer)
        fetched.keep(last, ca.certificate, answer)
        assert [fetched.answer(one, ca.certificate) for one in (first, second, last)] == [answer, None, answer]


class TestChange:
    """A list never goes back, and one out of force takes nobody's place."""

    def lists(self, ca: DevelopmentCA, data: bytes | None) -> Revocation | None:
        return read_revocation([("list", data)], [ca.certificate]) if data else None

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            pytest.param({"number": 2}, {"number": 1}, "below the former one's", id="lower number"),
            pytest.param({"number": 2}, {"number": 1, "start": -DAY / 2}, "below", id="lower number, made later"),
            pytest.param({}, {"start": -2 * DAY}, "and is older", id="same number, made before"),
            pytest.param({}, {"number": 2, "start": DAY}, "in force from", id="from the future"),
            pytest.param({}, {"number": 2, "start": -9 * DAY}, "in force until", id="stale"),
            pytest.param({}, None, "is not among the revocation lists any more", id="gone"),
            pytest.param({}, {"point": USERS}, "is not among the revocation lists any more", id="of another scope"),
        ],
    )
    def test_refused(
        self, ca: DevelopmentCA, at: datetime, *, old: dict[str, Any], new: dict[str, Any] | None, message: str
    ) -> None:
        """v5.0.0-12.1.4: whoever puts an old list back would let in everybody who was struck off since."""
        before = self.lists(ca, a_list(ca, at, **old))
        after = None if new is None else self.lists(ca, a_list(ca, at, **new))
        with pytest.raises(ConfigurationError, match=message):
            refuse_worse(before, after, [ca.certificate], at)

    @pytest.mark.parametrize(
        ("old", "new", "later"),
        [
            pytest.param({}, {"number": 2}, timedelta(0), id="higher number"),
            pytest.param({}, {"start": -DAY / 2}, timedelta(0), id="same number, made later"),
            pytest.param({}, {}, timedelta(0), id="the same"),
            pytest.param({}, {}, 30 * DAY, id="the same, and stale: it holds nothing else up"),
            pytest.param(None, {}, timedelta(0), id="the first"),
            pytest.param(None, None, timedelta(0), id="none at all"),
        ],
    )
    def test_accepted(self, ca: DevelopmentCA, at: datetime, *, old: Any, new: Any, later: timedelta) -> None:
        """A step forward is taken."""
        before, after = (None if one is None else self.lists(ca, a_list(ca, at, **one)) for one in (old, new))
        refuse_worse(before, after, [ca.certificate], at + later)

    def test_of_a_ca_that_left(self, ca: DevelopmentCA, at: datetime) -> None:
        """With a CA its list may go."""
        refuse_worse(self.lists(ca, a_list(ca, at)), None, [], at)


def test_fetched_and_filed(ca: DevelopmentCA, leaf: Leaf, at: datetime) -> None:
    """Of a list in a file and one that was fetched the newer counts, whichever that is."""
    (old,), (new,) = (read_lists(one, [ca.certificate], "") for one in (a_list(ca, at), a_list(ca, at, 7, number=2)))
    for filed, fresh in ((old, new), (new, old)):
        fetched = Fetched()
        fetched.put([fresh])
        with pytest.raises(AccessDenied, match="is revoked"):
            Revocation(dict([filed])).check([leaf(), ca.certificate], at, fetched)
    other = Fetched()
    other.put([((b"another CA", new[0][1]), new[1])])
    assert Revocation(dict([old])).check([leaf(), ca.certificate], at, other)


def test_a_list_is_of_one_key(ca: DevelopmentCA, at: datetime) -> None:
    """A CA that has the name of another cannot answer for it."""
    namesake = DevelopmentCA.root("Clients", at=at)
    assert namesake.certificate.subject == ca.certificate.subject
    assert issuer_key(namesake.certificate) != issuer_key(ca.certificate)


@settings(max_examples=150)
@given(st.data())
def test_damaged_lists(data: st.DataObject) -> None:
    """However a list is damaged, it is refused or says what it said: nothing that was signed is changed."""
    damaged = bytearray(INTACT)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        ((_, found),) = read_lists(
            bytes(damaged[: data.draw(st.integers(0, 9)) and None]), [AUTHORITY.certificate], "x"
        )
    except ASVSMiddlewareError:
        return
    assert found == LIST


@settings(max_examples=150)
@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda data: INTACT[: len(data)] + data))
def test_any_bytes(data: bytes) -> None:
    """Whatever comes, the answer is our error."""
    with pytest.raises(ConfigurationError, match=r"is not a certificate revocation list|beside whole lists"):
        read_lists(data, [AUTHORITY.certificate], "x")


NOW = datetime.fromisoformat("2026-06-01T12:00:00+00:00")
AUTHORITY = DevelopmentCA.root("Hypothesis", at=NOW - DAY)
INTACT = a_list(AUTHORITY, NOW, 7, 2**150, point=point(full_name=URLS[:1]))
((_, LIST),) = read_lists(INTACT, [AUTHORITY.certificate], "x")


def test_facts_of_a_list() -> None:
    """What is kept is the set, the number, the dates and for what it is."""
    assert isinstance(LIST, RevocationList)
    assert (LIST.serials, LIST.number, LIST.this_update) == ({7, 2**150}, 1, NOW - DAY)
    assert LIST.scope.names == set(URLS[:1])
