"""What may be odd about a response, and about what the app does in between."""

import asyncio
from typing import Any

from starlette.requests import HTTPConnection

from asvs_middleware import csp_nonce
from tests.glance.acting import Stage, Step, ask_who_calls
from tests.glance.drafts import OURS, THEIRS, Draft, Oddity, both

FORGED = (b"authorization", b"Bearer forged")
LOCATION = (b"location", b"http://" + OURS + b"/x")
SHARED = (b"cache-control", b"public, max-age=60")


def start(**members: Any) -> Oddity:
    def change(made: Draft) -> None:
        if made.plan.start is not None:
            made.plan.start.update(members)

    return change


def says(*pairs: tuple[bytes, bytes]) -> Oddity:
    def change(made: Draft) -> None:
        headers = (made.plan.start or {}).get("headers")
        if isinstance(headers, list):
            headers.extend(pairs)

    return change


def _without_fields(made: Draft) -> None:
    (made.plan.start or {}).pop("headers", None)


def _fields_are(form: Any) -> Oddity:
    def change(made: Draft) -> None:
        if made.plan.start is not None:
            made.plan.start["headers"] = form(made.plan.start.get("headers") or ())

    return change


def _without_status(made: Draft) -> None:
    (made.plan.start or {}).pop("status", None)


def _without_start(made: Draft) -> None:
    made.plan.start = None


def _kept(made: Draft) -> None:
    made.plan.start = made.plan.kept.setdefault("start", made.plan.start)


def _kept_fields(made: Draft) -> None:
    if made.plan.start is not None:
        made.plan.start["headers"] = made.plan.kept.setdefault("fields", made.plan.start.get("headers"))


def _changed(made: Draft) -> None:
    _kept(made)
    start(status=404, headers=[(b"x-any", b"1")])(made)


def _grown(made: Draft) -> None:
    _kept_fields(made)
    says((b"x-any", b"1"))(made)


def in_front(step: Step) -> Oddity:
    return lambda made: made.plan.in_front.append(step)


def before(step: Step) -> Oddity:
    return lambda made: made.plan.before.append(step)


def between(step: Step) -> Oddity:
    return lambda made: made.plan.between.append(step)


def after(step: Step) -> Oddity:
    return lambda made: made.plan.after.append(step)


def nonce(kind: Any) -> Step:
    async def step(stage: Stage) -> None:
        stage.plan.nonces.append(csp_nonce(HTTPConnection(stage.scope), kind))

    return step


async def _read(stage: Stage) -> None:
    stage.plan.seen.append(await stage.receive())


async def _break(stage: Stage) -> None:
    raise RuntimeError("broken")


async def read_and_carry_on(stage: Stage) -> None:
    """Swallow whatever a refusal raises, as a bare except does."""
    try:
        stage.plan.seen.append(await stage.receive())
    except Exception as error:
        stage.plan.seen.append(type(error).__name__)


async def say_nothing(stage: Stage) -> None:
    """Keep everything that is sent from now on from the client."""

    async def drop(_message: Any) -> None:
        return

    stage.send = drop


async def _pause(stage: Stage) -> None:
    await asyncio.sleep(0)


async def _forge(stage: Stage) -> None:
    stage.scope["headers"] = [*stage.scope["headers"], FORGED]


async def _forge_in_place(stage: Stage) -> None:
    if isinstance(stage.scope["headers"], list):
        stage.scope["headers"].append(FORGED)


async def _claim_another(stage: Stage) -> None:
    stage.scope |= {"client": ("10.0.0.1", 7), "scheme": "http"}


async def _swap_host(stage: Stage) -> None:
    stage.scope["headers"] = [(b"host", THEIRS)]


async def _write_state(stage: Stage) -> None:
    stage.scope.setdefault("state", {})["written"] = 1


async def _take_the_state(stage: Stage) -> None:
    stage.scope.pop("state", None)


async def _send_start_again(stage: Stage) -> None:
    await stage.send({"type": "http.response.start", "status": 404, "headers": [(b"x-second", b"1")]})


async def _send_body(stage: Stage) -> None:
    await stage.send({"type": "http.response.body", "body": b"more", "more_body": True})


async def _send_hint(stage: Stage) -> None:
    await stage.send({"type": "http.response.debug", "info": {}})


async def _clear_fields(stage: Stage) -> None:
    headers = (stage.plan.start or {}).get("headers")
    if isinstance(headers, list):
        stage.plan.seen.append(list(headers))
        headers.clear()


async def _forget(stage: Stage) -> None:
    stage.scope.pop("asvs_middleware", None)


def _renamed(made: Draft) -> None:
    made.plan.renames = True


