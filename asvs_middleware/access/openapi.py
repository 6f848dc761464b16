"""Write the marks into FastAPI's OpenAPI document: security schemes, scopes, 401 and 403.

A guard nobody can see in the documentation is a guard clients trip over. Schemes: OpenAPI 3.1 section 4.8.27 (`http`
bearer, `mutualTLS`); several needed at once stand in one requirement object, where OpenAPI reads them as "and".
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from .marks import Sensitive
from .routes import RouteEntry

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


def described(schema: dict[str, Any], entries: Iterable[RouteEntry]) -> dict[str, Any]:
    """Return the document with what each marked operation needs; the given one is changed, twice is as once."""
    used: set[str] = set()
    for entry in entries:
        item = schema.get("paths", {}).get(_CONVERTOR.sub("}", entry.path), {})
        if not isinstance(entry.mark, Sensitive):
            continue
        for method in entry.methods:
            operation = item.get(method.lower())
            if operation is not None:
                requirement = _requirement(entry.mark)
                used |= set(requirement)
                operation["security"] = [requirement]
                _add_responses(operation, entry.mark)
    if used:
        components = schema.setdefault("components", {})
        schemes = components.setdefault("securitySchemes", {})
        schemes.update({name: dict(_SCHEMES[name]) for name in sorted(used)})
        components.setdefault("schemas", {})["Problem"] = _PROBLEM
    return schema


def _requirement(mark: Sensitive) -> dict[str, list[str]]:
    requirement: dict[str, list[str]] = {}
    if mark.token:
        requirement["bearer"] = list(mark.scopes)
    if mark.certificate or mark.bound == "mtls":
        requirement["mutualTLS"] = []
    return requirement


def _add_responses(operation: dict[str, Any], mark: Sensitive) -> None:
    responses = operation.setdefault("responses", {})
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if mark.token:
        challenge = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        responses.setdefault("401", {"description": "No valid access token", "headers": challenge, "content": problem})
    responses.setdefault("403", {"description": "The caller may not do this", "content": problem})
