"""Write the marks into FastAPI's OpenAPI document: security schemes, scopes, 401 and 403.

A guard nobody can see in the documentation is a guard clients trip over. Schemes: OpenAPI 3.1 section 4.8.27 (`http`
bearer, `mutualTLS`); several needed at once stand in one requirement object, where OpenAPI reads them as "and".
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from .enforce import SECURED
from .marks import Sensitive
from .routes import RouteEntry, walk

_CONVERTOR: Final = re.compile(r":[a-zA-Z_][a-zA-Z0-9_]*}")
_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "mutualTLS": {"type": "mutualTLS"},
}
_PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
    },
}


def publish(app: Any, entries: Callable[[], list[RouteEntry]] | None) -> None:
    """Write the marks into what FastAPI's `openapi()` returns; other apps have none."""
    original = getattr(app, "openapi", None)
    if not callable(original) or hasattr(original, SECURED):
        return

    def openapi() -> dict[str, Any]:
        return described(original(), walk(app) if entries is None else entries())

    setattr(openapi, SECURED, True)
    app.openapi = openapi


def described(schema: dict[str, Any], entries: Iterable[RouteEntry]) -> dict[str, Any]:
    """Return the document with what each marked operation needs; the given one is changed, twice is as once."""
    used: set[str] = set()
    for entry in entries:
        item = schema.get("paths", {}).get(_CONVERTOR.sub("}", entry.path), {})
        if not entry.asks:
            continue
        for method in entry.methods:
            operation = item.get(method.lower())
            if operation is not None:
                requirement = _requirement(entry.asks)
                used |= set(requirement)
                operation["security"] = [requirement]
                _add_responses(operation, token="bearer" in requirement)
    if used:
        components = schema.setdefault("components", {})
        schemes = components.setdefault("securitySchemes", {})
        schemes.update({name: dict(_SCHEMES[name]) for name in sorted(used)})
        components.setdefault("schemas", {})["Problem"] = _PROBLEM
    return schema


def _requirement(marks: Sequence[Sensitive]) -> dict[str, list[str]]:
    requirement: dict[str, list[str]] = {}
    if any(mark.token for mark in marks):
        requirement["bearer"] = list(dict.fromkeys(scope for mark in marks for scope in mark.scopes))
    if any(mark.certificate or mark.bound == "mtls" for mark in marks):
        requirement["mutualTLS"] = []
    return requirement


def _add_responses(operation: dict[str, Any], *, token: bool) -> None:
    responses = operation.setdefault("responses", {})
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if token:
        challenge = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        responses.setdefault("401", {"description": "No valid access token", "headers": challenge, "content": problem})
    responses.setdefault("403", {"description": "The caller may not do this", "content": problem})
