"""The header fields only a proxy may write."""

import pytest

from asvs_middleware.connection.field_names import LOOKALIKES, WRITTEN_BY_PROXIES


@pytest.mark.parametrize(
    "name",
    [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-server",
        "x-forwarded-ssl",
        "front-end-https",
        "x-url-scheme",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
    ],
)
def test_known_fields(name: str) -> None:
    """Each of them, and each spelling with underscores, which gateways read as the same name."""
    assert name.encode() in WRITTEN_BY_PROXIES
    underscored = name.replace("-", "_").encode()
    assert underscored in WRITTEN_BY_PROXIES
    assert (underscored in LOOKALIKES) is ("-" in name)


@pytest.mark.parametrize("name", [b"x_forwarded-proto", b"x-forwarded_proto", b"x_forwarded_proto"])
def test_every_mixture_is_a_lookalike(name: bytes) -> None:
    """One underscore is enough."""
    assert name in LOOKALIKES


@pytest.mark.parametrize("name", [b"host", b"authorization", b"x-forwarded", b"via", b"user-agent", b"x-request-id"])
def test_other_fields(name: bytes) -> None:
    """A field that says nothing of the client is left alone."""
    assert name not in WRITTEN_BY_PROXIES
