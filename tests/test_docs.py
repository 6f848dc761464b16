"""What the documentation says is run, looked up or counted here, so that it cannot drift from the code.

A page's fenced blocks are read like this:

- `python`: compiled. With `# runs` as its first line it is run too.
- any language with a file name in its first line (`# main.py`, `{# templates/page.html #}`): written to the page's
  folder, where a development PKI stands in `certs/`. A Python file is run as well; `test_*.py` goes to pytest.
- `console`: each line after `$` is run by a shell in that folder, in order, and the lines below it are its whole
  output, with `...` for anything. A command that ends with `&` runs until the page is done.
- any other language, and a block without a name: read by people only.
"""

import ast
import doctest
import inspect
import logging
import os
import pkgutil
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click
import pytest

import asvs_middleware
from asvs_middleware import certificates, connection, errors, headers, middleware, outbound
from asvs_middleware.asvs import requirements
from asvs_middleware.cli import main as command
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.outbound import errors as outbound_errors
from asvs_middleware.server import ServerPolicy
from asvs_middleware.server.accept.limits import Admission
from asvs_middleware.server.flags import FLAGS, Flag
from asvs_middleware.server.http.deadlines import Deadlines
from asvs_middleware.server.http.head import HeadLimits
from asvs_middleware.server.pki import write_development_pki

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "asvs_middleware"
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
EVENTS, ERRORS = "docs/reference/events.md", "docs/reference/errors.md"
POLICIES_PAGE, COMMANDS, STANDARDS = "docs/reference/policy.md", "docs/reference/cli.md", "docs/reference/standards.md"
MODULES = ["asvs_middleware", *(one.name for one in pkgutil.walk_packages([str(PACKAGE)], prefix="asvs_middleware."))]
STATUSES = {"done", "partly", "not yet", "out of reach"}

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"(?:#|\{#|<!--) ([\w./-]+\.\w+)(?: #\}| -->)?")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
REQUIREMENT = re.compile(r"\bv[0-9]+\.[0-9]+\.[0-9]+-[0-9]+(?:\.[0-9]+)*")
CODE = re.compile(r"`([^`]+)`")
PORTS = ("8443", "8080")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def file_name(self) -> str | None:
        found = FILE_NAME.fullmatch(self.first_line)
        return found[1] if found else None

    @property
    def is_test(self) -> bool:
        return self.file_name is not None and Path(self.file_name).name.startswith("test_")

    @property
    def runs(self) -> bool:
        named = self.file_name is not None and not self.is_test
        return self.language == "python" and (self.first_line == "# runs" or named)


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def each(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


PAGE = each(PAGES)


@dataclass(frozen=True)
class Table:
    """One table of a page, and the heading it stands below."""

    heading: str
    columns: list[str]
    rows: list[list[str]]


def tables(page: str) -> Iterator[Table]:
    heading, lines = "", list[list[str]]()
    for line in [*(ROOT / page).read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip().strip("|").split(" | ")])
            continue
        if lines:
            yield Table(heading, lines[0], lines[2:])
            lines = []
        if line.startswith("#"):
            heading = line.lstrip("# ")


def table(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading of the page."""
    return next(one.rows for one in tables(page) if one.heading == heading)


def names(cell: str) -> list[str]:
    return CODE.findall(cell)


# What the pages show


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to be in, with a development PKI in `certs/`; what is imported from it is forgotten after."""
    write_development_pki(tmp_path / "certs", at=datetime.now(UTC))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with forgetting(tmp_path):
        yield tmp_path


@contextmanager
def forgetting(folder: Path) -> Iterator[None]:
    """Forget at the end what was imported from a folder: the `main` of one page is not the next test's."""
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if folder in Path(getattr(module, "__file__", None) or "/").parents:
                del sys.modules[name]


def test_what_a_page_imports_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever order the tests run in."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_one_page.py").touch()
    with forgetting(tmp_path):
        import_module("of_one_page")
    assert "of_one_page" not in sys.modules


def write_files(page: Path, folder: Path) -> None:
    """Write the files a page shows."""
    named = {block.file_name: block.text for block in blocks(page) if block.file_name is not None}
    for name, text in named.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@PAGE
