"""The files in which providers publish their networks: known shapes are read whole, anything else is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection.range_files import parse_ranges
from asvs_middleware.errors import ConfigurationError


def parsed(found: Any, *, service: str | None = None) -> list[str]:
    text = found if isinstance(found, str) else json.dumps(found)
    return list(parse_ranges(text, service=service, where="the file"))


AWS = {
    "syncToken": "1",
    "createDate": "2026-11-21-00-00-00",
    "prefixes": [
        {"ip_prefix": "198.51.100.0/24", "region": "GLOBAL", "service": "AMAZON", "network_border_group": "GLOBAL"},
        {"ip_prefix": "203.0.113.0/24", "region": "GLOBAL", "service": "CLOUDFRONT_ORIGIN_FACING"},
    ],
    "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/32", "region": "GLOBAL", "service": "CLOUDFRONT_ORIGIN_FACING"}],
}
AZURE = {
    "changeNumber": 1,
    "cloud": "Public",
    "values": [
        {"name": "AzureCloud", "properties": {"addressPrefixes": ["198.51.100.0/24"]}},
        {"name": "AzureFrontDoor.Backend", "properties": {"addressPrefixes": ["203.0.113.0/24", "2001:db8::/32"]}},
    ],
}
BOTH = ["203.0.113.0/24", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("found", "service", "networks"),
    [
        pytest.param("203.0.113.0/24\n2001:db8::/32\n", None, BOTH, id="a network a line"),
        pytest.param(
            "# ours\r\n\r\n 203.0.113.0/24 # Paris\r\n2001:db8::/32", None, BOTH, id="comments and empty lines"
        ),
        pytest.param(BOTH, None, BOTH, id="a list"),
        pytest.param([{"ip_prefix": BOTH[0]}, {"ipv6_prefix": BOTH[1]}], None, BOTH, id="a list of objects"),
        pytest.param(AWS, "CLOUDFRONT_ORIGIN_FACING", BOTH, id="AWS"),
        pytest.param(
            {"prefixes": [{"ipv4Prefix": BOTH[0], "scope": "x"}, {"ipv6Prefix": BOTH[1]}]}, None, BOTH, id="Google"
        ),
        pytest.param(
            {"prefixes": [{"ipv4Prefix": BOTH[0], "service": "Google Cloud"}]}, None, BOTH[:1], id="one service alone"
        ),
        pytest.param({"ipv4_cidrs": BOTH[:1], "ipv6_cidrs": BOTH[1:]}, None, BOTH, id="Cloudflare's lists"),
        pytest.param(
            {"result": {"ipv4_cidrs": BOTH[:1], "ipv6_cidrs": BOTH[1:], "etag": "x"}, "success": True, "errors": []},
            None,
            BOTH,
            id="Cloudflare's answer",
        ),
        pytest.param({"addresses": BOTH[:1], "ipv6_addresses": BOTH[1:]}, None, BOTH, id="Fastly"),
        pytest.param(AZURE, "AzureFrontDoor.Backend", BOTH, id="Azure"),
        pytest.param([*BOTH, *BOTH], None, BOTH, id="each once"),
    ],
)
def test_known_shapes(found: Any, service: str | None, networks: list[str]) -> None:
    """As the provider publishes them, without a step in between."""
    assert parsed(found, service=service) == networks


@pytest.mark.parametrize("found", [AWS, AZURE], ids=["AWS", "Azure"])
def test_a_whole_cloud_is_no_origin_lock(found: Any) -> None:
    """A file of several services has to be narrowed: in some of them anybody can rent an address."""
    with pytest.raises(ConfigurationError, match=r"the networks of 2 services.*service=\"A"):
        parsed(found)


@pytest.mark.parametrize(
    ("found", "service", "message"),
    [
        pytest.param(AWS, "CLOUDFRONT_ORIGIN_FACINGS", "Did you mean 'CLOUDFRONT_ORIGIN_FACING'", id="misspelt"),
        pytest.param(BOTH, "CLOUDFRONT", "names no service, and 'CLOUDFRONT' was chosen.*Leave service out", id="none"),
    ],
)
def test_a_service_that_is_not_there(found: Any, service: str, message: str) -> None:
    """It would leave the lock without a key, or with the wrong one."""
    with pytest.raises(ConfigurationError, match=message):
        parsed(found, service=service)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        pytest.param("", "holds no network", id="empty"),
        pytest.param("# nothing\n\n", "holds no network", id="comments alone"),
        pytest.param([], "holds no network", id="an empty list"),
        pytest.param({"ipv4_cidrs": [], "ipv6_cidrs": []}, "holds no network", id="empty lists"),
        pytest.param({"values": []}, "holds no network", id="no service tag"),
        pytest.param({}, "none of the known shapes", id="an empty object"),
        pytest.param({"success": False, "result": None}, "none of the known shapes", id="an error of Cloudflare's"),
        pytest.param({"prefixes": "203.0.113.0/24"}, "none of the known shapes", id="a text for a list"),
        pytest.param({"networks": BOTH}, "none of the known shapes", id="a name nobody uses"),
        pytest.param([1], "neither text nor", id="a number"),
        pytest.param([None], "neither text nor", id="nothing"),
        pytest.param([["203.0.113.0/24"]], "neither text nor", id="a list in a list"),
        pytest.param([{"network": "203.0.113.0/24"}], "neither text nor has any of ip_prefix", id="another name"),
        pytest.param([{"ip_prefix": 5}], "something else where text belongs", id="a number for a network"),
        pytest.param([{"ip_prefix": ["x"]}], "something else where text belongs", id="a list for a network"),
        pytest.param([{"ip_prefix": "203.0.113.0/24", "service": []}], "where text belongs", id="a list for a service"),
        pytest.param({"values": [{"name": "x"}]}, "service tag without", id="a service tag without networks"),
        pytest.param({"values": ["x"]}, "service tag without", id="a text for a service tag"),
        pytest.param('{"prefixes": [', "Expecting", id="half a file"),
        pytest.param("[" * 200_000, "nested too deeply|Expecting|recursion", id="nested"),
    ],
)
def test_other_shapes_are_refused(found: Any, message: str) -> None:
    """Not read in part: what is missing would be shut out, what is misread let in."""
    with pytest.raises(ValueError, match=message):
        parsed(found)


Anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["prefixes", "result", "values", "name", "properties", "addressPrefixes", "ip_prefix", "service", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(Anything, st.none() | st.just("x"))
def test_any_json_is_networks_or_refused(found: Any, service: str | None) -> None:
    """Only text comes out, and nothing but our refusals."""
    try:
        networks = parsed(json.dumps(found), service=service)
    except (ValueError, ConfigurationError):
        return
    assert networks
    assert all(isinstance(one, str) for one in networks)
