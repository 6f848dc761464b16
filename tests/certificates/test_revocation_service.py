"""Fetching: what is newer, signed and in force takes its place; what fails changes nothing.

The carrier is a shelf in memory; the lists and answers on it are real ones. Over sockets: tests/outbound.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from asvs_middleware.certificates import ClientCertificates, ClientCertificateVerifier
from asvs_middleware.certificates import verifier as certificate_verifier
from asvs_middleware.certificates.revocation import ocsp_asking
from asvs_middleware.certificates.revocation import points as revocation_points
from asvs_middleware.certificates.revocation import service as revocation_service
from asvs_middleware.certificates.revocation.fetching import Document
from asvs_middleware.certificates.revocation.flight import Flights
from asvs_middleware.certificates.revocation.ocsp_responder import Responder
from asvs_middleware.certificates.revocation.policy import RevocationPolicy
from asvs_middleware.certificates.revocation.service import RevocationService
from asvs_middleware.errors import AccessDenied
from asvs_middleware.server.pki import DevelopmentCA, Issued

DAY = timedelta(days=1)
URL = "https://crl.example/ca.crl"
ASK = "https://ocsp.example"
Events = Callable[[], list[dict[str, Any]]]


@dataclass
class Shelf:
    """A fetcher: what lies under an address is what comes; an exception is raised."""

    documents: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    gate: Callable[[], Any] | None = None

    async def fetch_list(self, url: str, *, tag: str | None = None) -> Document | None:
        self.asked.append((url, tag))
        if self.gate:
            await self.gate()
        found = self.documents[url]
        if isinstance(found, Exception):
            raise found
        if isinstance(found, Document):
            return None if tag is not None and tag == found.tag else found
        return Document(found)

    async def ask(self, url: str, request: bytes) -> bytes:
        self.asked.append((url, None))
        if self.gate:
            await self.gate()
        found = self.documents[url]
        if isinstance(found, Exception):
            raise found
        return found(ocsp.load_der_ocsp_request(request))  # type: ignore[no-any-return]


@dataclass
class Lab:
    """A CA, a policy with its files, a shelf and a clock."""

    ca: DevelopmentCA
    folder: Path
    now: datetime
    shelf: Shelf = field(default_factory=Shelf)
    number: int = 0

    def list_of(self, *revoked: x509.Certificate, ca: DevelopmentCA | None = None, **when: Any) -> bytes:
        self.number += 1
        crl = (ca or self.ca).crl(revoked, **{"at": self.now, "days": 7, "number": self.number, **when})
        return crl.public_bytes(Encoding.DER)

    def serve(self, *files: bytes, intermediates: tuple[DevelopmentCA, ...] = (), **choices: Any) -> RevocationService:
        (self.folder / "ca.pem").write_bytes(self.ca.pem)
        for number, data in enumerate(files):
            (self.folder / f"{number}.crl").write_bytes(data)
        for number, one in enumerate(intermediates):
            (self.folder / f"below-{number}.pem").write_bytes(one.pem)
        policy = ClientCertificates(
            trust=self.folder / "ca.pem",
            crls=[self.folder / f"{number}.crl" for number in range(len(files))],
            intermediates=[self.folder / f"below-{number}.pem" for number in range(len(intermediates))],
            revocation_policy=RevocationPolicy(**choices),
        )
        self.verifier = ClientCertificateVerifier(policy)
        return RevocationService(self.verifier, fetcher=self.shelf, clock=lambda: self.now.timestamp())

    def pass_time(self, time: timedelta) -> None:
        self.now += time

    async def code(self, client: Issued) -> str:
        """Return what a request with this certificate comes to."""
        sent = [one.public_bytes(Encoding.DER) for one in client.intermediates]
        try:
            await self.verifier.informed(lambda: self.verifier.verify(client.der, sent, at=self.now))
        except AccessDenied as refusal:
            return str(refusal.facts["reason_code"])
        return "good"

    def code_now(self, client: Issued) -> str:
        """Return what a check comes to that waits for nobody."""
        try:
            self.verifier.verify(client.der, at=self.now)
        except AccessDenied as refusal:
            return str(refusal.facts["reason_code"])
        return "good"


@pytest.fixture
def lab(ca: DevelopmentCA, tmp_path: Path, at: datetime) -> Lab:
    return Lab(ca, tmp_path, at)


def said(events: Events) -> list[str]:
    return [one["event"] for one in events()]


def an_answer(
    lab: Lab,
    *,
    state: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    ends: timedelta = DAY,
    signer: tuple[x509.Certificate, Any] | None = None,
) -> Callable[[ocsp.OCSPRequest], bytes]:
    """Return a responder that says the same of every certificate."""

    def answer(request: ocsp.OCSPRequest) -> bytes:
        certificate, key = signer or (lab.ca.certificate, lab.ca.key)
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=request.issuer_name_hash,
                issuer_key_hash=request.issuer_key_hash,
                serial_number=request.serial_number,
                algorithm=request.hash_algorithm,
                cert_status=state,
                this_update=lab.now,
                next_update=lab.now + ends,
                revocation_time=lab.now if state is ocsp.OCSPCertStatus.REVOKED else None,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
        )
        if signer:
            builder = builder.certificates([certificate])
        for one in request.extensions:
            builder = builder.add_extension(one.value, critical=False)
        return builder.sign(key, SHA256()).public_bytes(Encoding.DER)

    return answer


class TestLists:
    """Lists from addresses."""

    def test_fetched(self, lab: Lab, client: Issued, events: Events) -> None:
        """Nobody passes before the list is there; then who is not on it does; one event says what came."""
        lab.shelf.documents[URL] = lab.list_of()
        service = lab.serve(lists=[URL])
        assert lab.code_now(client) == "revocation_missing"
        asyncio.run(service.refresh())
        assert lab.code_now(client) == "good"
        (event,) = events()
        assert (event["event"], event["requirement"]) == ("revocation_refreshed", "v5.0.0-12.1.4")
        assert (event["source"], event["number"], event["revoked"]) == (URL, "1", 0)
        assert event["seconds_left"] == 7 * 86400

    def test_revoked_meanwhile(self, lab: Lab, client: Issued) -> None:
        """A newer list counts for a certificate that was verified before: its verdict is forgotten."""
        lab.shelf.documents[URL] = lab.list_of()
        service = lab.serve(lists=[URL])
        asyncio.run(service.refresh())
        assert lab.code_now(client) == "good"
        lab.shelf.documents[URL] = lab.list_of(client.certificate)
        asyncio.run(service.refresh())
        assert lab.code_now(client) == "revoked"

    def test_unchanged(self, lab: Lab, client: Issued, events: Events) -> None:
        """The same bytes, or the same entity tag, change nothing, and nothing is said."""
        for document in (Document(lab.list_of(), '"1"'), Document(lab.list_of())):
            lab.shelf.documents[URL] = document
            service = lab.serve(lists=[URL])
            asyncio.run(service.refresh())
            generation = lab.verifier.generation
            asyncio.run(service.refresh())
            assert lab.verifier.generation == generation
        assert [tag for _, tag in lab.shelf.asked] == [None, '"1"', None, None]
        assert said(events) == ["revocation_refreshed"] * 2

    def test_the_same_list_in_other_bytes(self, lab: Lab, client: Issued, events: Events) -> None:
        """PEM instead of DER is the same list."""
        crl = lab.ca.crl(at=lab.now, days=7)
        lab.shelf.documents[URL] = crl.public_bytes(Encoding.DER)
        service = lab.serve(lists=[URL])
        asyncio.run(service.refresh())
        lab.shelf.documents[URL] = crl.public_bytes(Encoding.PEM)
        asyncio.run(service.refresh())
        assert said(events) == ["revocation_refreshed"]

    @pytest.mark.parametrize(
        ("wrong", "fault"),
        [
            pytest.param(lambda lab: b"", "is not a certificate revocation list", id="empty"),
            pytest.param(lambda lab: lab.list_of()[:-9], "is not a certificate revocation list", id="cut short"),
            pytest.param(lambda lab: OSError("secret"), "It cannot be had: OSError.", id="unreachable"),
            pytest.param(lambda lab: lab.list_of(number=0), "below the former one's", id="an older number"),
            pytest.param(lambda lab: lab.list_of(at=lab.now - 30 * DAY), "is in force until", id="stale"),
            pytest.param(lambda lab: lab.list_of(at=lab.now + DAY), "is in force from", id="from the future"),
            pytest.param(
                lambda lab: lab.list_of(ca=DevelopmentCA.root("Clients", at=lab.now)), "signed by none", id="a namesake"
            ),
        ],
    )
    def test_failure(
        self, lab: Lab, client: Issued, events: Events, *, wrong: Callable[[Lab], Any], fault: str
    ) -> None:
        """What was in force stays, one event says why, and says it once until the fault is another."""
        lab.shelf.documents[URL] = lab.list_of()
        service = lab.serve(lists=[URL])
        asyncio.run(service.refresh())
        lab.shelf.documents[URL] = wrong(lab)
        for _ in range(3):
            asyncio.run(service.refresh())
        assert lab.code_now(client) == "good"
        assert said(events) == ["revocation_refreshed", "revocation_failed"]
        assert fault in events()[-1]["reason"]
        assert "secret" not in str(events())
        lab.shelf.documents[URL] = lab.list_of(client.certificate)
        asyncio.run(service.refresh())
        assert lab.code_now(client) == "revoked"

    def test_no_older_than_the_file(self, lab: Lab, client: Issued, events: Events) -> None:
        """A fetched list may not go back behind the one in a file."""
        lab.shelf.documents[URL] = lab.list_of()
        service = lab.serve(lab.list_of(client.certificate), lists=[URL])
        asyncio.run(service.refresh())
        assert said(events) == ["revocation_failed"]
        assert lab.code_now(client) == "revoked"

    def test_a_secret_in_the_address(self, lab: Lab, events: Events) -> None:
        """v5.0.0-16.2.5: what stands behind a question mark is not logged."""
        for found in (lab.list_of(), b"no list"):
            lab.shelf.documents[f"{URL}?key=secret"] = found
            asyncio.run(lab.serve(lists=[f"{URL}?key=secret"]).refresh())
        assert said(events) == ["revocation_refreshed", "revocation_failed"]
        assert "secret" not in str(events())

    def test_grace_is_said(self, lab: Lab, client: Issued, events: Events) -> None:
        """A list that is used after its end is told of once: nobody else would notice."""
        lab.shelf.documents[URL] = lab.list_of()
        service = lab.serve(lists=[URL], grace=DAY)
        asyncio.run(service.refresh())
        lab.now += timedelta(days=7, hours=1)
        for _ in range(2):
            asyncio.run(service.refresh())
        assert lab.code_now(client) == "good"
        assert said(events) == ["revocation_refreshed", "revocation_stale"]
        lab.now += DAY
        assert lab.code_now(client) == "revocation_stale"


class TestFiles:
    """Lists in files, for apps that no reloading server runs."""

    def test_read_again(self, lab: Lab, client: Issued, events: Events) -> None:
        """A newer list in a file counts; the same changes nothing."""
        service = lab.serve(lab.list_of())
        for _ in range(2):
            asyncio.run(service.refresh())
        assert (lab.code_now(client), lab.verifier.generation, said(events)) == ("good", 0, [])
        (lab.folder / "0.crl").write_bytes(lab.list_of(client.certificate))
        asyncio.run(service.refresh())
        assert (lab.code_now(client), said(events)) == ("revoked", ["revocation_refreshed"])
        assert events()[0]["source"] == "files"

    def test_failure(self, lab: Lab, client: Issued, events: Events) -> None:
        """Half a file, or an older list, changes nothing; one event says why."""
        older = lab.list_of()
        service = lab.serve(lab.list_of(client.certificate))
        for wrong in (b"half", older):
            (lab.folder / "0.crl").write_bytes(wrong)
            for _ in range(2):
                asyncio.run(service.refresh())
        (lab.folder / "0.crl").unlink()
        for _ in range(2):
            asyncio.run(service.refresh())
        assert lab.code_now(client) == "revoked"
        assert said(events) == ["revocation_failed"] * 3

    def test_policy_replaced_meanwhile(self, lab: Lab, client: Issued, at: datetime) -> None:
        """Whoever put another policy in force wins over what was read before."""
        lab.serve(lab.list_of())
        before = lab.verifier.policy
        lab.verifier.trust(ClientCertificates(trust=lab.folder / "ca.pem"))
        assert not lab.verifier.exchange(before, before)
        assert lab.verifier.policy.crls == ()
        assert lab.verifier.exchange(lab.verifier.policy, before)

    def test_without_revocation(self, lab: Lab, client: Issued) -> None:
        """A policy that checks nothing gives nothing to do."""
        (lab.folder / "ca.pem").write_bytes(lab.ca.pem)
        verifier = ClientCertificateVerifier(ClientCertificates(trust=lab.folder / "ca.pem"))
        asyncio.run(RevocationService(verifier, fetcher=lab.shelf).refresh())
        assert (verifier.generation, lab.shelf.asked) == (0, [])


class TestOnDemand:
    """A request that misses a list waits for it, once."""

    def test_without_lifespan(self, lab: Lab, client: Issued) -> None:
        """Where nothing was fetched yet, the first request has it fetched."""
        lab.shelf.documents[URL] = lab.list_of()
        lab.serve(lists=[URL])
        assert asyncio.run(lab.code(client)) == "good"
        assert asyncio.run(lab.code(client)) == "good"
        assert len(lab.shelf.asked) == 1

    def test_nobody_to_ask(self, lab: Lab, client: Issued) -> None:
        """Without a service the refusal is the answer."""
        lab.serve(lists=[URL])
        lab.verifier.informant = None
        assert asyncio.run(lab.code(client)) == "revocation_missing"

    def test_policy_without_revocation(self, lab: Lab, client: Issued) -> None:
        """What was missed under a former policy is not fetched for one that checks nothing."""
        service = lab.serve(lists=[URL])
        caught = None
        try:
            lab.verifier.verify(client.der, at=lab.now)
        except AccessDenied as refusal:
            caught = refusal
        lab.shelf.documents[URL] = KeyError("not there")
        lab.verifier.trust(ClientCertificates(trust=lab.folder / "ca.pem"))
        assert asyncio.run(service.learn(caught)) is False  # type: ignore[arg-type]

    def test_failure_is_shared(self, lab: Lab, client: Issued) -> None:
        """A list that cannot be had is not asked for by every request; later it is tried again."""
        lab.shelf.documents[URL] = OSError()
        lab.serve(lists=[URL])
        for _ in range(3):
            assert asyncio.run(lab.code(client)) == "revocation_missing"
        assert len(lab.shelf.asked) == 1
        lab.shelf.documents[URL] = lab.list_of()
        lab.now += revocation_service.PAUSE
        assert asyncio.run(lab.code(client)) == "good"

    def test_one_fetch_for_many(self, lab: Lab, client: Issued) -> None:
        """Whoever comes while it is on its way waits for the same."""
        lab.shelf.documents[URL] = lab.list_of()
        lab.shelf.gate = lambda: anyio.sleep(0.02)
        lab.serve(lists=[URL])

        async def all_at_once() -> list[str]:
            return await asyncio.gather(*(lab.code(client) for _ in range(50)))

        assert asyncio.run(all_at_once()) == ["good"] * 50
        assert len(lab.shelf.asked) == 1

    def test_patience(self, lab: Lab, client: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
        """A request waits for a bounded time, and is then refused."""
        monkeypatch.setattr(certificate_verifier, "PATIENCE", 0.05)
        lab.shelf.gate = anyio.sleep_forever
        lab.serve(lists=[URL])
        assert asyncio.run(lab.code(client)) == "revocation_missing"

    def test_whole_chain(self, lab: Lab, intermediate: DevelopmentCA, deep_client: Issued) -> None:
        """Each CA's list is fetched, one after the other."""
        below = "https://crl.example/below.crl"
        lab.shelf.documents |= {URL: lab.list_of(), below: lab.list_of(ca=intermediate)}
        lab.serve(intermediates=(intermediate,), lists=[URL, below])
        assert asyncio.run(lab.code(deep_client)) == "good"

    def test_it_ends(self, lab: Lab, client: Issued) -> None:
        """Something new that does not help is no reason to go on for ever."""

        class Hopeful:
            times = 0

            async def learn(self, unknown: object) -> bool:
                self.times += 1
                return True

        lab.serve(lists=[URL])
        lab.verifier.informant = hopeful = Hopeful()
        assert asyncio.run(lab.code(client)) == "revocation_missing"
        assert hopeful.times < 10


