"""What a level asks of the headers: a policy that misses it stops the start-up. v5.0.0-3.4.1, 3.4.3, 3.4.5 to 3.4.7."""

from collections.abc import Container, Iterable, Iterator
from typing import Final

from ..errors import ConfigurationError
from .csp import ContentSecurityPolicy, render, render_around_nonce
from .hsts import HSTSPolicy
from .judged import Miss, asked, framing, loading, referrer, reports

_ANY_NONCE: Final = "A" * 24
"""Stands for the nonce of a response: a policy is judged as it goes out, with one and without."""


def check_csp(
    policy: ContentSecurityPolicy | None,
    level: int,
    *,
    frame_options: str = "",
    waived: Container[str] = frozenset(),
) -> None:
    """Refuse a policy without what v5.0.0-3.4.3, v5.0.0-3.4.6 and v5.0.0-3.4.7 ask for at the level.

    At level 1 the older v4.0.3-14.4.3 and v4.0.3-14.4.7 still ask for a policy, and that nobody frames the pages.

    Args:
        policy: what would be sent; None where nothing would.
        level: the ASVS level.
        frame_options: the X-Frame-Options beside it.
        waived: ids of requirements it may miss.

    Raises:
        ConfigurationError: a directive is missing or too wide.
    """
    _refuse("The Content-Security-Policy", _misses(policy, frame_options, level), level, waived)


def check_referrer(policy: str, level: int, *, waived: Container[str] = frozenset()) -> None:
    """Refuse what sends whole addresses to other sites, where it is not waived: v5.0.0-3.4.5, v4.0.3-14.4.6.

    Args:
        policy: the token; an empty text where none would be sent.
        level: the ASVS level.
        waived: ids of requirements it may miss.

    Raises:
        ConfigurationError: it does.
    """
    _refuse("The Referrer-Policy", referrer([policy] if policy else []), level, waived)


def check_hsts(policy: HSTSPolicy, level: int) -> None:
    """Refuse a policy for one host alone from level 2: v5.0.0-3.4.1. A ramp-up is a Shortfall, and passes.

    Raises:
        ConfigurationError: subdomains are left out.
    """
    if level >= 2 and not policy.include_subdomains:
        raise ConfigurationError(
            f"HSTSPolicy(include_subdomains=False) is not enough for level {level}: v5.0.0-3.4.1 asks for subdomains.",
            fix="Leave include_subdomains out, or state level=1.",
        )


def _misses(policy: ContentSecurityPolicy | None, frame_options: str, level: int) -> Iterator[Miss]:
    values = [""] if policy is None else [render(policy), _ANY_NONCE.join(render_around_nonce(policy))]
    for value in dict.fromkeys(values):
        yield from loading(value, level, document=True)
        yield from framing(value, frame_options, level)
        yield from reports(value, level)


def _refuse(what: str, misses: Iterable[Miss], level: int, waived: Container[str]) -> None:
    """Refuse what the level asks about and nobody waived; the newer id of two stands for both."""
    found = [one for one in dict.fromkeys(misses) if asked(one.requirements, level)]
    found = [one for one in found if one.requirements[0] not in waived]
    if found:
        seen = "; ".join(f"{one.seen} ({', '.join(asked(one.requirements, level))})" for one in found)
        ids = dict.fromkeys(one.requirements[0] for one in found)
        waivers = ", ".join(f'dangerously_below_level("{id_}", reason="...")' for id_ in ids)
        raise ConfigurationError(
            f"{what} misses level {level}: {seen}.",
            fix=f"{' '.join(dict.fromkeys(one.remedy for one in found))} Or let a route, or a prefix such as '/', "
            f"choose it and say why: waiver=[{waivers}].",
        )