def test_python_compiles(page: Path) -> None:
    """No page shows Python that is none."""
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@each([page for page in PAGES if any(block.runs or block.is_test for block in blocks(page))])
def test_examples_run(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page calls an example runs as it stands, tests included."""
    logger = logging.getLogger("asvs_middleware")
    monkeypatch.setattr(logger, "handlers", [*logger.handlers])  # One of the examples adds a handler.
    write_files(page, folder)
    tests = sorted({str(block.file_name) for block in blocks(page) if block.is_test})
    for block in blocks(page):
        if block.runs:
            exec(compile(block.text, f"{page.name}: {block.first_line}", "exec"), {"__name__": "example"})
    if tests:
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr


def consoles(page: Path) -> list[tuple[str, str]]:
    """Return the page's commands, each with the output shown below it."""
    text = "".join(block.text for block in blocks(page) if block.language == "console").replace("\\\n", "")
    return [(line, shown.strip()) for line, _, shown in (part.partition("\n") for part in text.split("$ ")[1:])]


@each([page for page in PAGES if consoles(page)])
def test_commands_print_what_is_shown(page: Path, folder: Path) -> None:
    """Every command of a page, pasted into a shell in order, prints what the page says it prints."""
    write_files(page, folder)
    for path in sorted((folder / "certs").iterdir()):  # The page makes its own.
        path.unlink()
    free = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
    with ExitStack() as until_the_end:
        for pair in consoles(page):
            line, shown = (_with_ports(text, free) for text in pair)
            if line.endswith("&"):
                until_the_end.enter_context(_in_background(line.removesuffix("&"), folder))
                continue
            ran = subprocess.run(
                ["bash", "-c", line], env=_environment(), capture_output=True, text=True, timeout=60, check=False
            )
            pattern = re.escape(shown).replace(r"\.\.\.", ".*?")
            printed = "\n".join(text.rstrip() for text in ran.stdout.splitlines()).strip()
            assert re.fullmatch(pattern, printed, re.DOTALL), f"$ {line}\n{printed}\n{ran.stderr}"


def _free_ports(count: int) -> list[str]:
    with ExitStack() as open_together:
        sockets = [open_together.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [str(one.getsockname()[1]) for one in sockets]


def _with_ports(text: str, free: dict[str, str]) -> str:
    """Put free ports in the place of those the page names, which may be taken on this machine."""
    for port, other in free.items():
        text = re.sub(rf"\b{port}\b", other, text)
    return text


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@contextmanager
def _in_background(line: str, folder: Path) -> Iterator[None]:
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "asvs_middleware", *shlex.split(line)[1:]],
            env=_environment(), stdout=output, stderr=output,
        )  # fmt: skip
    try:
        for port in re.findall(r"port (\d+)", line):
            _wait_for(int(port), process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"Nothing listens on {port}:\n{log.read_text(errors='replace')}")


# What the pages cite


@PAGE
def test_cited_requirements_exist(page: Path) -> None:
    """A requirement that is cited is one of the standard, with its version."""
    assert set(REQUIREMENT.findall(page.read_text(encoding="utf-8"))) <= set(requirements())


@PAGE
def test_relative_links_resolve(page: Path) -> None:
    """A link within the repository leads to a file, and to a heading of it where it names one."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in _anchors(found), f"{target} has no such heading"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_page_is_reachable() -> None:
    """Whoever starts at the README finds every page by following links."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        links = (target.partition("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8")))
        waiting += [(page.parent / target).resolve() for target in links if target and ":" not in target]
    assert seen >= set(PAGES)


