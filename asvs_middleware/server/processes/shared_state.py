"""State that several workers must see alike: v5.0.0-10.3.5.

A token that is used up, revoked or throttled in one process only is good in the next. So a store in memory is refused
as soon as there is more than one worker, while the server starts.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final

from ...errors import ConfigurationError

_IN_MEMORY: Final = "memory://"
_DEEPEST: Final = 6


def check_shared_state(policy: object, *, workers: int) -> None:
    """Refuse stores of one process where several serve.

    Args:
        policy: of the app. Its fields are looked through, and theirs, for the address of a store, or for an object
            that has one as its `url`.
        workers: how many processes serve the app.

    Raises:
        ConfigurationError: names the fields.
    """
    if workers == 1:
        return
    found = sorted(set(_in_memory(policy, type(policy).__name__, _DEEPEST)))
    if found:
        raise ConfigurationError(
            f"{workers} workers cannot share what one keeps in memory: {', '.join(found)}.",
            fix="Use a store that all of them see, sqlite:///path on one machine or redis:// on several, or workers=1.",
        )


def _in_memory(value: object, where: str, depth: int) -> Iterator[str]:
    address = value if isinstance(value, str) else getattr(value, "url", None)
    if isinstance(address, str) and address.startswith(_IN_MEMORY):
        yield where
    elif is_dataclass(value) and not isinstance(value, type) and depth:
        for name in (one.name for one in fields(value)):
            yield from _in_memory(getattr(value, name, None), f"{where}.{name}", depth - 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth:
        for one in _plain(value):
            yield from _in_memory(one, where, depth - 1)


def _plain(values: Any) -> Iterator[object]:
    yield from values
