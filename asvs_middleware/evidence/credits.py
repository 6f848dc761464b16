"""Who set a header field: preset, policy, prefix, mount, router, route, the app, or the layer itself."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from ..headers import NO_STORE, CSPChange, HeadersPolicy, Pair
from ..headers.families import Preset
from ..headers.presets import of_kind
from ..middleware.routes.route_headers import UNSET
from ..middleware.routes.sets import Chain, strongest

_PLAIN: Final = HeadersPolicy()

_BY_POLICY: Final = {
    "content-security-policy": ("csp", "reports"),
    "content-security-policy-report-only": ("csp_report_only",),
    "cross-origin-embedder-policy": ("isolation",),
    "cross-origin-embedder-policy-report-only": ("isolation",),
    "cross-origin-opener-policy": ("isolation",),
    "cross-origin-opener-policy-report-only": ("isolation",),
    "cross-origin-resource-policy": ("isolation",),
    "origin-agent-cluster": ("isolation",),
    "cache-control": ("cache_control",),
    "content-disposition": ("attachment",),
    "document-policy": ("document_policy",),
    "integrity-policy": ("integrity",),
    "integrity-policy-report-only": ("integrity",),
    "permissions-policy": ("permissions",),
    "referrer-policy": ("referrer",),
    "reporting-endpoints": ("reports",),
    "strict-transport-security": ("hsts",),
    "x-frame-options": ("csp",),
}
_BY_ROUTE: Final = {
    "content-security-policy": "csp",
    "cross-origin-embedder-policy": "coep",
    "cross-origin-opener-policy": "coop",
    "cross-origin-resource-policy": "corp",
    "cache-control": "cache_control",
    "clear-site-data": "clear_site_data",
    "content-disposition": "attachment",
    "permissions-policy": "permissions",
    "referrer-policy": "referrer",
    "vary": "vary",
    "x-frame-options": "csp",
}
_ADDED_TO: Final = frozenset({"permissions-policy", "vary"})
_FROM_PRESET: Final = frozenset(_BY_ROUTE) - {"clear-site-data", "vary"}


class Credits:
    """Names who set a field of one response.

    Args:
        policy: the headers of the app.
        mixed: the app has both kinds of responses.
        by: who set those fields.
        chain: the choices round the endpoint, the strongest last.
        theirs: the fields of the app.
        kind: which header set the response got.
    """

    def __init__(
        self,
        policy: HeadersPolicy,
        chain: Chain,
        theirs: Sequence[Pair],
        *,
        kind: Preset,
        mixed: bool,
        by: Literal["app", "layer"] = "app",
    ) -> None:
        self._headers = of_kind(policy, kind, mixed=mixed)
        self._chain = chain
        self._kind = kind
        self._by = by
        self._theirs: dict[bytes, list[bytes]] = {}
        for name, value in theirs:
            self._theirs.setdefault(name.lower(), []).append(value)

    def of(self, name: bytes, value: bytes) -> str:
        """Return who had a part in a field, the first of them first."""
        said = self._theirs.get(name, [])
        if value in said:
            return self._by
        if name == NO_STORE[0] and (said or self._forced(value)):
            return f"{self._by} + layer" if said else "layer"  # For a nonce or a proof, whatever the others said.
        parts = list(dict.fromkeys(self._parts(name.decode("latin-1"))))
        return " + ".join([*(parts or ["policy"]), *([self._by] if said else [])])

    def _parts(self, name: str) -> list[str]:
        parts: list[str] = list(self._below(name))
        for link in self._chain:
            given = self._given(link.choice, name)
            if given is UNSET:
                continue
            if not (isinstance(given, CSPChange) or name in _ADDED_TO):
                parts = []
            parts.append(link.who)
        return parts

    def _below(self, name: str) -> Iterator[str]:
        """Yield who set the value that the choices of routes start from."""
        by_policy = [getattr(self._headers, one) for one in _BY_POLICY.get(name, ())]
        plain = [getattr(_PLAIN, one) for one in _BY_POLICY.get(name, ())]
        profile = self._headers.profile
        chose_preset = [link.who for link in self._chain if link.choice.preset is not UNSET]
        if name in {"vary", "clear-site-data"} or any(name in link.choice.extra for link in self._chain):
            return
        if by_policy != plain:
            yield "policy"
        elif chose_preset and name in _FROM_PRESET:
            yield f"preset {self._kind} ({chose_preset[-1]})"
        else:
            yield f"preset {self._kind}" if profile is None else f"preset {self._kind}, profile {profile}"

    def _given(self, choice: Any, name: str) -> Any:
        if name in choice.extra:
            return choice.extra[name]
        return getattr(choice, _BY_ROUTE[name]) if name in _BY_ROUTE else UNSET

    def _forced(self, value: bytes) -> bool:
        chosen = strongest(self._chain, "cache_control", self._headers.cache_control)
        return value == NO_STORE[1] and chosen != value.decode("ascii")
