"""The guidelines are data with a date."""

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.tls import DEFAULT_PROFILE, GUIDELINES, Guideline, guideline


@pytest.mark.parametrize("profile", GUIDELINES.values(), ids=GUIDELINES)
def test_every_suite_has_forward_secrecy_and_authenticated_encryption(profile: Guideline) -> None:
    """No profile names a suite that ASVS level 3 would refuse (v5.0.0-12.1.2)."""
    assert all(name.startswith("ECDHE-") and "CBC" not in name for name in profile.tls_1_2_suites)
    assert all("GCM" in name or "POLY1305" in name for name in profile.tls_1_2_suites + profile.tls_1_3_suites)
    assert f"-{profile.source.split()[-2].rstrip(',')}" in profile.name


def test_the_default_is_a_named_version() -> None:
    """Nothing is silently the latest."""
    assert guideline(DEFAULT_PROFILE).name == "intermediate-6.0"


def test_a_misspelt_profile_is_named_back() -> None:
    """A typo stops the start-up."""
    with pytest.raises(ConfigurationError, match=r"Did you mean 'intermediate-6.0'"):
        guideline("intermediate-60")
