"""The guard's own verifiers come back, whatever happens."""

from collections.abc import Callable

import pytest
from starlette.applications import Starlette

from asvs_middleware import ConfigurationError, SecurityPolicy, secure
from asvs_middleware.rehearsal import Authorities, rehearse
from asvs_middleware.stack import stack_of


@pytest.fixture
def app(api: Callable[..., SecurityPolicy]) -> Starlette:
    return secure(Starlette(), api())


def verifiers(app: Starlette) -> tuple[object, object]:
    guard = stack_of(app).guard
    return guard.tokens, guard.certificates


def test_restored(app: Starlette, authorities: Authorities) -> None:
    """During the rehearsal the guard has other verifiers, afterwards its own; the policy never changes."""
    before, policy = verifiers(app), stack_of(app).policy
    with rehearse(app, authorities=authorities):
        assert not set(map(id, verifiers(app))) & set(map(id, before))
        assert stack_of(app).policy is policy
    assert verifiers(app) == before


def test_restored_after_a_failure(app: Starlette, authorities: Authorities) -> None:
    """A test that fails leaves nothing behind, and the app can be rehearsed again."""
    before = verifiers(app)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="the test failed"), rehearse(app, authorities=authorities):
            raise ZeroDivisionError("the test failed")
        assert verifiers(app) == before


def test_twice_at_once(app: Starlette, authorities: Authorities) -> None:
    """A second rehearsal of one app is refused and leaves the first as it is."""
    before = verifiers(app)
    with rehearse(app, authorities=authorities):
        during = verifiers(app)
        with pytest.raises(ConfigurationError, match="rehearsed already"), rehearse(app, authorities=authorities):
            pass
        assert verifiers(app) == during
    assert verifiers(app) == before


def test_a_policy_that_verifies_nothing(authorities: Authorities) -> None:
    """Where the policy has no tokens and no certificates, the guard gets none."""
    app = secure(Starlette(), SecurityPolicy.api(hosts=["a.example"]))
    with rehearse(app, authorities=authorities):
        assert verifiers(app) == (None, None)


def test_an_app_that_is_not_secured(authorities: Authorities) -> None:
    """There is nothing to rehearse without secure()."""
    with pytest.raises(ConfigurationError, match="is not secured"), rehearse(Starlette(), authorities=authorities):
        pass
