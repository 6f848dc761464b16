"""What uvicorn is told, whatever is chosen, and the configuration that comes of it: v5.0.0-13.4.6 and 16.2.5."""

import logging
from importlib.util import find_spec
from inspect import signature
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from ..errors import ConfigurationError
from .policy import ServerPolicy


def settings_of(policy: ServerPolicy) -> dict[str, Any]:
    """Return the settings that are the same for both ports."""
    return {
        "interface": "asgi3",
        # At debug uvicorn's log is that of websockets, too, which writes header fields and frames.
        "log_level": "info" if policy.log_level == "debug" else policy.log_level,
        "proxy_headers": False,
        "server_header": False,
        # The choice of uvicorn's newer releases; its older ones take an implementation that is deprecated.
        "ws": "websockets-sansio" if find_spec("websockets") else "auto",
        # Each process is one of ours; left out, the variable WEB_CONCURRENCY would make uvicorn think otherwise.
        "workers": 1,
    }


def loaded(app: ASGIApp, settings: dict[str, Any]) -> uvicorn.Config:
    """Return the loaded configuration, so that what cannot be loaded stops the start.

    Raises:
        ConfigurationError: this uvicorn lacks a setting, or a package that a setting needs is missing, or the
            logging configuration cannot be read.
    """
    for name in settings:
        if name not in signature(uvicorn.Config).parameters:
            raise ConfigurationError(
                f"uvicorn {uvicorn.__version__} does not know {name!r}.", fix="Install a newer one, or leave it out."
            )
    try:
        config = _configured(app, settings)
        config.load()
        config.get_loop_factory()
    except ImportError as error:
        raise ConfigurationError(
            f"A setting of uvicorn needs {error.name!r}, which is not installed.", fix='Install it, or use "auto".'
        ) from error
    return config


def _configured(app: ASGIApp, settings: dict[str, Any]) -> uvicorn.Config:
    try:
        return uvicorn.Config(app, **settings)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConfigurationError(
            f"log_config={settings.get('log_config')!r} cannot be used: {error}.",
            fix="Name a readable .ini, .json or .yaml file of Python's logging configuration.",
        ) from error
    finally:
        _wake_our_loggers()


def _wake_our_loggers() -> None:
    """Undo what a logging configuration does to loggers it does not name: security events would be lost in silence."""
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.partition(".")[0] == "asvs_middleware":
            logger.disabled = False
