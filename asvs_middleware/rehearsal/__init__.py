"""A rehearsal: the secured app served over real TLS, with an issuer and a clients CA made for the test.

Used by the pytest plugin; `assert_headers` also works alone, on any response.
"""

from ..evidence import Explanation, Finding, HeaderLine, findings
from .authorities import Authorities, Authority, ClientCertificate
from .explain import explain
from .guarded import GuardedRoutes
from .headers import assert_headers
from .stage import Rehearsal, rehearse

__all__ = [
    "Authorities",
    "Authority",
    "ClientCertificate",
    "Explanation",
    "Finding",
    "GuardedRoutes",
    "HeaderLine",
    "Rehearsal",
    "assert_headers",
    "explain",
    "findings",
    "rehearse",
]
