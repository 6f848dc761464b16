"""The order of the house: who may import whom, how long a file may be, what the root package costs."""

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import asvs_middleware

ROOT = Path(asvs_middleware.__file__).parent

# DESIGN, section 3. A room imports from lines above its own, never from its own line or below.
FLOORS = (
    ("errors",),
    ("names", "wrapped"),
    ("asvs", "stores"),
    ("events", "waivers", "headers"),
    ("connection", "certificates", "tokens"),
    ("tls", "access", "middleware"),
    ("evidence",),
    ("policy", "outbound"),
    ("stack",),
    ("server", "audit", "rehearsal"),
    ("pytest_plugin", "cli"),
    ("__main__", "__init__"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(ROOT.rglob("*.py"))


def module_of(file: Path) -> str:
    """Return a file's module below the package: `access.marks`, `access`, `cli`; the root is empty."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def room_of(module: str) -> str:
    return module.partition(".")[0] or "__init__"


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


MODULES = {module_of(file): file for file in FILES}


def imports(file: Path) -> Iterator[str]:
    """Yield the modules of the package a file imports, anywhere in it: in functions and under TYPE_CHECKING too."""
    here = list(file.relative_to(ROOT).parent.parts)
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
            yield from (one.removeprefix("asvs_middleware").lstrip(".") for one in named if _ours(one))
        elif isinstance(node, ast.ImportFrom) and (node.level or _ours(node.module or "")):
            base = here[: len(here) - node.level + 1] if node.level else []
            parts = [*base, *(node.module or "").removeprefix("asvs_middleware").strip(".").split(".")]
            target = ".".join(part for part in parts if part)
            for alias in node.names:
                inner = f"{target}.{alias.name}".lstrip(".")
                yield inner if inner in MODULES else target


def _ours(module: str) -> bool:
    return module.partition(".")[0] == "asvs_middleware"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_one_way(file: Path) -> None:
    """A room knows only rooms of lower floors."""
    mine = room_of(module_of(file))
    found = {room_of(target) for target in imports(file) if target} - {mine}
    assert mine in FLOOR, f"{mine} has no floor: give it one in DESIGN and here"
    wrong = sorted(room for room in found if FLOOR[room] >= FLOOR[mine])
    assert wrong == []


def test_no_cycle() -> None:
    """No file needs itself, by whatever way round; not even in an import inside a function."""
    graph = {
        module: {target for target in imports(file) if target and target != module}
        for module, file in MODULES.items()
        if module
    }
    # A module that imports its own package's __init__ would be a cycle through what that imports.
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) >= set(graph)


def test_the_table_has_no_empty_rows() -> None:
    """A room that is planned but not there yet is known; nothing else is in the table."""
    there = {room_of(module) for module in MODULES}
    assert there <= set(FLOOR)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_file(file: Path) -> None:
    """One idea in at most 300 lines; no assert, which `python -O` removes; none of Starlette's slow base class."""
    source = file.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300
    tree = parsed(file)
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert "BaseHTTPMiddleware" not in names
    assert not source or ast.get_docstring(tree), "a file begins with its docstring"


def test_the_root_package() -> None:
    """`__all__` is sorted, and is what can be imported."""
    names = asvs_middleware.__all__
    assert names == sorted(names)
    assert len(names) <= 20
    for name in names:
        assert getattr(asvs_middleware, name).__name__ == name
    assert sorted(dir(asvs_middleware)) == sorted([*names, "__version__"])
    with pytest.raises(AttributeError, match="no attribute 'secured'"):
        asvs_middleware.secured  # noqa: B018


@pytest.mark.parametrize(
    "package", sorted({module for module in MODULES if module and MODULES[module].name == "__init__.py"})
)
def test_all_of_a_room(package: str) -> None:
    """Everything a room says it has is there, once."""
    module = import_module(f"asvs_middleware.{package}")
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(module, name)] == []


def run(script: str, *options: str) -> str:
    """Run a script in a fresh interpreter, and return what it printed."""
    ran = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("asvs_middleware", ("httpx", "jwt", "cryptography", "starlette", "uvicorn", "fastapi", "click")),
        ("asvs_middleware.errors", ("httpx", "jwt", "cryptography", "starlette", "uvicorn", "fastapi", "click")),
        ("asvs_middleware.stack", ("fastapi", "uvicorn", "pytest")),
        ("asvs_middleware.access", ("fastapi", "httpx", "uvicorn")),
        ("asvs_middleware.tokens", ("fastapi", "httpx", "uvicorn", "starlette")),
        ("asvs_middleware.certificates", ("fastapi", "httpx", "jwt", "uvicorn", "starlette")),
        ("asvs_middleware.cli", ("fastapi", "httpx", "uvicorn", "starlette", "cryptography")),
    ],
)
def test_what_an_import_costs(module: str, absent: tuple[str, ...]) -> None:
    """Importing the root costs next to nothing, and nobody pays for a framework the app does not use."""
    loaded = run(f"import sys, {module}; print(*(name for name in {absent!r} if name in sys.modules))")
    assert loaded == ""


REFUSALS = """
import asyncio, logging
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from asvs_middleware import ConfigurationError, SecurityPolicy, Tokens, public, secure, sensitive

@sensitive(scopes="read")
async def secret(request): return PlainTextResponse("x")
@public(reason="load balancer probe")
async def health(request): return PlainTextResponse("x")

app = Starlette(routes=[Route("/secret", secret), Route("/health", health)])
secure(app, SecurityPolicy.api(hosts=["a.example"], tokens=Tokens("https://idp.example", audience="a")))

def call(path, **members):
    statuses = []
    scope = {"type": "http", "method": "GET", "scheme": "https", "path": path, "query_string": b"",
             "headers": [(b"host", b"a.example")], **members}
    async def receive(): return {"type": "http.request", "body": b""}
    async def send(message): statuses.append(message.get("status"))
    asyncio.run(app(scope, receive, send))
    return statuses[0]

bad = [(b"host", b"a.example"), (b"authorization", b"Bearer a.b.c")]
print(call("/health"), call("/secret"), call("/secret", headers=bad), call("/health", scheme="http"),
      call("/health", headers=[(b"host", b"b.example")]), call("/nothing"))
try:
    SecurityPolicy.api(hosts=[])
except ConfigurationError as error:
    print(error.problem)
try:
    sensitive(scopes="")
except ConfigurationError as error:
    print(error.problem)
"""


def test_without_asserts_and_docstrings() -> None:
    """`python -O` and `-OO` change no verdict."""
    plain = run(REFUSALS)
    assert plain.splitlines()[0] == "200 401 401 403 421 404"
    assert run(REFUSALS, "-O") == plain
    assert run(REFUSALS, "-OO") == plain