@PAGE
def test_words_nobody_may_use(page: Path) -> None:
    """OWASP attests to no product, so neither do we: the two words that would say so are not used."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"certifi" + r"ed\b|complian" + r"[tc]\w*", text, re.IGNORECASE) == []


def test_changelog_names_the_version() -> None:
    """The newest entry is the version of the package."""
    headings = re.findall(r"^## \[?([0-9][^\] ]*)", (DOCS / "changelog.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == asvs_middleware.__version__


# What the reference lists


Node = TypeVar("Node", bound=ast.AST)


@cache
def nodes() -> tuple[ast.AST, ...]:
    """Return every node of the package's source."""
    files = PACKAGE.rglob("*.py")
    return tuple(node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def every(kind: type[Node]) -> Iterator[Node]:
    """Yield every node of that kind in the package's source."""
    return (node for node in nodes() if isinstance(node, kind))


def every_call() -> Iterator[ast.Call]:
    return every(ast.Call)


def calls(name: str) -> Iterator[ast.Call]:
    """Yield every call of a function of that name, as `emit(...)` or `events.emit(...)`."""
    return (call for call in every_call() if name in {getattr(call.func, "id", ""), getattr(call.func, "attr", "")})


def budgeted() -> Iterator[ast.Call]:
    """Yield every call that writes an event within a budget, as `self._report(...)`."""
    return (call for call in calls("_report") if isinstance(call.func, ast.Attribute))


def texts(argument: ast.expr | None) -> set[str]:
    if isinstance(argument, ast.IfExp):
        return texts(argument.body) | texts(argument.orelse)
    return {argument.value} if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else set()


def below(kind: type[Any]) -> Iterator[type[Any]]:
    """Yield a class of the package and every class of the package made of it; tests make some of their own."""
    for name in MODULES:
        import_module(name)
    if kind.__module__ in MODULES:
        yield kind
    for one in kind.__subclasses__():
        yield from below(one)


def test_events_are_listed() -> None:
    """Every event the package can write is in the reference, under its logger, and nothing else is (v5.0.0-16.1.1)."""
    rows = table(EVENTS, "Which events are there?")
    emitted = {text for call in calls("emit") for text in texts(call.args[1])}
    emitted |= {text for call in (*budgeted(), *calls("Refused")) for text in texts(call.args[0])}
    carried = {one.event for kind in (errors.AccessDenied, outbound.OutboundTLSError) for one in below(kind)}
    assert {names(row[0])[0] for row in rows} == emitted | carried
    loggers = {f"asvs_middleware.{area}" for call in calls("emit") for area in texts(call.args[0])}
    assert {name for row in rows for name in names(row[1])} == loggers


def test_facts_of_events_are_listed() -> None:
    """Every member an event can have is explained (v5.0.0-16.2.1)."""
    always = {"event", "time", "reason", "requirement"}
    given = {
        one.arg for call in (*calls("emit"), *budgeted()) for one in call.keywords if one.arg not in {None, "severity"}
    }
    described = {name for row in table(EVENTS, "What is in a record?") for name in names(row[0])}
    assert described >= always | given


def test_refusals_are_listed() -> None:
    """Every class of refusal stands in the reference with its status and code."""
    listed = {names(row[0])[0]: (int(row[1]), names(row[2])[0]) for row in table(ERRORS, "Refusals")}
    assert listed == {
        one.__name__: (one.status, one.code) for one in below(errors.AccessDenied) if one.__module__ == errors.__name__
    }


def test_codes_are_listed() -> None:
    """Every code a caller or a log can show is explained."""
    given = {text for call in every_call() for one in call.keywords if one.arg == "code" for text in texts(one.value)}
    kinds = ("Codes", "Advice")
    rows = [row for one in tables(ERRORS) if one.heading.startswith(kinds) for row in one.rows]
    listed = {name for row in rows for name in names(row[0])}
    assert listed == given | {one.code for one in below(errors.AccessDenied)}


def test_reasons_of_refused_certificates_are_listed() -> None:
    """Every reason the log can give for a refused certificate is explained."""
    reasons = {text for call in calls("refused") for argument in call.args[:1] for text in texts(argument)}
    reasons |= {text for call in calls("RevocationUnknown") for argument in call.args[1:2] for text in texts(argument)}
    for node in every(ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            reasons |= texts(value) if texts(key) == {"reason_code"} else set()
    assert {name for row in table(ERRORS, "Reasons of a refused certificate") for name in names(row[0])} == reasons


def test_outbound_errors_are_listed() -> None:
    """Every error of the outbound client is explained."""
    rows = table(ERRORS, "Errors of the outbound client")
    public = {name for name in outbound.__all__ if isinstance(getattr(outbound_errors, name, None), type)}
    assert {names(row[0])[0] for row in rows} == public


POLICIES: list[Callable[..., Any]] = [
    asvs_middleware.SecurityPolicy,
    asvs_middleware.Tokens,
    asvs_middleware.ClientCertificates,
    asvs_middleware.HeadersPolicy,
    asvs_middleware.HSTSPolicy,
    asvs_middleware.ContentSecurityPolicy,
    outbound.OutboundPolicy,
    outbound.Pins,
    outbound.BearerFor,
    ServerPolicy,
    Deadlines,
    Admission,
    HeadLimits,
    connection.TrustedProxies,
    connection.ForwardedCertificates,
    connection.PeerRanges,
    certificates.PeerCertificate,
    certificates.IdentityPattern,
    certificates.RevocationPolicy,
    certificates.Responder,
    middleware.Limits,
    middleware.Probe,
    middleware.CrossOrigin,
    middleware.cross_origin,
    headers.Preload,
    headers.Reports,
    headers.Isolation,
    headers.IntegrityPolicy,
    headers.CookiePolicy,
    asvs_middleware.sensitive,
    asvs_middleware.public,
    asvs_middleware.SecurityHeadersMiddleware,
    asvs_middleware.TLSOnlyMiddleware,
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_arguments_are_listed(policy: Callable[..., Any]) -> None:
    """Every argument stands in the reference with the default the code has."""
    parameters = inspect.signature(policy).parameters.values()
    expected = {one.name: _default(policy, one) for one in parameters if one.name not in {"app", "args"}}
    listed = {}
    for row in table(POLICIES_PAGE, f"`{policy.__name__}`"):
        given = names(row[1])
        listed[names(row[0])[0]] = eval(given[0], _known()) if given else row[1]
    assert listed == expected


_GIVEN: dict[Callable[..., Any], dict[str, Any]] = {
    asvs_middleware.Tokens: {"issuer": "https://idp.example.com", "audience": "https://api.example.com"},
    ServerPolicy: {"certfile": "server.pem", "keyfile": "server.key"},
    connection.TrustedProxies: {"networks": ["10.0.0.0/8"]},
    outbound.OutboundPolicy: {"trust": None},
    asvs_middleware.TLSOnlyMiddleware: {"app": None, "hosts": ["api.example.com"]},
}
"""What has to be given to ask about a number."""

_NOT_ASKED = {("ServerPolicy", "uds_mode"), ("ClientCertificates", "max_chain_depth"), ("PeerRanges", "every")}
"""Numbers that are no quantity, or that need files to be asked about."""


def _ranges() -> Iterator[Any]:
    for policy in POLICIES:
        hints = {one.name: str(one.annotation) for one in inspect.signature(policy).parameters.values()}
        for row in table(POLICIES_PAGE, f"`{policy.__name__}`"):
            name = names(row[0])[0]
            is_number = re.search(r"\b(int|float|timedelta)\b", hints[name]) and "Mapping" not in hints[name]
            if is_number and (policy.__name__, name) not in _NOT_ASKED:
                yield pytest.param(policy, name, row[2], id=f"{policy.__name__} {name}")


@pytest.mark.parametrize(("policy", "name", "meaning"), [*_ranges()])
def test_ranges_are_listed(policy: Callable[..., Any], name: str, meaning: str) -> None:
    """Every number says from where to where it may go: the ends are taken, and what lies beyond is refused."""
    found = re.search(r"[Ff]rom `([^`]+)` to `([^`]+)`|`([^`]+)` or more|[Aa]bove (0|zero)", meaning)
    assert found, meaning
    least, most = (eval(one, _known()) if one else None for one in (found[1] or found[3], found[2]))
    if least is None:  # Above zero, and the least of what is above has no name.
        least = 0 if policy is middleware.Limits else timedelta(0)
        refused, taken = [least], []
    else:
        step = timedelta(microseconds=1) if isinstance(least, timedelta) else 1
        taken, refused = [one for one in (least, most) if one is not None], [least - step]
        refused += [] if most is None else [most + step]
    if name == "reload_every":
        taken.append(timedelta(0))
    for one in taken:
        assert policy(**{**_GIVEN.get(policy, {}), name: one})
    for one in refused:
        with pytest.raises(ConfigurationError, match=name):
            policy(**{**_GIVEN.get(policy, {}), name: one})


def _known() -> dict[str, Any]:
    public = {name: getattr(asvs_middleware, name) for name in asvs_middleware.__all__}
    parts = {kind.__name__: kind for kind in (middleware.Limits, Deadlines, Admission, HeadLimits)}
    return {"timedelta": timedelta, **parts, **public}


def _default(policy: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    if parameter.default is inspect.Parameter.empty:
        return "required"
    if is_dataclass(policy):
        for one in fields(policy):
            if one.name == parameter.name and one.default_factory is not MISSING:
                return one.default_factory()
    return "the system's clock" if parameter.name == "clock" else parameter.default


def test_options_are_listed() -> None:
    """Every command and option of `asvs` stands in the reference, with its default; `--help` once for all.

    Options that are uvicorn's stand in a table of their own.
    """
    of_uvicorn = {flag.option for flag in FLAGS if flag.verdict != "ours"}
    commands = {"asvs": command, **{f"asvs {name}": one for name, one in command.commands.items()}}
    page = (ROOT / COMMANDS).read_text(encoding="utf-8")
    assert set(re.findall(r"^## `(asvs[^`]*)`$", page, re.MULTILINE)) == set(commands)
    for name, one in commands.items():
        listed = {names(row[0])[0]: row[1].strip("`") for row in table(COMMANDS, f"`{name}`")}
        context = click.Context(one, **one.context_settings)  # As the command makes it: click keeps the option --help.
        expected = dict(_option(option.to_info_dict()) for option in one.get_params(context))
        if name != "asvs":
            del expected["--help"]
        if name == "asvs serve":
            expected = {option: default for option, default in expected.items() if option not in of_uvicorn}
        assert listed == expected


def test_settings_of_uvicorn_are_listed() -> None:
    """Every setting of uvicorn stands in the reference, with its verdict, its reason and its limits (v5.0.0-13.4.6)."""
    rows = table(COMMANDS, "Which settings of uvicorn may be given?")
    assert [(names(option)[0], verdict, why) for option, verdict, why in rows] == [
        (flag.option, flag.verdict, _explained(flag)) for flag in FLAGS if flag.name != "app"
    ]


def _explained(flag: Flag) -> str:
    values = [f"One of: {', '.join(f'`{one}`' for one in flag.values)}."] if flag.values else []
    limits = [f"From {flag.least} to {flag.most}."] if flag.most else []
    spelt = flag.option if flag.kept else f"--no-{flag.option[2:]}"
    kept = [f"`{spelt}` is accepted: it is in force."] if flag.kept is not None else []
    return " ".join([flag.why, *values, *limits, *kept])


def _option(told: dict[str, Any]) -> tuple[str, str]:
    # click before 8.2 keeps the names of the help option in a set, so in no order.
    name = next(str(one) for one in reversed(told["opts"]) if one.startswith("--") or len(told["opts"]) == 1)
    if told["required"]:
        default = "required"
    elif told.get("is_flag"):
        default = "off"
    else:
        default = "none" if told.get("default") is None else str(told["default"])
    return name if name.startswith("-") else name.upper(), default


def statuses(page: str) -> Iterator[tuple[str, str, str]]:
    """Yield requirement, level and status of each row of the page's tables of requirements."""
    for one in tables(page):
        if one.columns[:3] == ["requirement", "level", "status"]:
            for row in one.rows:
                for identifier in names(row[0]):
                    yield identifier, row[1], row[2]


def test_every_requirement_has_a_status() -> None:
    """The reference says of every requirement of the table, once and in its order, how far it is met."""
    rows = list(statuses(STANDARDS))
    known = [(one.id, str(one.level)) for one in requirements().values()]
    assert [(identifier, level) for identifier, level, _ in rows] == known
    assert {status for _, _, status in rows} == STATUSES


def test_readme_agrees_with_the_reference() -> None:
    """The table in the README claims no more than the reference does."""
    reference = {identifier: (level, status) for identifier, level, status in statuses(STANDARDS)}
    rows = list(statuses("README.md"))
    assert len(rows) > 60
    for identifier, levels, status in rows:
        level, expected = reference[identifier]
        assert status == expected, f"{identifier} is {expected!r} in the reference and {status!r} in the README"
        assert level in levels.split(" / "), f"{identifier} is of level {level}"


# What the docstrings show


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    """What a docstring shows at a prompt is what happens."""
    assert doctest.testmod(import_module(name)).failed == 0
