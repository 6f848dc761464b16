"""What the headers of a response show: who set them, and which requirements they meet or miss."""

from .assumed import Assumed, Assumptions
from .explain import explained
from .explanation import Explanation, HeaderLine
from .headers import findings
from .seen import Finding, seen

__all__ = ["Assumed", "Assumptions", "Explanation", "Finding", "HeaderLine", "explained", "findings", "seen"]
