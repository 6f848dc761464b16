"""@sensitive and @public: the marks, put where no routing can go round them.

A marked function is wrapped: the wrapper asks for the proof before it calls. For FastAPI its signature gains a leading
dependency, so that the proof is made before any other dependency runs. Class endpoints get the same in `dispatch`, ASGI
apps in a small app round them.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from importlib.util import find_spec
from typing import Annotated, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from ..certificates import IdentityPattern
from ..errors import ConfigurationError
from .covers import MOUNT
from .enforce import authorize, connection_in, pass_cover, proven
from .marks import ENFORCED, MARK, Bound, Mark, Marking, Place, Public, Sensitive, public_mark, sensitive_mark
from .routers import mark_router

DEPENDENCY: Final = "asvs_verified_caller_"
"""The name of the leading parameter FastAPI sees."""


def sensitive(
    *args: Any,
    scopes: str | Iterable[str] = (),
    bound: Bound | None = None,
    max_age: timedelta | int | None = None,
    acr: str | Iterable[str] = (),
    client_certificate: bool | str | IdentityPattern | Iterable[str | IdentityPattern] = False,
) -> Marking:
    """Let nobody reach this endpoint without a proof; stands below the route decorator.

    Called with a router or an ASGI app it marks all that is in it; in `SecurityPolicy(marks=)` it marks a path prefix.

    Args:
        args: none; here for the message when the parentheses were forgotten.
        scopes: scopes the bearer token needs, all of them (a list, or one text with spaces).
        bound: `mtls`: the token has to be bound to the client certificate (RFC 8705 section 3).
        max_age: how long ago the login may have been, in seconds or as a timedelta (RFC 9470).
        acr: authentication context classes of which the token needs one.
        client_certificate: identities of which the certificate needs one (`spiffe://...`, `dns:...`, `sha256:...`;
            certificates.IdentityPattern says all), or True for any verified certificate. Alone, no token is asked for.

    Raises:
        ConfigurationError: an argument cannot be right.
    """
    if args:
        raise ConfigurationError("@sensitive was written without parentheses.", fix="Write @sensitive().")
    mark = sensitive_mark(scopes=scopes, bound=bound, max_age=max_age, acr=acr, client_certificate=client_certificate)
    return Marking(mark, _marked)


def public(*args: Any, reason: str = "", overrides: Place | Iterable[Place] = ()) -> Marking:
    """Open this endpoint to everyone, for a reason the audit prints.

    Args:
        args: none; here for the message when the parentheses were forgotten.
        reason: three words at least.
        overrides: which @sensitive marks round it are not asked for here: of a `prefix`, a `mount`, a `router`.
            Without it a public endpoint below a sensitive place stops the start-up.
    """
    if args:
        raise ConfigurationError("@public was written without a reason.", fix='Write @public(reason="...").')
    return Marking(public_mark(reason=reason, overrides=overrides), _marked)


class MarkedApp:
    """An ASGI app, such as StaticFiles or a sub-application, behind a mark that covers all inside it."""

    def __init__(self, app: ASGIApp, mark: Mark) -> None:
        self.app = app
        self.__asvs_mark__ = mark
        self.__asvs_enforced__ = True

    @property
    def routes(self) -> Any:
        """The routes inside, for Starlette's url_for; empty where the app has none."""
        return getattr(self.app, "routes", [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for the proof, then call the app."""
        if scope["type"] != "lifespan":
            await pass_cover(scope, MOUNT, self.__asvs_mark__)
        await self.app(scope, receive, send)


def _marked(endpoint: Any, mark: Mark) -> Any:
    # A class may narrow what it inherits: both marks are then asked for.
    before = vars(endpoint).get(MARK) if inspect.isclass(endpoint) else getattr(endpoint, MARK, None)
    if before is not None:
        raise ConfigurationError(
            f"{getattr(endpoint, '__qualname__', endpoint)} already carries a mark.", fix="Keep one of the two."
        )
    if inspect.isclass(endpoint):
        return _marked_class(endpoint, mark)
    if isinstance(endpoint, Router):
        return mark_router(endpoint, mark)
    if isinstance(endpoint, BaseRoute):
        raise ConfigurationError(
            f"A {type(endpoint).__name__} cannot be marked.", fix="Mark the endpoint or the app that is inside it."
        )
    if not (inspect.isroutine(endpoint) or isinstance(endpoint, functools.partial)) or _is_asgi(endpoint):
        return MarkedApp(endpoint, mark)
    if isinstance(mark, Public):
        _carry(endpoint, mark)
        return endpoint
    return _marked_function(endpoint, mark)


def _marked_class(endpoint: Any, mark: Mark) -> Any:
    dispatch = getattr(endpoint, "dispatch", None)
    if dispatch is None:
        raise ConfigurationError(
            f"{endpoint.__qualname__} is a class without dispatch(), which nothing here can guard.",
            fix="Mark HTTPEndpoint or WebSocketEndpoint classes, functions, or ASGI app objects.",
        )
    setattr(endpoint, MARK, mark)
    if isinstance(mark, Sensitive):

        @functools.wraps(dispatch)
        async def guarded(self: Any) -> None:
            await authorize(self.scope, mark)
            await dispatch(self)

        setattr(guarded, ENFORCED, True)
        endpoint.dispatch = guarded
    return endpoint


def _marked_function(endpoint: Callable[..., Any], mark: Sensitive) -> Callable[..., Any]:
    wrapper = _guarded(endpoint, mark)
    # The inner function carries the mark too: registered by mistake, it is found at start-up and refused when it runs.
    _carry(endpoint, mark)
    setattr(wrapper, MARK, mark)
    setattr(wrapper, ENFORCED, True)
    if "fastapi" in sys.modules or (not _is_starlette_endpoint(endpoint) and find_spec("fastapi")):
        wrapper.__signature__ = _with_dependency(endpoint, mark)  # type: ignore[attr-defined]
    return wrapper


def _guarded(endpoint: Callable[..., Any], mark: Sensitive) -> Callable[..., Any]:
    plain = endpoint.func if isinstance(endpoint, functools.partial) else endpoint

    @functools.wraps(endpoint)
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        await authorize(connection_in(args, kwargs).scope, mark)
        kwargs.pop(DEPENDENCY, None)
        return await endpoint(*args, **kwargs)

    @functools.wraps(endpoint)
    async def threaded(*args: Any, **kwargs: Any) -> Any:
        await authorize(connection_in(args, kwargs).scope, mark)
        kwargs.pop(DEPENDENCY, None)
        return await run_in_threadpool(endpoint, *args, **kwargs)

    @functools.wraps(endpoint)
    async def async_generator(*args: Any, **kwargs: Any) -> Any:
        proven(connection_in(args, kwargs).scope, mark)
        kwargs.pop(DEPENDENCY, None)
        async for item in endpoint(*args, **kwargs):
            yield item

    @functools.wraps(endpoint)
    def generator(*args: Any, **kwargs: Any) -> Any:
        proven(connection_in(args, kwargs).scope, mark)
        kwargs.pop(DEPENDENCY, None)
        yield from endpoint(*args, **kwargs)

    if inspect.iscoroutinefunction(plain):
        return coroutine
    if inspect.isasyncgenfunction(plain):
        return async_generator
    return generator if inspect.isgeneratorfunction(plain) else threaded


def _carry(endpoint: Any, mark: Mark) -> None:
    target = getattr(endpoint, "__func__", endpoint)  # A bound method takes no attributes.
    try:
        setattr(target, MARK, mark)
    except AttributeError as error:
        raise ConfigurationError(
            f"{endpoint!r} cannot carry a mark.", fix="Mark a function of your own that calls it."
        ) from error


def _is_asgi(function: Callable[..., Any]) -> bool:
    """Whether a function is an ASGI app, by the names the specification gives its arguments."""
    try:
        return list(inspect.signature(function).parameters) == ["scope", "receive", "send"]
    except ValueError as error:  # Some built-ins.
        raise ConfigurationError(
            f"{function!r} has no signature.", fix="Mark a function of your own that calls it."
        ) from error


def _is_starlette_endpoint(endpoint: Callable[..., Any]) -> bool:
    """Whether it takes one thing, a Request or a WebSocket, after `self`; FastAPI's take what they like."""
    parameters = [p for p in inspect.signature(endpoint).parameters.values() if p.name != "self"]
    return len(parameters) == 1 and (
        parameters[0].annotation is inspect.Parameter.empty
        or getattr(parameters[0].annotation, "__module__", "").startswith("starlette.")
    )


def _with_dependency(endpoint: Callable[..., Any], mark: Sensitive) -> inspect.Signature:
    """Return the endpoint's signature with the guard as its first dependency."""
    from fastapi import Depends  # noqa: PLC0415  # Only where the app has it.

    async def verify(connection: HTTPConnection) -> HTTPConnection:
        await authorize(connection.scope, mark)
        return connection

    signature = _signature(endpoint)
    leading = inspect.Parameter(
        DEPENDENCY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=Annotated[Any, Depends(verify)],
    )
    setattr(verify, MARK, mark)
    return signature.replace(parameters=[leading, *signature.parameters.values()])


def _signature(endpoint: Callable[..., Any]) -> inspect.Signature:
    """Return the signature with text annotations evaluated where they were written, not in this module."""
    try:
        return inspect.signature(endpoint, eval_str=True)
    except (NameError, AttributeError, TypeError, SyntaxError):
        return inspect.signature(endpoint)  # FastAPI says what is wrong with them better than we could.
