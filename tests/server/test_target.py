"""module:attribute becomes an app, or one sentence that says what is wrong."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.target import load_app

MODULE = """
class Inner:
    async def app(self, scope, receive, send): ...
async def application(scope, receive, send): ...
nested = Inner()
number = 3
def create_app(): return application
def needs_settings(settings): return application
def makes_nothing(): return None
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[str]:
    """A folder with modules of names nobody else has."""
    before, loaded = list(sys.path), set(sys.modules)
    (tmp_path / "served_here.py").write_text(MODULE)
    (tmp_path / "lacks_something.py").write_text("import not_installed_anywhere")
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package" / "__init__.py").touch()
    (tmp_path / "a_package" / "main.py").write_text(MODULE)
    yield str(tmp_path)
    sys.path[:] = before
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "factory"),
    [
        pytest.param("served_here:application", False, id="a function"),
        pytest.param("served_here:nested.app", False, id="an attribute of an attribute"),
        pytest.param("a_package.main:application", False, id="a module in a package"),
        pytest.param("served_here:create_app", True, id="a factory"),
    ],
)
def test_apps(target: str, factory: bool, folder: str) -> None:
    """What uvicorn would serve is found, twice as well as once."""
    assert callable(load_app(target, app_dir=folder, factory=factory))
    assert callable(load_app(target, app_dir=folder, factory=factory))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("served_here", r"does not have the form.*Write served_here:app\.", id="no attribute"),
        pytest.param("served_here.py", r"does not have the form.*Write served_here:app\.", id="a file"),
        pytest.param("./served_here.py:application", r"Write served_here:application\.", id="a path"),
        pytest.param("", r"does not have the form.*Write main:app\.", id="nothing"),
        pytest.param(":app", r"does not have the form.*Write main:app\.", id="no module"),
        pytest.param("a..b:app", "does not have the form", id="an empty part"),
        pytest.param("a:b:c", "does not have the form", id="two colons"),
        pytest.param(
            "served_hear:application", "no module 'served_hear'.*Did you mean 'served_here'", id="near module"
        ),
        pytest.param("zzz:application", "no module 'zzz'.*--app-dir", id="no module near"),
        pytest.param("served_here.deeper:app", "no module 'served_here.deeper'", id="a module is no package"),
        pytest.param("lacks_something:app", "imports 'not_installed_anywhere', which is not", id="a broken import"),
        pytest.param("served_here:aplication", "Did you mean 'application'", id="near attribute"),
        pytest.param("served_here:zzz", "has no 'zzz'. Name the variable", id="no attribute near"),
        pytest.param("served_here:number", "'served_here:number' is a int, and no ASGI app", id="a number"),
        pytest.param("served_here:create_app", "looks like a factory: add --factory", id="a factory"),
        pytest.param("served_here:needs_settings", "no ASGI app. Name a FastAPI", id="another function"),
        pytest.param("served_here:__builtins__", "no ASGI app", id="a dict"),
        pytest.param("builtins:dict", "no ASGI app", id="a builtin without a signature"),
    ],
)
def test_what_cannot_be_served(target: str, message: str, folder: str) -> None:
    """Each message says what was found and what to write."""
    with pytest.raises(ConfigurationError, match=message):
        load_app(target, app_dir=folder)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("served_here:needs_settings", "cannot be called without arguments", id="needs arguments"),
        pytest.param("served_here:number", "cannot be called without arguments", id="no function"),
        pytest.param("served_here:makes_nothing", "is a NoneType, and no ASGI app", id="makes no app"),
    ],
)
def test_what_is_no_factory(target: str, message: str, folder: str) -> None:
    """A factory takes nothing and returns an app."""
    with pytest.raises(ConfigurationError, match=message):
        load_app(target, app_dir=folder, factory=True)


def test_the_folder_must_exist(tmp_path: Path) -> None:
    """A misspelt --app-dir is not ignored."""
    with pytest.raises(ConfigurationError, match=r"app_dir=.*nowhere' is no folder"):
        load_app("main:app", app_dir=str(tmp_path / "nowhere"))


@given(st.text(max_size=20).filter(lambda text: ":" not in text))
def test_any_text_without_a_colon_is_refused(target: str) -> None:
    """Never another exception."""
    with pytest.raises(ConfigurationError, match="does not have the form"):
        load_app(target)
