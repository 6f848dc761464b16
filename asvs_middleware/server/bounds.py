"""The options of `asvs serve` that bound what clients may do: v5.0.0-15.2.2, 13.1.2, 13.1.3 and 12.3.5.

One table: each option is one field of `Admission`, `Deadlines` or `HeadLimits`, which judge the values. The rooms of
these three are not imported to print the help, so the defaults stand here once more, and a test compares them.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple

from ..errors import ConfigurationError

Part = Literal["admission", "deadlines", "head_limits"]

_MOST_SECONDS: Final = 1e9


class Bound(NamedTuple):
    """One option.

    Attributes:
        option: how the command writes it.
        part: the argument of ServerPolicy it belongs to.
        field: of that.
        kind: of its value: networks may be given several times, seconds become a timedelta.
        default: as the command shows it; networks have none.
        help: what it bounds.
    """

    option: str
    part: Part
    field: str
    kind: Literal["networks", "seconds", "whole"]
    default: float | None
    help: str

    @property
    def name(self) -> str:
        """What click calls its value."""
        return self.option[2:].replace("-", "_")


BOUNDS: Final = (
    Bound("--allow-peer", "admission", "peers", "networks", None, "The only networks that may connect, in CIDR."),
    Bound("--uncounted-peer", "admission", "uncounted", "networks", None, "A proxy's network: not counted by address."),
    Bound("--connections", "admission", "connections", "whole", 1000, "Connections open at once in one process."),
    Bound(
        "--connections-per-address",
        "admission",
        "connections_per_address",
        "whole",
        100,
        "Of them, from one IPv4 address or IPv6 /64.",
    ),
    Bound(
        "--handshakes-per-address",
        "admission",
        "handshakes_per_address",
        "whole",
        32,
        "Of them, with a TLS handshake under way.",
    ),
    Bound("--handshake-deadline", "deadlines", "handshake", "seconds", 10.0, "Seconds for a TLS handshake."),
    Bound("--head-deadline", "deadlines", "head", "seconds", 10.0, "Seconds for a request's head."),
    Bound("--body-deadline", "deadlines", "body", "seconds", 20.0, "Seconds between two pieces of a body."),
    Bound("--body-rate", "deadlines", "body_rate", "whole", 500, "Bytes per second a body has to come with."),
    Bound("--idle-deadline", "deadlines", "idle", "seconds", 5.0, "Seconds between two requests of a connection."),
    Bound("--upgrade-deadline", "deadlines", "upgrade", "seconds", 30.0, "Seconds for the app to take a WebSocket."),
    Bound("--sending-deadline", "deadlines", "sending", "seconds", 30.0, "Seconds a client takes none of its answer."),
    Bound("--head-size", "head_limits", "size", "whole", 32768, "Bytes of a request's head."),
    Bound("--head-fields", "head_limits", "fields", "whole", 100, "Header fields of a request."),
    Bound("--target-size", "head_limits", "target", "whole", 8192, "Bytes of a request's target."),
)


def as_options(option: Callable[..., Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Return a decorator that gives a click command these options.

    Args:
        option: `click.option`.
    """
    kinds: dict[str, dict[str, Any]] = {
        "networks": {"multiple": True, "metavar": "NETWORK"},
        "seconds": {"type": float, "callback": seconds, "show_default": True},
        "whole": {"type": int, "show_default": True},
    }

    def decorate(command: Any) -> Any:
        for bound in reversed(BOUNDS):
            default = {} if bound.default is None else {"default": bound.default}
            command = option(bound.option, bound.name, help=bound.help, **default, **kinds[bound.kind])(command)
        return command

    return decorate


def seconds(_context: object, parameter: Any, given: float) -> timedelta:
    """Return the time that an option of click's says in seconds.

    Raises:
        ConfigurationError: it is not a number, written as one, or more seconds than a timedelta holds.
    """
    if not abs(given) <= _MOST_SECONDS:
        raise ConfigurationError(f"{parameter.opts[0]} {given} is no number of seconds.", fix="Write one such as 5.")
    return timedelta(seconds=given)


def bounded(choices: dict[str, Any], **kinds: Callable[..., Any]) -> dict[str, Any]:
    """Take the values of these options out of choices, and return the arguments of ServerPolicy they make.

    Args:
        choices: what the command was given, by click's names.
        kinds: the class of each part.

    Raises:
        ConfigurationError: one is beyond what its field takes.
    """
    taken = [(bound, choices.pop(bound.name)) for bound in BOUNDS]
    for bound, given in taken:
        _check(bound, given, kinds[bound.part])
    return {
        part: kind(**{bound.field: given for bound, given in taken if bound.part == part})
        for part, kind in kinds.items()
    }


def _check(bound: Bound, given: object, kind: Callable[..., Any]) -> None:
    """Have the value judged alone, so that the refusal can name the option it was written as."""
    try:
        kind(**{bound.field: given})
    except ConfigurationError as error:
        raise ConfigurationError(f"{bound.option}: {error.problem}", fix=error.fix) from error