ELSEWHERE = (b"location", b"http://" + THEIRS + b"/x")
STATUSES: dict[str, Oddity] = {
    f"status {status}": start(status=status)
    for status in (100, 199, 201, 204, 206, 299, 300, 304, 307, 308, 399, 400, 401, 404, 405, 500, 503, 599, 600)
} | {"no status": _without_status}
LOCATIONS: dict[str, Oddity] = {
    f"{status} to our own place in clear": both(start(status=status), says(LOCATION))
    for status in (200, 201, 300, 301, 302, 303, 304, 307, 308)
} | {"302 to elsewhere in clear": both(start(status=302), says(ELSEWHERE))}
FORMS: dict[str, Oddity] = {
    "fields missing": _without_fields,
    "fields None": start(headers=None),
    "fields none": _fields_are(lambda _pairs: []),
    "fields of the answer in a tuple": _fields_are(tuple),
    "fields of the answer in an iterator": _fields_are(iter),
    "fields of the answer as lists": _fields_are(lambda pairs: [list(pair) for pair in pairs]),
    "one message for all": _kept,
    "one list of fields for all": _kept_fields,
    "one message for all, that has changed": _changed,
    "one list of fields for all, that has grown": _grown,
    "a member more": start(trailers=True),
    "no start": _without_start,
}
OWN: dict[str, Oddity] = {
    f"{name.decode()}: {value.decode()}": says((name, value))
    for name, value in (
        (b"content-type", b"text/html"),
        (b"content-type", b"text/html; charset=utf-8"),
        (b"Content-Type", b"text/html"),
        (b"content-security-policy", b"default-src *"),
        (b"Content-Security-Policy", b"default-src *"),
        (b"content-security-policy-report-only", b"default-src *"),
        (b"strict-transport-security", b"max-age=0"),
        (b"x-frame-options", b"SAMEORIGIN"),
        (b"x-content-type-options", b"no"),
        (b"referrer-policy", b"unsafe-url"),
        (b"permissions-policy", b"camera=*"),
        SHARED,
        (b"Cache-Control", b"public"),
        (b"expires", b"0"),
        (b"vary", b"cookie"),
        (b"Vary", b"*"),
        (b"set-cookie", b"a=b"),
        (b"Set-Cookie", b"a=b; Secure"),
        (b"server", b"x"),
        (b"x-powered-by", b"x"),
        (b"location", b"http://" + OURS),
        (b"etag", b'"x"'),
        (b"content-disposition", b"inline"),
        (b"clear-site-data", b'"cache"'),
        (b"cross-origin-opener-policy", b"unsafe-none"),
        (b"access-control-allow-origin", b"*"),
        (b"x-any", b"1"),
        (b"", b""),
    )
}
OWN["two policies"] = both(*(says((b"content-security-policy", value)) for value in (b"default-src a", b"sandbox")))
DEEDS: dict[str, Oddity] = {
    "a nonce": before(nonce("script")),
    "a style nonce": before(nonce("style")),
    "both nonces": both(before(nonce("script")), before(nonce("style"))),
    "a nonce, and to be shared": both(before(nonce("script")), says(SHARED)),
    "a style nonce, and to be shared": both(before(nonce("style")), says(SHARED)),
    "a nonce asked for in front": in_front(nonce("script")),
    "a nonce too late": between(nonce("script")),
    "a nonce after all": after(nonce("script")),
    "a style nonce too late": between(nonce("style")),
    "it reads": before(_read),
    "it reads twice": lambda made: made.plan.before.extend([_read, _read]),
    "it reads in front": in_front(_read),
    "it reads and carries on": before(read_and_carry_on),
    "it reads after the start": between(_read),
    "it asks who calls": before(ask_who_calls),
    "it asks who calls in front": in_front(ask_who_calls),
    "it asks who calls after all": after(ask_who_calls),
    "it says nothing": before(say_nothing),
    "it says nothing after the start": between(say_nothing),
    "it breaks": before(_break),
    "it breaks in front": in_front(_break),
    "it breaks after the start": between(_break),
    "it breaks after all": after(_break),
    "it pauses": before(_pause),
    "it pauses after the start": between(_pause),
    "it forges a field in front": in_front(_forge),
    "it forges a field in the list in front": in_front(_forge_in_place),
    "it forges a field": before(_forge),
    "it claims another client in front": in_front(_claim_another),
    "it claims another client": before(_claim_another),
    "it swaps the host": before(_swap_host),
    "it claims another client, and asks who calls": both(before(_claim_another), before(ask_who_calls)),
    "it forges a field, and asks who calls": both(before(_forge_in_place), before(ask_who_calls)),
    "it swaps the host, and asks who calls": both(before(_swap_host), before(ask_who_calls)),
    "it writes the state": before(_write_state),
    "it writes the state in front": in_front(_write_state),
    "it takes the state in front": in_front(_take_the_state),
    "it starts before": before(_send_start_again),
    "it starts again": between(_send_start_again),
    "it starts after all": after(_send_start_again),
    "it sends a body first": before(_send_body),
    "it sends two bodies": between(_send_body),
    "it sends something else first": before(_send_hint),
    "it clears its list after the start": between(_clear_fields),
    "it forgets the layer": before(_forget),
    "it forgets the layer in front": in_front(_forget),
    "it hands on a copy": _renamed,
}
ANSWERED = STATUSES | LOCATIONS | FORMS | OWN | DEEDS
