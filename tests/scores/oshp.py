"""What the OWASP Secure Headers Project wants to see, and the run of its own suite without its runner.

    python -m tests.scores.oshp https://shop.example:8443 --ca certs/ca.pem --suite tests_suite.yml
    python -m tests.scores.oshp https://shop.example:8443 --ca certs/ca.pem

The suite (oshp/oshp-validator, `tests_suite.yml`) is written for venom, a program neither PyPI nor npm nor Debian has.
Its conditions are of five kinds, so they can be read and judged here: the first command reads the file it is given,
the second takes the conditions from the table below, which is our own account of the file of 2024-09-02.
Not judged: the status (the suite wants 200 everywhere, and errors are looked at too), and the mark of a web site that
the suite's oldest form asks for.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.scores.place import Site

LOGOUT = "clear-site-data"
"""The one field the suite looks for at the log-out alone."""

_FEATURES = (
    "accelerometer", "autoplay", "camera", "cross-origin-isolated", "display-capture", "encrypted-media",
    "fullscreen", "geolocation", "gyroscope", "keyboard-map", "magnetometer", "microphone", "midi", "payment",
    "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "sync-xhr", "usb", "web-share",
    "xr-spatial-tracking", "clipboard-read", "clipboard-write", "gamepad", "hid", "idle-detection", "interest-cohort",
    "serial", "unload",
)  # fmt: skip
PERMISSIONS = ", ".join(f"{one}=({'self' if one == 'sync-xhr' else ''})" for one in _FEATURES)


@dataclass(frozen=True)
class Condition:
    """One line of the suite: a field, the word for what has to hold, and the values it is held against."""

    field: str
    verb: str
    values: tuple[str, ...] = ()

    def holds(self, fields: Mapping[str, str]) -> bool:
        """Judge the fields of a response, named in lower case."""
        found = fields.get(self.field)
        match self.verb:
            case "ShouldBeNil":
                return found is None
            case "ShouldNotBeNil":
                return found is not None
            case "ShouldEqual" | "ShouldBeIn":
                return found in self.values
            case "ShouldNotContainSubstring":
                return found is not None and self.values[0] not in found
        raise ValueError(f"The suite says {self.verb}, which is not known here.")

    def __str__(self) -> str:
        return " ".join([self.field, self.verb, *map(repr, self.values)])


def _equal(field: str, *values: str) -> Condition:
    return Condition(field, "ShouldBeIn", values)


CONDITIONS = (
    _equal("strict-transport-security", "max-age=31536000; includeSubDomains"),
    _equal("x-frame-options", "deny", "DENY"),
    _equal("x-content-type-options", "nosniff"),
    Condition("content-security-policy", "ShouldNotContainSubstring", ("unsafe",)),
    _equal("x-permitted-cross-domain-policies", "none"),
    _equal("referrer-policy", "no-referrer"),
    _equal(LOGOUT, '"cache","cookies","storage"'),
    _equal("cross-origin-embedder-policy", "require-corp"),
    _equal("cross-origin-opener-policy", "same-origin"),
    _equal("cross-origin-resource-policy", "same-origin"),
    _equal("permissions-policy", PERMISSIONS),
    _equal("cache-control", "no-store, max-age=0"),
    Condition("feature-policy", "ShouldBeNil"),
    Condition("public-key-pins", "ShouldBeNil"),
    Condition("expect-ct", "ShouldBeNil"),
    Condition("x-xss-protection", "ShouldBeNil"),
)


def conditions_of(suite: str) -> tuple[Condition, ...]:
    """Read the conditions out of the suite's file; what asks for the status is left out.

    Raises:
        ValueError: the file has none, or a line of another kind.
    """
    found = []
    for quoted, plain in re.findall(r"^\s*- (?:'(result\..*)'|(result\..*?))\s*$", suite, re.MULTILINE):
        field, verb, *values = shlex.split(quoted or plain)
        if field == "result.statuscode":
            continue
        condition = Condition(field.removeprefix("result.headers.").lower(), verb, tuple(values))
        condition.holds({})  # An unknown word is an error now, and not for some responses only.
        found.append(condition)
    if not found:
        raise ValueError("The file holds no condition on a header field.")
    return tuple(found)


def unmet(fields: Iterable[tuple[str, str]], conditions: Sequence[Condition], *, logout: bool = False) -> list[str]:
    """Return what a response lacks. A field that came twice is joined, as the suite's client does."""
    joined: dict[str, str] = {}
    for name, value in fields:
        joined[name.lower()] = f"{joined[name.lower()]}, {value}" if name.lower() in joined else value
    return [str(one) for one in conditions if (one.field != LOGOUT or logout) and not one.holds(joined)]


def main() -> None:
    """Judge a site that runs."""
    parser = argparse.ArgumentParser(prog="python -m tests.scores.oshp", description=__doc__.partition("\n")[0])
    parser.add_argument("site", help="https://host:port, on this machine")
    parser.add_argument("--ca", type=Path, required=True, help="PEM: the CA of the site's certificate")
    parser.add_argument("--suite", type=Path, help="the suite's own file; without it the table in this file counts")
    parser.add_argument("--logout", default="/logout", help="where Clear-Site-Data is looked for (%(default)s)")
    chosen = parser.parse_args()
    conditions = CONDITIONS if chosen.suite is None else conditions_of(chosen.suite.read_text(encoding="utf-8"))
    parts = urlsplit(chosen.site)
    place = Site(parts.hostname or "", parts.port or 443, None, chosen.ca)
    lacking = 0
    for path in ("/", chosen.logout):
        status, fields = place.fetch(f"GET {path}")
        missing = unmet(fields, conditions, logout=path == chosen.logout)
        lacking += len(missing)
        print(f"{path} ({status}): {len(missing)} unmet")
        print("".join(f"  {one}\n" for one in missing), end="")
    print(f"{len(conditions)} conditions, {lacking} unmet.")
    sys.exit(1 if lacking else 0)


if __name__ == "__main__":
    main()
