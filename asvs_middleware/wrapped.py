"""What a middleware has inside: by custom each keeps it in `app`, as all of Starlette's do."""

from collections.abc import Iterator
from typing import Any


def layers(app: Any) -> Iterator[Any]:
    """Yield an app and what is wrapped in it, the outermost first."""
    seen: list[Any] = []  # Held, so that no id is used twice.
    while app is not None and not any(app is one for one in seen):
        seen.append(app)
        yield app
        app = getattr(app, "app", None)


def with_routes(app: Any) -> Any:
    """Return what routes inside the middleware; the app itself where nothing does.

    >>> with_routes("no app at all")
    'no app at all'
    """
    return next((one for one in layers(app) if hasattr(one, "routes")), app)
