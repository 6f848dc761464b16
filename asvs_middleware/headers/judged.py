"""What a level asks of the fields of one response: the one judgement of the start-up check and of `explain`.

v5.0.0-3.4.3, 3.4.5 to 3.4.7; v4.0.3-14.4.3, 14.4.6, 14.4.7. A requirement of 4.0.3 may begin at a lower level than its
successor, and is then asked for on its own. Read is what goes out, as a browser reads it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from ..asvs import requirement
from . import csp_sent
from .csp_grammar import FALLBACKS
from .referrer import LEAKS, TOKENS

LOADING: Final = ("v5.0.0-3.4.3", "v4.0.3-14.4.3")
REFERRER: Final = ("v5.0.0-3.4.5", "v4.0.3-14.4.6")
FRAMING: Final = ("v5.0.0-3.4.6", "v4.0.3-14.4.7")
REPORTS: Final = ("v5.0.0-3.4.7",)

_KINDS: Final = ("script-src", "script-src-elem", "script-src-attr")


class Miss(NamedTuple):
    """One thing a field does not say.

    Attributes:
        requirements: the ids that ask for it, of any level.
        seen: what was there.
        remedy: what to do.
    """

    requirements: tuple[str, ...]
    seen: str
    remedy: str


def asked(requirements: Sequence[str], level: int) -> tuple[str, ...]:
    """Return those of the ids that a level asks for.

    >>> asked(LOADING, 1), asked(REPORTS, 2)
    (('v4.0.3-14.4.3',), ())
    """
    return tuple(id_ for id_ in requirements if requirement(id_).level <= level)


def loading(value: str, level: int, *, document: bool) -> Iterator[Miss]:
    """Judge what a Content-Security-Policy lets a page load.

    Args:
        value: the field value; empty where there is none.
        level: the ASVS level.
        document: script can run in the response.
    """
    policy = csp_sent.parse(value)

    def missed(what: str, remedy: str) -> Miss:
        return Miss(LOADING, what, remedy)

    if not policy.directives:
        yield missed(value.strip() or "absent", "Send a policy; a report-only one stops nothing.")
        return
    if "," in value:
        yield missed("two policies in one field", "Send one policy; a comma ends a policy.")
    for repeated in policy.repeated:
        yield missed(f"{repeated} twice", "Write each directive once: browsers ignore the second.")
    if level < 2:
        return
    for directive in ("object-src", "base-uri"):
        sources = policy.sources(directive)
        if not csp_sent.is_none(sources):
            yield missed(_told(directive, sources), f"Send {directive} 'none'.")
    yield from _scripts(policy, missed, named_only=level >= 3 and document)


def _scripts(policy: csp_sent.SentPolicy, missed: Callable[[str, str], Miss], *, named_only: bool) -> Iterator[Miss]:
    """Judge what script may run: for elements and event handlers a directive of their own may stand."""
    kinds = {policy.sources(kind, *FALLBACKS[kind]): kind for kind in reversed(_KINDS)}
    for sources, kind in reversed(kinds.items()):
        if sources is None:
            yield missed("neither script-src nor default-src", "Say where scripts may come from.")
        elif csp_sent.allows_any_script(sources):
            yield missed(f"scripts from {' '.join(sources)}", "Name hosts, or use nonces or hashes.")
        elif csp_sent.short_nonces(sources):
            yield missed("a nonce of less than 128 bits", "Use csp_nonce(), which has 144.")
        elif named_only and kind != "script-src-attr" and (unnamed := csp_sent.unnamed_scripts(sources)):
            yield missed(
                f"scripts by {' '.join(unnamed)}, without nonce or hash",
                "At level 3 let scripts run by nonces, hashes and 'strict-dynamic' alone.",
            )


def framing(policy: str, frame_options: str, level: int) -> Iterator[Miss]:
    """Judge who may frame a page.

    Args:
        policy: the Content-Security-Policy.
        frame_options: X-Frame-Options, which is enough at level 1.
        level: the ASVS level.
    """
    sources = csp_sent.parse(policy).sources("frame-ancestors")
    if sources is not None and not csp_sent.frames_anyone(sources):
        return
    if level < 2 and sources is None and frame_options.upper() in {"DENY", "SAMEORIGIN"}:
        return
    yield Miss(FRAMING, _told("frame-ancestors", sources), "Send frame-ancestors 'none', or the origins that may.")


def reports(policy: str, level: int) -> Iterator[Miss]:
    """Judge whether browsers are told where to report what a Content-Security-Policy blocked."""
    if asked(REPORTS, level) and not {"report-to", "report-uri"} & set(csp_sent.parse(policy).directives):
        yield Miss(REPORTS, "no place for reports", "Set HeadersPolicy(reports=Reports()).")


def referrer(values: Sequence[str]) -> Iterator[Miss]:
    """Judge a Referrer-Policy by its lines."""
    tokens = [token.strip().lower() for token in ",".join(values).split(",")]
    known = [token for token in tokens if token in TOKENS]
    if not known or known[-1] in LEAKS:  # Browsers take the last one they know.
        yield Miss(
            REFERRER,
            next(iter(values), "absent") or "empty",
            "Send no-referrer or strict-origin-when-cross-origin: path and query stay with us.",
        )


def _told(directive: str, sources: Sequence[str] | None) -> str:
    return f"no {directive}" if sources is None else " ".join([directive, *sources])
