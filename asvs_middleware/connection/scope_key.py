"""The key under which the layer keeps its exchange in the ASGI scope."""

from typing import Final

SCOPE_KEY: Final = "asvs_middleware"