class TestDistributionPoints:
    """Addresses in certificates: only of verified chains, only on named hosts."""

    def client(self, lab: Lab, *urls: str) -> Issued:
        """Issue a client's certificate that says where its list is."""
        key = lab.ca.issue_client("pointing", dns=["pointing.example"], at=lab.now).key
        points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
        relative = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "shard")])
        points.append(x509.DistributionPoint(None, relative, None, None))
        points.append(x509.DistributionPoint([x509.DNSName("crl.example")], None, None, None))
        plain = lab.ca.issue_client("pointing", dns=["pointing.example"], at=lab.now, key=key).certificate
        builder = x509.CertificateBuilder(
            issuer_name=plain.issuer,
            subject_name=plain.subject,
            public_key=key.public_key(),
            serial_number=plain.serial_number,
            not_valid_before=plain.not_valid_before_utc,
            not_valid_after=plain.not_valid_after_utc,
        )
        for one in plain.extensions:
            if not isinstance(one.value, x509.CRLDistributionPoints):
                builder = builder.add_extension(one.value, critical=one.critical)
        certificate = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
        return Issued(certificate.sign(lab.ca.key, SHA256()), key)

    @pytest.mark.parametrize(
        ("url", "choices", "expected"),
        [
            pytest.param(URL, {"distribution_points": ["crl.example"]}, "good", id="a named host"),
            pytest.param(URL, {"distribution_points": ["CRL.example"]}, "good", id="in capitals"),
            pytest.param(
                "https://crl.example:8443/", {"distribution_points": ["crl.example:8443"]}, "good", id="its port"
            ),
            pytest.param(URL, {}, "revocation_missing", id="no host is named"),
            pytest.param(URL, {"distribution_points": ["other.example"]}, "revocation_missing", id="another host"),
            pytest.param(
                "https://crl.example:8443/", {"distribution_points": ["crl.example"]}, "revocation_missing", id="port"
            ),
            pytest.param(
                "http://crl.example/", {"distribution_points": ["crl.example"]}, "revocation_missing", id="plaintext"
            ),
            pytest.param(
                "http://crl.example/",
                {"distribution_points": ["crl.example"], "dangerously_over_http": "the CA offers nothing else"},
                "good",
                id="plaintext with a reason",
            ),
            pytest.param(
                "https://crl.example@169.254.169.254/",
                {"distribution_points": ["crl.example"]},
                "revocation_missing",
                id="a user that looks like the host",
            ),
            pytest.param(
                "https://crl.example.evil.example/",
                {"distribution_points": ["crl.example"]},
                "revocation_missing",
                id="a longer name",
            ),
            pytest.param(
                "ldap://crl.example/", {"distribution_points": ["crl.example"]}, "revocation_missing", id="LDAP"
            ),
            pytest.param(
                "https://[crl.example/", {"distribution_points": ["crl.example"]}, "revocation_missing", id="no URL"
            ),
            pytest.param(
                f"{URL}?{'x' * 1024}", {"distribution_points": ["crl.example"]}, "revocation_missing", id="too long"
            ),
        ],
    )
    def test_hosts(self, lab: Lab, *, url: str, choices: dict[str, Any], expected: str) -> None:
        """v5.0.0-13.2.4: a certificate cannot send us anywhere but where the operator said."""
        lab.shelf.documents[url] = lab.list_of()
        client = self.client(lab, url)
        lab.serve(**choices)
        assert asyncio.run(lab.code(client)) == expected
        assert bool(lab.shelf.asked) == (expected == "good")

    def test_looked_at_again(self, lab: Lab) -> None:
        """A place that was learnt is looked at like the others from then on."""
        lab.shelf.documents[URL] = lab.list_of()
        client = self.client(lab, URL)
        service = lab.serve(distribution_points=["crl.example"])
        assert asyncio.run(lab.code(client)) == "good"
        lab.shelf.documents[URL] = lab.list_of(client.certificate)
        asyncio.run(service.refresh())
        assert lab.code_now(client) == "revoked"

    def test_list_of_another_ca(self, lab: Lab) -> None:
        """What lies at a place of one CA has to be signed by that CA."""
        lab.shelf.documents[URL] = lab.list_of(ca=DevelopmentCA.root("Clients", at=lab.now))
        lab.serve(distribution_points=["crl.example"])
        assert asyncio.run(lab.code(self.client(lab, URL))) == "revocation_missing"

    def test_a_place_is_learnt_once(self, lab: Lab) -> None:
        """Two certificates with one place are one place, left alone for a while where it fails."""
        lab.shelf.documents[URL] = OSError()
        lab.serve(distribution_points=["crl.example"])
        for _ in range(2):
            assert asyncio.run(lab.code(self.client(lab, URL))) == "revocation_missing"
        assert len(lab.shelf.asked) == 1

    def test_strangers_teach_nothing(self, lab: Lab) -> None:
        """A certificate that no anchor issued is refused before anybody looks where it points."""
        stranger = Lab(DevelopmentCA.root("Clients", at=lab.now), lab.folder, lab.now)
        lab.serve(distribution_points=["crl.example"])
        assert asyncio.run(lab.code(self.client(stranger, URL))) == "unknown_issuer"
        assert lab.shelf.asked == []

    def test_many_places_of_one_certificate(self, lab: Lab) -> None:
        """A certificate that names a great many places has a few of them looked at."""
        urls = [f"https://crl.example/{number}.crl" for number in range(40)]
        lab.shelf.documents |= {url: OSError() for url in urls}
        lab.serve(distribution_points=["crl.example"])
        assert asyncio.run(lab.code(self.client(lab, *urls))) == "revocation_missing"
        assert len(lab.shelf.asked) == 4

    def test_bounded(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        """So many places are kept and no more; the oldest makes room."""
        monkeypatch.setattr(revocation_points, "MOST_LEARNT", 2)
        urls = [f"https://crl.example/{number}.crl" for number in range(4)]
        for url in urls:
            lab.shelf.documents[url] = OSError()
        service = lab.serve(distribution_points=["crl.example"])
        for url in urls:
            assert asyncio.run(lab.code(self.client(lab, url))) == "revocation_missing"
        lab.shelf.asked.clear()
        asyncio.run(service.refresh())
        assert {url for url, _ in lab.shelf.asked} == set(urls[2:])


class TestResponders:
    """OCSP: asked for by the request that needs it, kept until nextUpdate."""

    def serve(self, lab: Lab, *files: bytes, **choices: Any) -> RevocationService:
        return lab.serve(*files, responders=[Responder(url=ASK, **choices)])

    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            (ocsp.OCSPCertStatus.GOOD, "good"),
            (ocsp.OCSPCertStatus.REVOKED, "revoked"),
            (ocsp.OCSPCertStatus.UNKNOWN, "revocation_unknown"),
        ],
    )
    @pytest.mark.parametrize("choices", [{}, {"nonce": False}, {"certificate_ids": "sha1"}], ids=str)
    def test_states(
        self, lab: Lab, client: Issued, *, state: ocsp.OCSPCertStatus, expected: str, choices: dict[str, Any]
    ) -> None:
        """Each state is told once, and kept until nextUpdate."""
        lab.shelf.documents[ASK] = an_answer(lab, state=state)
        self.serve(lab, **choices)
        for _ in range(3):
            assert asyncio.run(lab.code(client)) == expected
        assert len(lab.shelf.asked) == 1
        lab.now += DAY
        assert asyncio.run(lab.code(client)) == expected
        assert len(lab.shelf.asked) == 2

    def test_revoked_meanwhile(self, lab: Lab, client: Issued) -> None:
        """From nextUpdate on the answer of before is none."""
        lab.shelf.documents[ASK] = an_answer(lab)
        self.serve(lab)
        assert asyncio.run(lab.code(client)) == "good"
        lab.shelf.documents[ASK] = an_answer(lab, state=ocsp.OCSPCertStatus.REVOKED)
        lab.now += DAY
        assert asyncio.run(lab.code(client)) == "revoked"

    @pytest.mark.parametrize(
        ("wrong", "fault"),
        [
            pytest.param(OSError("secret"), "OSError", id="unreachable"),
            pytest.param(lambda request: b"", "cannot be read", id="empty"),
            pytest.param(lambda request: b"<html>", "cannot be read", id="a page"),
        ],
    )
    def test_failure(self, lab: Lab, client: Issued, events: Events, *, wrong: Any, fault: str) -> None:
        """v5.0.0-16.5.2: no answer, no entry; the responder is left alone for a moment; one event says why."""
        lab.shelf.documents[ASK] = wrong
        self.serve(lab)
        for _ in range(3):
            assert asyncio.run(lab.code(client)) == "revocation_unavailable"
        assert len(lab.shelf.asked) == 1
        lab.now += ocsp_asking.PAUSE
        assert asyncio.run(lab.code(client)) == "revocation_unavailable"
        assert said(events) == ["revocation_failed"]
        assert fault in events()[0]["reason"]
        assert "secret" not in str(events())
        lab.shelf.documents[ASK] = an_answer(lab)
        lab.now += ocsp_asking.PAUSE
        assert asyncio.run(lab.code(client)) == "good"

    def test_one_question_for_many(self, lab: Lab, client: Issued) -> None:
        """Whoever comes with the same certificate meanwhile waits for the same answer."""
        lab.shelf.documents[ASK] = an_answer(lab)
        lab.shelf.gate = lambda: anyio.sleep(0.02)
        self.serve(lab)

        async def all_at_once() -> list[str]:
            return await asyncio.gather(*(lab.code(client) for _ in range(50)))

        assert asyncio.run(all_at_once()) == ["good"] * 50
        assert len(lab.shelf.asked) == 1

    def test_whole_chain(self, lab: Lab, intermediate: DevelopmentCA, deep_client: Issued) -> None:
        """Each certificate of a chain is asked about, of its own CA's responder."""
        below = "https://ocsp.example/below"
        (lab.folder / "root.pem").write_bytes(lab.ca.pem)
        (lab.folder / "issuing.pem").write_bytes(intermediate.pem)
        lab.shelf.documents[ASK] = an_answer(lab)
        lab.shelf.documents[below] = an_answer(lab, signer=(intermediate.certificate, intermediate.key))
        lab.serve(
            intermediates=(intermediate,),
            responders=[
                Responder(url=ASK, issuers=[lab.folder / "root.pem"]),
                Responder(url=below, issuers=[lab.folder / "issuing.pem"]),
            ],
        )
        assert asyncio.run(lab.code(deep_client)) == "good"
        assert [url for url, _ in lab.shelf.asked] == [below, ASK]

    def test_many_questions(self, lab: Lab, client: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
        """So many are under way and no more: the rest is refused at once."""
        monkeypatch.setattr(ocsp_asking, "MOST_QUESTIONS", 2)
        lab.shelf.documents[ASK] = an_answer(lab)
        lab.shelf.gate = lambda: anyio.sleep(0.02)
        self.serve(lab)
        clients = [lab.ca.issue_client("many", dns=["a.example"], at=lab.now, key=client.key) for _ in range(4)]

        async def all_at_once() -> list[str]:
            return await asyncio.gather(*map(lab.code, clients))

        assert sorted(asyncio.run(all_at_once())) == ["good"] * 2 + ["revocation_unavailable"] * 2

    @pytest.mark.parametrize("listed", ["missing", "absent", "revoked"])
    def test_the_responders_own_certificate(self, lab: Lab, client: Issued, *, listed: str) -> None:
        """Unless the CA said it needs no check, a list has to cover it: it cannot vouch for itself."""
        key = client.key
        builder = x509.CertificateBuilder(
            lab.ca.certificate.subject,
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "responder")]),
            key.public_key(),
            99,
            lab.now - DAY,
            lab.now + DAY,
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        responder = builder.sign(lab.ca.key, SHA256())
        lab.shelf.documents[ASK] = an_answer(lab, signer=(responder, key))
        files = [] if listed == "missing" else [lab.list_of(*([responder] if listed == "revoked" else []))]
        self.serve(lab, *files)
        assert asyncio.run(lab.code(client)) == ("good" if listed == "absent" else "revocation_unavailable")


