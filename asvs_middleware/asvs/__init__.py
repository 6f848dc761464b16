"""The requirements this package speaks of: id, level and our own short reading of each.

ASVS is a work of OWASP (CC BY-SA 4.0); its text is not copied here. Ids are written as the standard asks:
`v5.0.0-12.1.1`. The table holds the chapters a communication-security library touches, not the whole standard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..errors import ConfigurationError
from ..names import known

__all__ = ["Requirement", "check_level", "requirement", "requirements"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: `level` is the lowest ASVS level that asks for it, `meaning` is our paraphrase."""

    id: str
    level: int
    meaning: str


@cache
def requirements() -> Mapping[str, Requirement]:
    """Return all known requirements by id, in the order of the standards."""
    rows = (files(__name__) / "requirements.tsv").read_text(encoding="utf-8").splitlines()[1:]
    split = (row.split("\t") for row in rows)
    return {id_: Requirement(id_, int(level), meaning) for id_, level, meaning in split}


def requirement(id_: str) -> Requirement:
    """Return one requirement.

    Raises:
        ConfigurationError: the id is not in the table.

    >>> requirement("v5.0.0-12.1.1").level
    1
    """
    return requirements()[known(id_, requirements(), where="The table of ASVS requirements")]


def check_level(given: object, *, owner: str) -> None:
    """Refuse what is no level of the standard.

    Args:
        given: what was given as one.
        owner: the class or function that was called.

    Raises:
        ConfigurationError: it is not the number 1, 2 or 3.
    """
    # True and 1.0 equal 1, and are a mistake all the same.
    if type(given) is not int or given not in (1, 2, 3):
        raise ConfigurationError(f"{owner}(level={given!r}) is no ASVS level.", fix="Use 1, 2 or 3.")
