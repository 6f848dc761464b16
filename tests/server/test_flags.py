"""Every setting of uvicorn: passed on, ours, or refused with a reason. None is forgotten, and none is guessed."""

import inspect
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from asvs_middleware import events
from asvs_middleware.cli import serve as serve_command
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.flags import FLAGS, passed
from asvs_middleware.server.launcher import server_for
from asvs_middleware.server.listeners import listening
from asvs_middleware.server.policy import ServerPolicy
from asvs_middleware.server.uvicorn_settings import loaded

BY_NAME = {flag.name: flag for flag in FLAGS}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Never called."""


def test_the_table_is_complete() -> None:
    """Each argument of the installed uvicorn has a verdict, and so has each option of its command."""
    installed = {*inspect.signature(uvicorn.Config).parameters, *(one.name for one in uvicorn.main.params)}
    assert installed <= BY_NAME.keys()
    assert len(BY_NAME) == len(FLAGS)


def test_options_are_written_as_uvicorn_writes_them() -> None:
    """Who comes from uvicorn changes nothing but the command's name, and is told why where something differs."""
    theirs = {one.name: one.opts + one.secondary_opts for one in uvicorn.main.params if one.name in BY_NAME}
    ours = {one.name: one.opts + one.secondary_opts for one in serve_command.params if one.name in theirs}
    for name, options in ours.items():
        flag = BY_NAME[name]
        assert set(theirs[name]) <= set(options), name
        if flag.verdict == "refused":
            assert next(one for one in serve_command.params if one.name == name).hidden
    not_options = {"app", "version"}
    assert ours.keys() == theirs.keys() - not_options


def test_passed_settings_exist() -> None:
    """What is passed on is an argument of uvicorn's configuration; reasons are sentences."""
    known = set(inspect.signature(uvicorn.Config).parameters)
    for flag in FLAGS:
        assert flag.verdict != "passed" or flag.name in known
        assert flag.why.endswith(".")
        assert flag.verdict != "passed" or flag.kind not in {"whole", "number"} or flag.least < flag.most


@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag.verdict == "refused"], ids=lambda flag: flag.name)
def test_what_weakens_is_refused(flag: Any) -> None:
    """With the option's name and the reason; only the value that is in force anyway may be said."""
    with pytest.raises(ConfigurationError, match=rf"{flag.name} \({flag.option}\) is refused\. .{{20,}}\."):
        passed({flag.name: not flag.kept})
    if flag.kept is not None:
        assert passed({flag.name: flag.kept}) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"quic": True}, "does not know 'quic'", id="a setting of a later release"),
        pytest.param({"timeout_keepalive": 5}, "Did you mean 'timeout_keep_alive'", id="misspelt"),
        pytest.param({"workers": 2}, r"Say it to ServerPolicy", id="a choice of ServerPolicy"),
        pytest.param({"http": "my.module:Parser"}, "does not know 'my.module:Parser'", id="a parser of one's own"),
        pytest.param({"http": object}, "http .--http. is a type. Choose from: auto, h11", id="a class"),
        pytest.param({"loop": "zuvloop"}, "loop .--loop. does not know 'zuvloop'", id="a loop nobody tried"),
        pytest.param({"backlog": -1}, r"backlog=-1 \(--backlog\) is out of range. Use 1 to 65535", id="negative"),
        pytest.param({"backlog": True}, "backlog=True", id="a truth as a number"),
        pytest.param({"backlog": 1.5}, "backlog=1.5", id="half a connection"),
        pytest.param({"ws_ping_interval": float("nan")}, "ws_ping_interval=nan", id="not a number"),
        pytest.param({"ws_ping_interval": float("inf")}, "ws_ping_interval=inf", id="for ever"),
        pytest.param({"h11_max_incomplete_event_size": 1 << 20}, "Use 1024 to 65536", id="a head of a mebibyte"),
        pytest.param({"ws_max_size": 1 << 40}, "ws_max_size=.*Use 1 to 67108864", id="a frame of a tebibyte"),
        pytest.param({"ws_max_size": None}, "ws_max_size=None .*Use 1 to 67108864", id="frames without a limit"),
        pytest.param({"limit_concurrency": 0}, "limit_concurrency=0 .*Use 1 to", id="nobody is served"),
        pytest.param({"limit_max_requests": 0}, "limit_max_requests=0 .*Use 1 to", id="no process lives"),
        pytest.param({"timeout_graceful_shutdown": 10**400}, "Use 0 to 3600", id="beyond what a clock holds"),
        pytest.param({"timeout_keep_alive": 86400}, "Use 0 to 3600", id="idle for a day"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], message: str) -> None:
    """Unknown, misspelt, out of range: one sentence, and nothing starts."""
    with pytest.raises(ConfigurationError, match=message):
        passed(settings)


