"""What a chain of choices comes to: policy, prefix, mount, router, route, each stronger than the one before it.

v5.0.0-3.4.3 to 3.4.6. The result is held to the level, like the policy itself, and rendered once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from ...errors import ConfigurationError
from ...headers import CSPChange, HeaderSet, HeadersPolicy, Isolation, Pair, Preset, header_set
from ...headers import clear_site_data as clearing
from ...headers.content_type import attachment as attachment_value
from ...headers.csp_field import ENFORCED
from ...headers.families import isolation_of
from ...headers.fields import field_value
from ...headers.levels import check_csp, check_referrer
from ...headers.presets import csp_of, of_kind
from ...waivers import Waiver
from ..response.dress import Choice, Dress, dresser
from ..response.rewrite import rewriting, varying
from .route_headers import UNSET, RouteHeaders, Unset, said

KINDS: Final[tuple[Preset, ...]] = ("api", "web")


class Link(NamedTuple):
    """One choice and who made it: `prefix /embed/`, `mount /static`, `router`, `route`."""

    who: str
    choice: RouteHeaders


Chain = tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the choices of routes differ from: the policy of the app.

    Attributes:
        choice: its preset.
        policy: its headers.
        level: its ASVS level.
        sets: the header sets of the policy itself.
    """

    choice: Choice
    policy: HeadersPolicy
    level: int
    sets: Mapping[Preset, HeaderSet] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        mixed = self.choice == "mixed"
        sets = {kind: header_set(kind, of_kind(self.policy, kind, mixed=mixed), level=self.level) for kind in KINDS}
        object.__setattr__(self, "sets", sets)


def dress_of(ground: Ground, chain: Chain, *, finish: Callable[[Dress], Dress]) -> Dress:
    """Return the function that dresses the responses of what this chain leads to.

    Args:
        ground: the policy of the app.
        chain: the choices, the strongest last.
        finish: what the policy does to every response besides.

    Raises:
        ConfigurationError: the result misses the level, or changes a locked field.
    """
    choice, sets = sets_of(ground, chain)
    names = [name for link in chain for name in said(link.choice.vary, ())]
    dress = rewriting(dresser(choice, api=sets["api"], web=sets["web"]), varying(names))
    return finish(dress)


def sets_of(ground: Ground, chain: Chain) -> tuple[Choice, dict[Preset, HeaderSet]]:
    """Return the preset and the header sets a chain comes to."""
    choice: Choice = strongest(chain, "preset", ground.choice)
    if choice == "mixed":
        sets = {kind: _set(ground, kind, chain) for kind in KINDS}
    else:
        sets = dict.fromkeys(KINDS, _set(ground, choice, chain))
    for kind, found in sets.items():
        as_it_was = kind if choice == "mixed" else choice
        _check_locked(ground.policy, ground.sets[as_it_was if ground.choice == "mixed" else ground.choice], found)
    return choice, sets


def strongest(chain: Chain, argument: str, otherwise: Any) -> Any:
    """Return the last value given for an argument."""
    given = (getattr(link.choice, argument) for link in reversed(chain))
    return next((value for value in given if value is not UNSET), otherwise)


def waivers_in(*chains: Chain) -> tuple[Waiver, ...]:
    """Return every waiver in these chains, each once."""
    return tuple(dict.fromkeys(one for chain in chains for link in chain for one in link.choice.waivers))


def _set(ground: Ground, kind: Preset, chain: Chain) -> HeaderSet:
    base = of_kind(ground.policy, kind, mixed=ground.choice == "mixed")
    waived = frozenset(one.requirement for one in waivers_in(chain))
    left_out = {name for name in ("csp", "referrer") if strongest(chain, name, UNSET) is None}
    referrer = strongest(chain, "referrer", base.referrer)
    policy = replace(
        base,
        csp=_csp(chain, csp_of(kind, base, level=ground.level)),
        referrer=base.referrer if referrer is None else referrer,
        permissions={**base.permissions, **_merged(chain, "permissions")},
        isolation=_isolation(chain, isolation_of(kind, base)),
        attachment=None,
    )
    found = header_set(kind, policy, level=ground.level, waived=waived)
    if "csp" in left_out:
        framed = dict(found.always).get(b"x-frame-options", b"").decode("ascii")
        check_csp(None, ground.level, frame_options=framed, waived=waived)
    if "referrer" in left_out:
        check_referrer("", ground.level, waived=waived)
    own = dict(_own(chain, base, kind))
    if "referrer" in left_out:
        own[b"referrer-policy"] = b""
    always = tuple(pair for pair in found.always if pair[0] not in own)
    return replace(
        found,
        always=always + tuple(pair for pair in own.items() if pair[1]),
        policies=tuple(one for one in found.policies if "csp" not in left_out or one.name != ENFORCED),
        in_clear=tuple(one for one in found.in_clear if "csp" not in left_out or one.name != ENFORCED),
        cache_control=_optional(b"cache-control", strongest(chain, "cache_control", base.cache_control)),
        on_success=_on_success(chain),
    )


def _csp(chain: Chain, base: Any) -> Any:
    """Fold policies and changes over the base; a None in between begins anew."""
    found = base
    for link in chain:
        given = link.choice.csp
        if isinstance(given, CSPChange):
            found = given.applied_to(found)
        elif not isinstance(given, Unset):
            found = given or base
    return found


def _isolation(chain: Chain, base: Isolation) -> Isolation:
    return replace(
        base,
        opener=strongest(chain, "coop", base.opener),
        embedder=strongest(chain, "coep", base.embedder),
        resource=strongest(chain, "corp", base.resource),
    )


def _merged(chain: Chain, argument: str) -> dict[str, Any]:
    return {key: value for link in chain for key, value in said(getattr(link.choice, argument), {}).items()}


def _own(chain: Chain, base: HeadersPolicy, kind: Preset) -> Sequence[Pair]:
    """Return the fields that are a route's own affair; an empty value takes one away."""
    attachment = strongest(chain, "attachment", base.attachment if kind == "api" else None)
    pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in _merged(chain, "extra").items()]
    pairs.append((b"content-disposition", b"" if attachment is None else attachment_value(attachment).encode("ascii")))
    if strongest(chain, "cache_control", UNSET) is not UNSET:
        pairs.append((b"cache-control", b""))  # A profile's own gives way.
    return pairs


def _on_success(chain: Chain) -> tuple[Pair, ...]:
    types = strongest(chain, "clear_site_data", None)
    return () if types is None else ((clearing.NAME, clearing.render(types).encode("ascii")),)


def _optional(name: bytes, value: str | None) -> Pair | None:
    return None if value is None else (name, field_value("cache_control", value).encode("ascii"))


def _check_locked(policy: HeadersPolicy, before: HeaderSet, after: HeaderSet) -> None:
    was, now = _by_name(before), _by_name(after)
    for name in sorted(policy.locked):
        if was.get(name) != now.get(name):
            raise ConfigurationError(
                f"headers() changes {name}, which HeadersPolicy(locked=...) holds fast.",
                fix="Drop the change, or take the name out of locked.",
            )


def _by_name(headers: HeaderSet) -> dict[str, Any]:
    pairs = [*headers.always, *((one.name, one) for one in headers.policies)]
    return {name.decode("ascii"): value for name, value in pairs}
