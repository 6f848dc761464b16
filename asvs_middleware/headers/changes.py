"""A change to a Content-Security-Policy that is not known yet: what one route adds to the policy around it.

v5.0.0-3.4.3. A route that repeats the whole policy keeps an old copy when the policy gets stricter; a change does not.
The policy that comes out is held to the level like any other (headers/presets.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ..errors import ConfigurationError
from .csp import ContentSecurityPolicy

_SAMPLE: Final = ContentSecurityPolicy({})


@dataclass(frozen=True, slots=True)
class CSPChange:
    """One step from a policy to another. Made by `CSP.append` or `CSP.replace`.

    Raises:
        ConfigurationError: an unknown directive, or a value that has no place in it.
    """

    how: Literal["append", "replace"]
    directives: Mapping[str, Sequence[str] | None]

    def __post_init__(self) -> None:
        if not self.directives:
            raise ConfigurationError(
                f"CSP.{self.how}() changes nothing.", fix=f'Write CSP.{self.how}(img_src=["https://cdn.example"]).'
            )
        self.applied_to(_SAMPLE)  # What is wrong is said where it was written, not when the app starts.

    def applied_to(self, policy: ContentSecurityPolicy) -> ContentSecurityPolicy:
        """Return the policy with this change."""
        change: Callable[..., ContentSecurityPolicy] = getattr(policy, self.how)
        return change(**self.directives)


class CSP:
    """Changes for `headers(csp=...)`.

    >>> from asvs_middleware.headers.csp import render
    >>> render(CSP.append(img_src=["https://cdn.example"]).applied_to(ContentSecurityPolicy({"img-src": ["'self'"]})))
    "img-src 'self' https://cdn.example"
    """

    @staticmethod
    def append(**directives: Sequence[str]) -> CSPChange:
        """Allow these too: `CSP.append(script_src=["https://w.example"])`."""
        return CSPChange("append", directives)

    @staticmethod
    def replace(**directives: Sequence[str] | None) -> CSPChange:
        """Say these instead, and leave out what is None: `CSP.replace(frame_ancestors=["https://portal.example"])`."""
        return CSPChange("replace", directives)
