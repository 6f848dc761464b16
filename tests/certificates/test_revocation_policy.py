"""The choices: what cannot be right is refused where it is written, with the sentence that repairs it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.certificates import ClientCertificates
from asvs_middleware.certificates.revocation.crl import issuer_key
from asvs_middleware.certificates.revocation.ocsp_responder import Responder
from asvs_middleware.certificates.revocation.policy import RevocationPolicy
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.pki import DevelopmentCA

LIST = "https://crl.example/ca.crl"
REASON = "the CA publishes over http only"


def test_defaults() -> None:
    """Nothing is fetched, nobody is exempt, and a list ends when it says so."""
    policy = RevocationPolicy()
    assert (policy.fetches, policy.grace, policy.exempt_up_to, policy.exempt_no_rev_avail) == (
        False,
        timedelta(0),
        None,
        False,
    )
    assert (policy.waivers, policy.every) == ((), timedelta(minutes=15))


@pytest.mark.parametrize(
    "choice",
    [{"lists": [LIST]}, {"distribution_points": ["crl.example"]}, {"responders": [Responder(url=LIST)]}],
    ids=lambda choice: next(iter(choice)),
)
def test_fetches(choice: dict[str, Any]) -> None:
    """Whoever builds the app can tell whether a fetcher is needed."""
    assert RevocationPolicy(**choice).fetches


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        pytest.param({"lists": LIST}, "is no list", id="one text for a list"),
        pytest.param({"lists": b"x"}, "is no list", id="bytes"),
        pytest.param({"lists": {LIST}}, "is no list", id="a set"),
        pytest.param({"lists": [7]}, "Give a str each", id="a number among URLs"),
        pytest.param({"distribution_points": [None]}, "Give a str each", id="no host"),
        pytest.param({"responders": [LIST]}, "Give a Responder each", id="a URL for a responder"),
        pytest.param({"lists": ["http://crl.example/ca.crl"]}, "dangerously_over_http=", id="plaintext"),
        pytest.param({"responders": [Responder(url="http://ocsp.example")]}, "which is not https", id="OCSP plaintext"),
        pytest.param({"lists": ["ldap://crl.example/cn=ca"]}, "LDAP and files are not fetched", id="LDAP"),
        pytest.param({"lists": ["file:///etc/ca.crl"]}, "from which nothing can be fetched", id="a file"),
        pytest.param({"lists": ["https:///ca.crl"]}, "from which nothing can be fetched", id="no host in the URL"),
        pytest.param({"lists": ["https://user:secret@crl.example/"]}, "not repeated", id="credentials"),
        pytest.param({"lists": ["https://[::1/ca.crl"]}, "is no URL", id="half an address"),
        pytest.param({"lists": ["crl.example/ca.crl"]}, "from which nothing can be fetched", id="no scheme"),
        pytest.param({"every": timedelta(seconds=59)}, "from 0:01:00 to 1 day", id="too often"),
        pytest.param({"every": timedelta(days=2)}, "is no time of that kind", id="too seldom"),
        pytest.param({"every": 900}, "is no time of that kind", id="a number for a time"),
        pytest.param({"grace": timedelta(seconds=-1)}, "is no time of that kind", id="negative grace"),
        pytest.param({"grace": timedelta(days=4)}, "to 3 days", id="grace without bound"),
        pytest.param({"exempt_up_to": timedelta(days=8)}, "to 7 days", id="a long life called short"),
        pytest.param({"exempt_up_to": timedelta(0)}, "is no time of that kind", id="no life at all"),
        pytest.param({"exempt_no_rev_avail": "yes"}, "neither True nor False", id="a word for yes"),
        pytest.param({"outbound": "internal-ca.pem"}, "Write outbound=OutboundPolicy.internal", id="a file for trust"),
        pytest.param({"dangerously_over_http": "because"}, "three words", id="no reason"),
    ],
)
def test_refuses(choice: dict[str, Any], message: str) -> None:
    """A choice that cannot be right stops the start-up with the fix, and repeats no password."""
    with pytest.raises(ConfigurationError, match=message) as error:
        RevocationPolicy(**choice)
    assert "secret" not in str(error.value)


def test_plaintext_is_a_waiver() -> None:
    """v5.0.0-12.3.1: plaintext is named as such, with a reason an auditor can read."""
    policy = RevocationPolicy(lists=["http://crl.example/ca.crl"], dangerously_over_http=REASON)
    assert [(one.requirement, one.reason) for one in policy.waivers] == [("v5.0.0-12.3.1", REASON)]


def test_policy_of_client_certificates(tmp_path: Path, ca: DevelopmentCA) -> None:
    """With a RevocationPolicy revocation is checked, also where no file is given; something else is refused."""
    (tmp_path / "ca.pem").write_bytes(ca.pem)
    assert ClientCertificates(trust=tmp_path / "ca.pem").revocation is None
    policy = ClientCertificates(trust=tmp_path / "ca.pem", revocation_policy=RevocationPolicy())
    assert policy.revocation
    assert policy.revocation.lists == {}
    with pytest.raises(ConfigurationError, match="is no RevocationPolicy"):
        ClientCertificates(trust=tmp_path / "ca.pem", revocation_policy="strict")  # type: ignore[arg-type]


class TestResponder:
    """A responder speaks for the CAs it was named for."""

    def test_issuers(self, tmp_path: Path, ca: DevelopmentCA, intermediate: DevelopmentCA) -> None:
        """Named for one CA it is asked about that one's certificates; named for none, about all."""
        (tmp_path / "ca.pem").write_bytes(ca.pem)
        responder = Responder(url=LIST, issuers=[tmp_path / "ca.pem"])
        assert responder.keys == {issuer_key(ca.certificate)}
        assert responder.speaks_for(ca.certificate)
        assert not responder.speaks_for(intermediate.certificate)
        assert Responder(url=LIST).speaks_for(intermediate.certificate)

    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            pytest.param({"url": 7}, "a url that is no text", id="a number for a URL"),
            pytest.param({"nonce": "yes"}, "a nonce that is neither", id="a word for yes"),
            pytest.param({"certificate_ids": "sha512"}, "does not know 'sha512'", id="another hash"),
            pytest.param({"issuers": "ca.pem"}, "is no list of paths", id="one path for a list"),
            pytest.param({"issuers": ["missing.pem"]}, "cannot be read", id="a missing file"),
            pytest.param({"issuers": [__file__]}, r"cannot be read \(ValueError\)", id="no certificate"),
            pytest.param({"issuers": ["\0"]}, "cannot be read", id="NUL"),
            pytest.param({"issuers": [7.5]}, "cannot be read", id="a number"),
        ],
    )
    def test_refuses(self, choice: dict[str, Any], message: str) -> None:
        """A choice that cannot be right stops the start-up with the fix."""
        with pytest.raises(ConfigurationError, match=message):
            Responder(**{"url": LIST, **choice})
