"""Whose connections are accepted, kept up to date: the origin lock's networks (v5.0.0-4.1.3).

The question is answered from one object that is replaced whole: no file, lock or wait is met on the way. Files are
looked at by a thread (watch.py). One that turned bad changes nothing but the log.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .. import events
from ..errors import ConfigurationError
from .networks import Networks
from .ranges import PeerRanges, Signature
from .watch import Watch

_REQUIREMENT: Final = "v5.0.0-4.1.3"
_UNSEEN: Final[Signature] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class AllowedPeers:
    """The networks that may connect at all, and the files with more of them.

    Raises:
        ConfigurationError: nobody is allowed, everybody is, or one is neither a network nor a PeerRanges.
    """

    given: Sequence[str | PeerRanges]
    fixed: tuple[str, ...] = field(init=False, repr=False, compare=False)
    files: tuple[PeerRanges, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.given, str) or not isinstance(self.given, Sequence) or not self.given:
            raise ConfigurationError(
                f"allowed_peers={self.given!r} is no list of networks that may connect.",
                fix='Write allowed_peers=["10.0.0.0/8", PeerRanges("cdn-ranges.json")], or leave it out.',
            )
        object.__setattr__(self, "files", tuple(one for one in self.given if isinstance(one, PeerRanges)))
        fixed = Networks([one for one in self.given if not isinstance(one, PeerRanges)], argument="allowed_peers")
        object.__setattr__(self, "fixed", fixed.given)


class LivePeers:
    """The networks of AllowedPeers as the files have them now.

    Args:
        allowed: what was configured; its files were read then.
    """

    def __init__(self, allowed: AllowedPeers) -> None:
        self._fixed = allowed.fixed
        self._files = [_File(ranges) for ranges in allowed.files]
        self._networks = self._merged()
        self.watch = Watch(self.refresh, every=min((one.every.total_seconds() for one in allowed.files), default=None))

    def __contains__(self, peer: str | None) -> bool:
        """Whether the peer may connect; one whose address nobody knows may not."""
        return peer in self._networks

    def refresh(self) -> None:
        """Look at every file, and take what has changed. Called by the watching thread."""
        changed = [file.refresh() for file in self._files]
        if any(changed):
            self._networks = self._merged()

    def _merged(self) -> Networks:
        return Networks([*self._fixed, *(network for file in self._files for network in file.networks)])


class _File:
    """One file: what it held when it was last good, and what of it was judged last."""

    __slots__ = ("_judged", "_ranges", "_seen", "networks")

    def __init__(self, ranges: PeerRanges) -> None:
        self._ranges = ranges
        self.networks = ranges.found.networks
        self._judged: Signature | None = ranges.found.signature
        self._seen: Signature | None = self._judged

    def refresh(self) -> bool:
        """Return whether there are other networks now."""
        seen, self._seen = self._seen, self._ranges.look()
        # A file that is being written has another size at the next look: half a line can be a wider network.
        if self._seen == self._judged or self._seen != seen:
            return False
        self._judged = self._seen
        try:
            found = self._ranges.read()
        except ConfigurationError as error:
            events.emit(
                "connection",
                "peer_ranges_refused",
                reason=f"{error.problem} The networks read before stay in force.",
                requirement=_REQUIREMENT,
                severity=logging.ERROR,
                file=self._ranges.where,
            )
            return False
        if found.signature != self._judged:
            self._judged = _UNSEEN  # It changed again before it was read; the next looks judge that.
            return False
        self.networks = found.networks
        events.emit(
            "connection",
            "peer_ranges_reloaded",
            reason="The file has changed; what it holds now is in force.",
            requirement=_REQUIREMENT,
            severity=logging.INFO,
            file=self._ranges.where,
            networks=len(found.networks),
        )
        return True
