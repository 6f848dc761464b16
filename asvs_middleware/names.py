"""What an operator wrote, said back: a misspelt name with the right spelling, a value without its password."""

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


def check_type(
    owner: str, argument: str, value: object, expected: type, example: str, *, optional: bool = True
) -> None:
    """Refuse an argument of another type.

    Args:
        owner: the class or function that was called.
        argument: its name.
        value: what was given.
        expected: the type.
        example: what to write.
        optional: None is as good.

    Raises:
        ConfigurationError: it is of another type.
    """
    if not (isinstance(value, expected) or (optional and value is None)):
        raise ConfigurationError(
            f"{owner}({argument}=...) is a {type(value).__name__}, not a {expected.__name__}.", fix=f"Write {example}."
        )


def quoted(given: object) -> str:
    """Return what was given for an error's text; not where it may hold a password or a key (v5.0.0-16.2.5).

    What stands before an at sign or behind a question mark may be one, so all of the value stays out.

    >>> quoted("idp.example"), quoted("https://user:secret@idp.example")
    ("'idp.example'", '(not repeated: it holds @ or ?)')
    """
    text = repr(given)
    return text if {"@", "?"}.isdisjoint(text) else "(not repeated: it holds @ or ?)"
