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


@pytest.mark.parametrize(
    ("profile", "oldest", "suites", "first_group", "rsa", "days"),
    [
        pytest.param("intermediate-6.0", "TLSv1_2", 6, "X25519MLKEM768", True, 366),
        pytest.param("intermediate-5.8", "TLSv1_2", 6, "X25519MLKEM768", True, 366),
        pytest.param("intermediate-5.7", "TLSv1_2", 6, "X25519", True, 366),
        pytest.param("modern-6.0", "TLSv1_3", 0, "X25519MLKEM768", False, 90),
        pytest.param("modern-5.8", "TLSv1_3", 0, "X25519MLKEM768", False, 90),
        pytest.param("modern-5.7", "TLSv1_3", 0, "X25519", False, 90),
    ],
)
def test_each_version(profile: str, oldest: str, suites: int, first_group: str, rsa: bool, days: int) -> None:  # noqa: PLR0917  # A table.
    """What changed between the versions is on record; the profile "old" is not offered in any."""
    chosen = guideline(profile)
    assert (chosen.oldest.name, len(chosen.tls_1_2_suites)) == (oldest, suites)
    assert (chosen.groups[0], chosen.groups[-3:]) == (first_group, ("X25519", "prime256v1", "secp384r1"))
    assert (chosen.rsa, chosen.longest_lifetime.days) == (rsa, days)


def test_the_list_of_profiles() -> None:
    """Nothing else can be chosen."""
    assert sorted(GUIDELINES) == [
        f"{name}-{version}" for name in ("intermediate", "modern") for version in ("5.7", "5.8", "6.0")
    ]


def test_the_default_is_a_named_version() -> None:
    """Nothing is silently the latest."""
    assert guideline(DEFAULT_PROFILE).name == "intermediate-6.0"


def test_a_misspelt_profile_is_named_back() -> None:
    """A typo stops the start-up."""
    with pytest.raises(ConfigurationError, match=r"Did you mean 'intermediate-6.0'"):
        guideline("intermediate-60")
