"""A misspelt name is a start-up error that holds the right spelling; nothing is dropped in silence."""

from collections.abc import Collection
from difflib import get_close_matches

from .errors import ConfigurationError


def known(name: str, names: Collection[str], *, where: str) -> str:
    """Return name if it is one of names.

    Raises:
        ConfigurationError: it is not; the message says which one was probably meant.

    >>> known("web", {"api", "web"}, where="SecurityPolicy preset")
    'web'
    """
    if isinstance(name, str) and name in names:
        return name
    near = get_close_matches(str(name), names, n=1)
    raise ConfigurationError(
        f"{where} does not know {name!r}.",
        fix=f"Did you mean {near[0]!r}?" if near else f"Choose from: {', '.join(sorted(names))}.",
    )
