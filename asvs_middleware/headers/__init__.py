"""Response headers: policies and pure functions that render them. No ASGI here."""

from .changes import CSP, CSPChange
from .cookies import CookiePolicy
from .csp import NONCE, STYLE_NONCE, ContentSecurityPolicy
from .csp_hashes import InlineCode, csp_hash, inline_code
from .families import Preset
from .hsts import HSTSPolicy, Preload
from .integrity import IntegrityPolicy
from .isolation import Isolation
from .policy import HeadersPolicy, Profile
from .presets import CSP_NAME, NO_STORE, HeaderSet, Pair, Pairs, default_hsts, header_set, reports_of
from .reporting import Reports
from .shortfall import Shortfall

__all__ = [
    "CSP",
    "CSP_NAME",
    "NONCE",
    "NO_STORE",
    "STYLE_NONCE",
    "CSPChange",
    "ContentSecurityPolicy",
    "CookiePolicy",
    "HSTSPolicy",
    "HeaderSet",
    "HeadersPolicy",
    "InlineCode",
    "IntegrityPolicy",
    "Isolation",
    "Pair",
    "Pairs",
    "Preload",
    "Preset",
    "Profile",
    "Reports",
    "Shortfall",
    "csp_hash",
    "default_hsts",
    "header_set",
    "inline_code",
    "reports_of",
]