class TestRunning:
    """In the background."""

    def test_first_look_before_the_app(self, lab: Lab, client: Issued) -> None:
        """The lists are there when the app begins; afterwards nothing runs on."""
        lab.shelf.documents[URL] = lab.list_of()
        service = lab.serve(lists=[URL])

        async def lifespan() -> int:
            async with service.running() as running:
                assert running is service
                assert lab.code_now(client) == "good"
            return len(asyncio.all_tasks())

        assert asyncio.run(lifespan()) == 1

    def test_a_failing_place_holds_nothing_up(self, lab: Lab, client: Issued) -> None:
        """The app starts all the same, and refuses."""
        lab.shelf.documents[URL] = OSError()
        service = lab.serve(lists=[URL])

        async def lifespan() -> str:
            async with service.running():
                return lab.code_now(client)

        assert asyncio.run(lifespan()) == "revocation_missing"

    def test_an_error_of_the_app(self, lab: Lab) -> None:
        """It goes through as it is, and not in a group."""
        service = lab.serve(lab.list_of())

        async def lifespan() -> None:
            async with service.running():
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            asyncio.run(lifespan())

    def test_woken(self, lab: Lab) -> None:
        """It is awake until somebody has looked."""
        service = lab.serve(lab.list_of())
        service.wake()
        assert service.is_awake
        asyncio.run(service.refresh())
        assert not service.is_awake

    def test_a_slow_place_holds_nothing_up(self, lab: Lab, client: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
        """The app starts after a few seconds; the place is due again soon."""
        monkeypatch.setattr(revocation_service, "PATIENCE", 0.05)
        monkeypatch.setattr(revocation_service, "_BREATH", 0.01)
        lab.shelf.documents[URL] = lab.list_of()
        lab.shelf.gate = anyio.sleep_forever
        service = lab.serve(lists=[URL])

        async def lifespan() -> None:
            async with service.running():
                assert lab.code_now(client) == "revocation_missing"
                lab.shelf.gate = None
                lab.now += timedelta(minutes=1)
                with anyio.fail_after(30):
                    while lab.code_now(client) != "good":
                        await anyio.sleep(0.01)

        asyncio.run(lifespan())

    @pytest.mark.parametrize(
        "cause",
        [
            pytest.param(lambda lab, service: threading.Thread(target=service.wake).start(), id="woken by a thread"),
            pytest.param(lambda lab, service: lab.pass_time(timedelta(minutes=15)), id="it is time"),
            pytest.param(lambda lab, service: lab.pass_time(timedelta(minutes=-30)), id="the clock went back"),
        ],
    )
    def test_looks_again(
        self,
        lab: Lab,
        client: Issued,
        monkeypatch: pytest.MonkeyPatch,
        *,
        cause: Callable[[Any, RevocationService], None],
    ) -> None:
        """A newer list is found when it is time, and when somebody asks."""
        monkeypatch.setattr(revocation_service, "_BREATH", 0.01)
        lab.shelf.documents[URL] = lab.list_of(at=lab.now - 2 * DAY)
        service = lab.serve(lists=[URL])

        async def lifespan() -> str:
            async with service.running():
                await anyio.sleep(0.05)
                assert len(lab.shelf.asked) == 1
                lab.shelf.documents[URL] = lab.list_of(client.certificate, at=lab.now - 2 * DAY)
                cause(lab, service)
                with anyio.fail_after(30):
                    while lab.code_now(client) != "revoked":
                        await anyio.sleep(0.01)
            return lab.code_now(client)

        assert asyncio.run(lifespan()) == "revoked"

    def test_soon_after_a_failure(self, lab: Lab, client: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
        """What failed is tried again after a minute."""
        monkeypatch.setattr(revocation_service, "_BREATH", 0.01)
        lab.shelf.documents[URL] = OSError()
        service = lab.serve(lists=[URL])

        async def lifespan() -> None:
            async with service.running():
                lab.shelf.documents[URL] = lab.list_of()
                await anyio.sleep(0.05)
                assert lab.code_now(client) == "revocation_missing"
                lab.now += timedelta(minutes=1)
                with anyio.fail_after(30):
                    while lab.code_now(client) != "good":
                        await anyio.sleep(0.01)

        asyncio.run(lifespan())


@pytest.mark.parametrize(
    ("life", "fault", "due"),
    [
        pytest.param(None, "", timedelta(minutes=15), id="never fetched"),
        pytest.param(timedelta(days=7), "", timedelta(minutes=15), id="a long life"),
        pytest.param(timedelta(minutes=20), "", timedelta(minutes=5), id="four times in a short one"),
        pytest.param(timedelta(seconds=20), "", timedelta(minutes=1), id="never more often"),
        pytest.param(timedelta(days=7), "broken", timedelta(minutes=1), id="after a failure"),
    ],
)
def test_when_it_is_due(at: datetime, *, life: timedelta | None, fault: str, due: timedelta) -> None:
    """As often as configured, more often for lists that live shortly, soon after a failure."""
    place = revocation_points.Place(URL, life=life, fault=fault)
    assert place.is_due(at, timedelta(minutes=15))
    place.tried = at
    assert not place.is_due(at + due - timedelta(seconds=1), timedelta(minutes=15))
    assert place.is_due(at + due, timedelta(minutes=15))


class TestFlights:
    """One fetch for many who wait."""

    def test_a_cancelled_one_is_taken_over(self) -> None:
        """Where the caller that fetches is cancelled, one of those who waited fetches."""
        flights, begun, landing = Flights(), list[int](), asyncio.Event()

        async def fetch() -> bool:
            begun.append(1)
            await landing.wait()
            return True

        async def calls() -> tuple[bool, bool]:
            first = asyncio.create_task(flights.share("key", fetch))
            await anyio.sleep(0.01)
            second = asyncio.create_task(flights.share("key", fetch))
            await anyio.sleep(0.01)
            assert "key" in flights
            first.cancel()
            landing.set()
            return await second, "key" in flights

        assert asyncio.run(calls()) == (True, False)
        assert len(begun) == 2

    def test_a_flight_of_a_dead_loop(self) -> None:
        """A loop that ended while it fetched is not waited for."""
        flights = Flights()

        async def never() -> bool:
            await anyio.sleep_forever()
            return True

        async def soon() -> bool:
            return True

        loop = asyncio.new_event_loop()
        task = loop.create_task(flights.share("key", never))
        loop.run_until_complete(asyncio.sleep(0.01))
        assert asyncio.run(flights.share("key", soon)) is True
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()
        assert "key" not in flights
