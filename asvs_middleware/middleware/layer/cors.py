"""What CORS said about a response that a refusal replaces: v5.0.0-3.4.2.

The app's CORSMiddleware stands inside the layer. Without its fields the script of an allowed origin could not read
why it was refused: browsers would report a network error for every 401. Nothing is added that the app did not say.
"""

from typing import Final

from starlette.types import Message

_FIELDS: Final = frozenset({
    b"access-control-allow-credentials", b"access-control-allow-origin", b"access-control-expose-headers", b"vary",
})  # fmt: skip


def cors_fields(replaced: Message | None) -> list[tuple[bytes, bytes]]:
    """Return the fields to keep of the response start that a refusal replaces; none where it replaces none."""
    if replaced is None:
        return []
    return [(name.lower(), value) for name, value in replaced.get("headers") or () if name.lower() in _FIELDS]