@pytest.mark.parametrize("name", ["timeout_graceful_shutdown", "limit_concurrency", "ws_ping_interval"])
def test_none_where_it_takes_no_limit_away(name: str) -> None:
    """uvicorn's own word for waiting for ever, for no limit beside ours, and for no pings."""
    assert passed({name: None}) == {name: None}


@given(
    st.dictionaries(
        st.sampled_from(sorted(BY_NAME)) | st.text(max_size=12),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.text(max_size=3)),
        max_size=3,
    )
)
def test_any_settings(settings: dict[str, Any]) -> None:
    """Passed on as they are, or our error; never another exception."""
    try:
        result = passed(settings)
    except ConfigurationError:
        return
    assert result.items() <= settings.items()
    assert all(BY_NAME[name].verdict == "passed" for name in result)


def a_policy(pki: Path, **choices: Any) -> ServerPolicy:
    return ServerPolicy(certfile=pki / "server.pem", keyfile=pki / "server.key", port=0, **choices)


def test_what_is_passed_arrives(pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On both ports; what is fixed stays fixed, whatever the environment says."""
    for name, setting in {"FORWARDED_ALLOW_IPS": "*", "WEB_CONCURRENCY": "8", "UVICORN_SERVER_HEADER": "1"}.items():
        monkeypatch.setenv(name, setting)
    settings = {"timeout_keep_alive": 9, "root_path": "/api", "limit_concurrency": 7, "ws_max_queue": 5}
    policy = a_policy(pki, redirect_port=0)
    with listening(policy) as listeners:
        server = server_for(app, policy, listeners, **settings, proxy_headers=False)
    assert server.beside is not None
    for config in (server.config, server.beside[0].config):
        assert settings.items() <= vars(config).items()
        assert (config.proxy_headers, config.server_header, config.date_header) == (False, False, True)
        assert (config.workers, config.interface) == (1, "asgi3")


@pytest.mark.parametrize("choices", [{}, {"http": "zttp"}, {"http": "auto"}], ids=["alone", "with zttp", "with auto"])
def test_http2(choices: dict[str, str], pki: Path) -> None:
    """It is offered on the TLS port alone, by the parser that speaks it."""
    pytest.importorskip("zttp")
    policy = a_policy(pki, http2=True, redirect_port=0)
    with listening(policy) as listeners:
        server = server_for(app, policy, listeners, **choices)
    assert server.beside is not None
    assert (server.config.http, server.config.http2) == ("zttp", True)
    assert not server.beside[0].config.http2


def test_http2_needs_its_parser(pki: Path) -> None:
    """Another one, said at the same time, is a contradiction."""
    policy = a_policy(pki, http2=True)
    with (
        listening(policy) as listeners,
        pytest.raises(ConfigurationError, match=r"spoken by zttp, and http is 'h11'. Drop http"),
    ):
        server_for(app, policy, listeners, http="h11")


def test_a_uvicorn_that_lacks_a_setting() -> None:
    """An older release than the one a setting came with is named, in place of a TypeError."""
    with pytest.raises(ConfigurationError, match=r"uvicorn .* does not know 'quic'. Install a newer"):
        loaded(app, {"quic": True})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("none.json", None, id="missing"),
        pytest.param("broken.json", "{", id="no JSON"),
        pytest.param("wrong.json", '{"version": 2}', id="another version"),
        pytest.param("empty.ini", "", id="empty"),
        pytest.param("wrong.ini", "[loggers]\n", id="no loggers"),
    ],
)
def test_a_logging_configuration_that_cannot_be_used(name: str, text: str | None, tmp_path: Path) -> None:
    """One sentence with the file's name."""
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=rf"log_config=.*{name}.* cannot be used"):
        loaded(app, {"log_config": str(path)})


def test_a_logging_configuration_silences_no_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """v5.0.0-16.3.4: Python disables every logger that a configuration does not name; ours are woken up again."""
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"version": 1, "disable_existing_loggers": True}))
    logging.getLogger("asvs_middleware.server")
    silenced = [one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    try:
        loaded(app, {"log_config": str(path)})
        events.emit("server", "heard", reason="after all", requirement="v5.0.0-16.3.4")
    finally:
        for logger in silenced:
            logger.disabled = False
    assert "heard" in caplog.messages


def test_the_command_refuses_with_the_reason(pki: Path) -> None:
    """One line on stderr, exit code 2, and no port opened."""
    command = [sys.executable, "-m", "asvs_middleware", "serve", "main:app"]
    files = ["--certfile", str(pki / "server.pem"), "--keyfile", str(pki / "server.key")]
    done = subprocess.run(
        [*command, *files, "--forwarded-allow-ips", "*"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=pki,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("asvs: forwarded_allow_ips (--forwarded-allow-ips) is refused.")
    assert "trusted_proxies" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_option_has_help() -> None:
    """Hidden ones as well: they are the reasons."""
    for parameter in serve_command.params:
        assert not isinstance(parameter, click.Option) or parameter.help
