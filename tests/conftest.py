"""What every test shares: the event loop of async tests, the vectors, and the rule that CI skips nothing."""

import os
from pathlib import Path

import pytest

NO_VECTORS = "the conformance vectors are not here: set ASVS_VECTORS to their folder"


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as uvicorn does."""
    return "asyncio"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of the published test vectors (docs/contributing.md says where a stranger gets them)."""
    beside = Path(__file__).parents[2] / "shared" / "vectors"
    folder = Path(os.environ.get("ASVS_VECTORS", beside))
    if not folder.is_dir():
        pytest.skip(NO_VECTORS)
    return folder


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Turn a skip into a failure where NOTHING_SKIPPED is set, as it is in CI."""
    report = yield
    if os.environ.get("NOTHING_SKIPPED") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and here nothing may be: {report.longrepr}"
    return report
