"""assert_headers: the judgement of one response, evidence/headers.py, for a test. v5.0.0-3.4.1 to 3.4.8."""

from typing import Any, Literal

from ..evidence import findings, seen


def assert_headers(response: Any, *, level: Literal[1, 2, 3] = 2) -> None:
    """Check the header fields of a response of httpx or Starlette.

    HSTS is asked for unless the response says that it was made over plaintext or for an address.

    Args:
        response: of any app.
        level: the ASVS level.

    Raises:
        AssertionError: names each requirement that is missed, what was seen, and what to do.
        ConfigurationError: it is no response, or no level.
    """
    __tracebackhide__ = True
    missed = findings(response, level=level)
    if missed:
        told = "\n".join(f"  {finding}" for finding in missed)
        at = seen(response)
        raise AssertionError(f"{at.where} ({at.status}) misses {len(missed)} requirement(s) at level {level}:\n{told}")
