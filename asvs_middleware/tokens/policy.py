"""Which access tokens are accepted: v5.0.0-9.1.2, 9.1.3, 9.2.2, 9.2.3 and 10.3.1; RFC 9068, RFC 8725.

Everything an operator may choose stands here and is judged while the app is built. Nothing is fetched.
"""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Final

from ..errors import ConfigurationError
from ..names import known, quoted
from ..waivers import Waiver
from .algorithms import KEY_KINDS, SYMMETRIC
from .fetching import Fetcher
from .metadata import is_plain_https

_MOST_LEEWAY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The issuer whose access tokens are accepted, and for whom they must be meant.

    Args:
        issuer: its identifier, exactly as its tokens and its metadata spell it (RFC 8414 section 2).
        audience: our own name or names; a token must be meant for at least one.
        algorithms: the allow list for signatures; asymmetric ones only.
        leeway: how far the issuer's clock and ours may differ.
        max_lifetime: the longest time between `iat` and `exp`; when given, `iat` must be there.
        outbound: fetches the issuer's metadata and keys; the stack's own client unless given.
        dangerously_accept_untyped: the reason for accepting tokens whose `typ` is missing or `JWT`. An ID token of
            the same issuer may then pass for an access token if its audience fits (RFC 9068 section 5).

    Raises:
        ConfigurationError: a setting cannot be right.
    """

    issuer: str
    _: KW_ONLY
    audience: str | Sequence[str]
    algorithms: Sequence[str] = ("ES256", "RS256", "PS256", "EdDSA")
    leeway: timedelta = timedelta(seconds=30)
    max_lifetime: timedelta | None = None
    outbound: Fetcher | None = None
    dangerously_accept_untyped: str | None = None

    def __post_init__(self) -> None:
        _check_issuer(self.issuer)
        # Tuples of our own: a list changed later would change the policy behind everybody's back.
        object.__setattr__(self, "audience", _audience(self.audience))
        object.__setattr__(self, "algorithms", _algorithms(self.algorithms))
        _check_durations(self.leeway, self.max_lifetime)
        if self.outbound is not None and not isinstance(self.outbound, Fetcher):
            raise ConfigurationError(
                f"Tokens(outbound={type(self.outbound).__name__}) cannot fetch.",
                fix="Give an object with `async def fetch(self, url, *, max_bytes)`, or leave outbound out.",
            )
        tuple(self.waivers)

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Return what this policy switches off, with the reason."""
        if self.dangerously_accept_untyped is None:
            return ()
        return (
            Waiver(
                control="Tokens(dangerously_accept_untyped=...)",
                requirement="v5.0.0-9.2.2",
                reason=self.dangerously_accept_untyped,
            ),
        )


def _check_issuer(issuer: str) -> None:
    if not isinstance(issuer, str) or not is_plain_https(issuer) or "?" in issuer:
        raise ConfigurationError(
            f"Tokens({quoted(issuer)}) is not an issuer identifier.",
            fix='Write the issuer as its metadata spells it: "https://idp.example.com", without query, fragment, '
            "user name or spaces (RFC 8414 section 2); there is no way to use plain http.",
        )


def _audience(audience: object) -> tuple[str, ...]:
    names = (audience,) if isinstance(audience, str) else audience if isinstance(audience, Iterable) else ()
    found = tuple(name for name in names if isinstance(name, str) and name and name.isprintable() and " " not in name)
    if not found or len(found) != len(tuple(names)):
        raise ConfigurationError(
            f"Tokens(audience={quoted(audience)}) does not say for whom a token must be meant.",
            fix='Write the name your issuer puts into `aud` for this service: audience="https://api.example.com".',
        )
    return found


def _algorithms(algorithms: Sequence[str]) -> tuple[str, ...]:
    if isinstance(algorithms, str) or not algorithms:
        raise ConfigurationError(
            f"Tokens(algorithms={algorithms!r}) is not a list of algorithms.",
            fix='Write a tuple, such as algorithms=("ES256",), or leave it out.',
        )
    for name in algorithms:
        if name in SYMMETRIC or str(name).lower() == "none":
            raise ConfigurationError(
                f"Tokens(algorithms=...) holds {name!r}: whoever can verify such a token can also forge it.",
                fix=f"Choose from: {', '.join(KEY_KINDS)}.",
            )
        known(name, KEY_KINDS, where="Tokens(algorithms=...)")
    return tuple(dict.fromkeys(algorithms))


def _check_durations(leeway: timedelta, max_lifetime: timedelta | None) -> None:
    if not isinstance(leeway, timedelta) or not timedelta(0) <= leeway <= _MOST_LEEWAY:
        raise ConfigurationError(
            f"Tokens(leeway={leeway!r}) is not between zero and five minutes.",
            fix="Use timedelta(seconds=30), and keep the clocks in step.",
        )
    if max_lifetime is not None and (not isinstance(max_lifetime, timedelta) or max_lifetime <= timedelta(0)):
        raise ConfigurationError(
            f"Tokens(max_lifetime={max_lifetime!r}) is not a positive duration.",
            fix="Use one that your issuer's tokens keep, such as timedelta(hours=1), or leave it out.",
        )
