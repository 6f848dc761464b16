"""The app a command names: `module:attribute`, as uvicorn writes it. What cannot be served is said in one sentence.

What the module itself raises while it is imported is not touched: its traceback shows where the mistake is.
"""

import sys
import tomllib
from difflib import get_close_matches
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

from starlette.types import ASGIApp

from ..errors import ConfigurationError


def load_app(target: str, *, app_dir: str = ".", factory: bool = False) -> ASGIApp:
    """Import the app.

    Args:
        target: `module:attribute`; both may be dotted.
        app_dir: the folder that is searched first.
        factory: the attribute is a function without arguments that makes the app.

    Raises:
        ConfigurationError: there is no such module or attribute, or it is no ASGI app; holds a near name.
    """
    module_name, attribute = _split(target)
    found = _attribute(_module(module_name, _folder(app_dir)), attribute, target)
    if factory:
        found = _made_by(found, target)
    if _takes(found, 3):
        app: ASGIApp = found
        return app
    is_factory = not factory and _takes(found, 0)
    raise ConfigurationError(
        f"{target!r} is a {type(found).__name__}, and no ASGI app.",
        fix="It looks like a factory: add --factory." if is_factory else "Name a FastAPI, Starlette or other ASGI app.",
    )


def entrypoint(folder: str = ".") -> str:
    """Return the app that `[tool.fastapi] entrypoint` names in pyproject.toml, as FastAPI's own command reads it.

    Args:
        folder: where pyproject.toml is looked for.

    Raises:
        ConfigurationError: it is not there, cannot be read, or names none.
    """
    path = Path(folder) / "pyproject.toml"
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        settings = {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.", fix="Name TARGET, such as main:app.") from error
    tool = settings.get("tool")
    section = tool.get("fastapi") if isinstance(tool, dict) else None
    named = section.get("entrypoint") if isinstance(section, dict) else None
    if not isinstance(named, str):
        raise ConfigurationError(
            "There is no TARGET.",
            fix='Write module:attribute, such as main:app, or set [tool.fastapi] entrypoint = "main:app" in '
            "pyproject.toml.",
        )
    return named


def _split(target: str) -> tuple[str, str]:
    module_name, _, attribute = target.partition(":")
    if all(part.isidentifier() for part in (*module_name.split("."), *attribute.split("."))) and not (
        module_name.endswith(".py")
    ):
        return module_name, attribute
    likely = module_name.removesuffix(".py").strip("./").replace("/", ".") or "main"
    raise ConfigurationError(
        f"TARGET {target!r} does not have the form module:attribute.", fix=f"Write {likely}:{attribute or 'app'}."
    )


def _folder(app_dir: str) -> Path:
    try:
        folder = Path(app_dir).resolve(strict=True)
        next(folder.iterdir(), None)
    except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle; ValueError: no path at all.
        raise ConfigurationError(
            f"app_dir={app_dir!r} is no folder that can be read.", fix="Name the folder your module is in."
        ) from None
    return folder


def _module(name: str, folder: Path) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise ConfigurationError(
                f"Module {name!r} imports {missing!r}, which is not installed here.",
                fix="Install it into the environment asvs runs in.",
            ) from error
    beside = [entry.stem for entry in folder.iterdir() if entry.suffix == ".py" or entry.is_dir()]
    raise ConfigurationError(
        f"There is no module {name!r} in {folder}.",
        fix=_near(name.partition(".")[0], beside) or "Name the folder it is in with --app-dir.",
    )


def _attribute(module: ModuleType, attribute: str, target: str) -> Any:
    found: Any = module
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise ConfigurationError(
                f"TARGET {target!r}: {module.__name__!r} has no {attribute!r}.",
                fix=_near(name, dir(found)) or "Name the variable that holds the app.",
            )
        found = getattr(found, name)
    return found


def _made_by(factory: Any, target: str) -> Any:
    if not _takes(factory, 0):
        raise ConfigurationError(
            f"{target!r} cannot be called without arguments.", fix="Drop --factory, or name a function that takes none."
        )
    return factory()


def _takes(found: Any, arguments: int) -> bool:
    """Whether it can be called with that many positional arguments."""
    try:
        signature(found).bind(*range(arguments))
    except (TypeError, ValueError):  # ValueError: a builtin without a signature.
        return False
    return True


def _near(name: str, names: list[str]) -> str | None:
    near = get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else None
