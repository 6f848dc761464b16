"""The pytest plugin: rehearse a secured app in integration tests.

    @pytest.fixture
    def asvs_app():  # or, in the configuration of pytest: asvs_app = "main:app"
        from main import app
        return app

    def test_headers(asvs):
        asvs.assert_headers(asvs.get("/orders"), level=2)

    def test_every_route_is_guarded(asvs):
        asvs.assert_guarded()

pytest loads this file in every run, so it imports nothing but pytest; the rest comes with the first use of a fixture.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .rehearsal import Authorities, Rehearsal

_HOW = 'Write a fixture asvs_app that returns the secured app, or asvs_app = "main:app" in the configuration of pytest.'


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option `asvs_app`."""
    parser.addini("asvs_app", 'the secured app to rehearse, such as "main:app"', default="")


@pytest.fixture
def asvs_app(request: pytest.FixtureRequest) -> Any:
    """The secured app to rehearse. Write a fixture of this name to say which."""
    place = str(request.config.getini("asvs_app"))
    module, colon, name = place.partition(":")
    if not (module and colon and name):
        pytest.fail(f"asvs_app={place!r} names no app. {_HOW}", pytrace=False)
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # An import of the app's own fails; its traceback says more than we could.
        pytest.fail(f'asvs_app={place!r} is not on the path. Add pythonpath = ["."] there.', pytrace=False)
    if not hasattr(found, name):
        pytest.fail(f"asvs_app={place!r}: {module} has no {name}. {_HOW}", pytrace=False)
    return getattr(found, name)


@pytest.fixture(scope="session")
def asvs_authorities(tmp_path_factory: pytest.TempPathFactory) -> "Authorities":
    """The two CAs of this run: one for servers, one for clients."""
    from datetime import UTC, datetime  # noqa: PLC0415  # Loaded for those who use it.

    from .rehearsal import Authorities  # noqa: PLC0415
    from .server.pki import DevelopmentCA  # noqa: PLC0415

    at = datetime.now(UTC)
    return Authorities(
        servers=DevelopmentCA.root("Rehearsal servers", at=at),
        clients=DevelopmentCA.root("Rehearsal clients", at=at, path_length=0),
        folder=tmp_path_factory.mktemp("asvs"),
    )


@pytest.fixture
def asvs(asvs_app: Any, asvs_authorities: "Authorities") -> "Iterator[Rehearsal]":
    """The secured app served over TLS: requests, tokens, certificates and checks."""
    from contextlib import ExitStack  # noqa: PLC0415

    from .errors import ConfigurationError  # noqa: PLC0415
    from .rehearsal import rehearse  # noqa: PLC0415

    with ExitStack() as until_the_end:
        try:
            rehearsal = until_the_end.enter_context(rehearse(asvs_app, authorities=asvs_authorities))
        except ConfigurationError as error:
            pytest.fail(str(error), pytrace=False)
        yield rehearsal
