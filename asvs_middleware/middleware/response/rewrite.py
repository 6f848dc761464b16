"""What is done to the app's own fields before ours join them. Each step is there only where it is configured.

v5.0.0-13.4.6 (names of products), v5.0.0-4.1.1 (charset), v5.0.0-3.3.1 to 3.3.4 (cookies), v5.0.0-3.4.1 and 3.4.3 to
3.4.6 (locked fields). The layer's own answers are left alone.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

from starlette.types import Message

from ... import events
from ...connection.exchange import Exchange
from ...headers import HeadersPolicy, Pair
from ...headers.content_type import with_charset
from ...headers.cookies import CookiePolicy, Fault, mender
from ...headers.csp_field import ENFORCED
from ...headers.removal import removals
from .dress import Dress, Ready


class Step(NamedTuple):
    """One thing done to the app's own fields.

    Attributes:
        run: takes the exchange and the fields, and returns the fields.
        reads: names of the fields it does anything about; None: it does something to every response.
    """

    run: Callable[[Exchange, list[Pair]], list[Pair]]
    reads: Collection[bytes] | None


def rewriting(dress: Dress, steps: Sequence[Step]) -> Dress:
    """Return a dress that first takes the app's fields through the steps; without steps, the dress itself."""
    if not steps:
        return dress

    def rewritten(exchange: Exchange, message: Message) -> Message:
        if exchange.answered:
            return dress(exchange, message)
        pairs: list[Pair] = list(message.get("headers") or ())
        for step in steps:
            pairs = step.run(exchange, pairs)
        return dress(exchange, {**message, "headers": pairs})

    return Dress(rewritten, _still_ready(dress.ready, steps))


def _still_ready(ready: Ready | None, steps: Sequence[Step]) -> Ready | None:
    for step in steps:
        if ready is None or step.reads is None:
            return None
        ready = ready._replace(harmless=frozenset(ready.harmless).difference(step.reads))
    return ready


def finishing(policy: HeadersPolicy, *, level: int, more: Sequence[Step] = ()) -> Callable[[Dress], Dress]:
    """Return what a policy does to every dress.

    Args:
        policy: the headers of the app.
        level: the ASVS level.
        more: further steps, such as one that mends `Location`.
    """
    steps = [*steps_of(policy, level=level), *more]
    lock = ENFORCED.decode("ascii") in policy.locked

    def finish(dress: Dress) -> Dress:
        finished = rewriting(dress, steps)
        return intersecting(finished) if lock else finished

    return finish


def steps_of(policy: HeadersPolicy, *, level: int) -> tuple[Step, ...]:
    """Return what a policy does to the app's own fields."""
    return tuple(_steps(policy, level))


def _steps(policy: HeadersPolicy, level: int) -> Iterable[Step]:
    removed = removed_names(policy, level=level)
    removed |= {name.encode("ascii") for name in policy.locked} - {ENFORCED}
    if removed:
        yield without(removed)
    if policy.charset:
        yield Step(with_charsets, {b"content-type"})
    if policy.cookies is not None:
        yield with_cookies(policy.cookies)


def removed_names(policy: HeadersPolicy, *, level: int) -> frozenset[bytes]:
    """Return what is taken off: nothing below level 3 unless the operator said so (v5.0.0-13.4.6)."""
    if policy.removes is None:
        return removals() if level >= 3 or policy.profile == "oshp" else frozenset()
    return removals(policy.removes)


def without(names: Collection[bytes]) -> Step:
    """Return the step that takes these fields off."""
    gone: Final = frozenset(names)

    def step(_exchange: Exchange, pairs: list[Pair]) -> list[Pair]:
        return [pair for pair in pairs if pair[0].lower() not in gone]

    return Step(step, gone)


def with_charsets(_exchange: Exchange, pairs: list[Pair]) -> list[Pair]:
    """Say the charset of text that names none."""
    return [(name, with_charset(value)) if name.lower() == b"content-type" else (name, value) for name, value in pairs]


def with_cookies(policy: CookiePolicy) -> Step:
    """Return the step that mends cookies, or only reports them: one event for each kind of fault."""
    mend = mender(policy, _report)

    def step(exchange: Exchange, pairs: list[Pair]) -> list[Pair]:
        secure = exchange.connection.secure
        return [
            (name, mend(value, secure)) if name.lower() == b"set-cookie" else (name, value) for name, value in pairs
        ]

    return Step(step, {b"set-cookie"})


def _report(fault: Fault) -> None:
    events.emit(
        "headers",
        "cookie_weak",
        reason=f"The app set a cookie that lacks {fault.missing}.",
        requirement=fault.requirement,
        cookie=fault.name,
    )


def varying(names: Sequence[str]) -> Sequence[Step]:
    """Return the step that adds names to Vary (RFC 9110 section 12.5.5); none without names."""
    wanted = dict.fromkeys(name.lower().encode("ascii") for name in names)
    if not wanted:
        return ()

    def step(_exchange: Exchange, pairs: list[Pair]) -> list[Pair]:
        said = [value for name, value in pairs if name.lower() == b"vary"]
        words = [word.strip() for value in said for word in value.split(b",") if word.strip()]
        present = {word.lower() for word in words}
        if b"*" in present:
            return pairs
        value = b", ".join([*words, *(name for name in wanted if name not in present)])
        return [*(pair for pair in pairs if pair[0].lower() != b"vary"), (b"vary", value)]

    return (Step(step, None),)


def intersecting(dress: Dress) -> Dress:
    """Return a dress for a locked Content-Security-Policy: the app's own may narrow ours and never replaces it.

    Browsers enforce every policy of a field (CSP 3 section 3.1), so both stand in one.
    """

    def both(exchange: Exchange, message: Message) -> Message:
        pairs: list[Pair] = list(message.get("headers") or ())
        theirs = [value for name, value in pairs if name.lower() == ENFORCED]
        if not theirs or exchange.answered:
            return dress(exchange, {**message, "headers": pairs})  # The app's own may be read once only.
        kept = [pair for pair in pairs if pair[0].lower() != ENFORCED]
        dressed = dress(exchange, {**message, "headers": kept})
        joined = [
            (name, b", ".join([value, *theirs])) if name == ENFORCED else (name, value)
            for name, value in dressed["headers"]
        ]
        return {**dressed, "headers": joined}

    return Dress(both, dress.ready)  # The field is no harmless one, so that a response with it is none of those.
