"""Every setting of uvicorn, and whether it may be given here: v5.0.0-13.4.6, 12.1.1, 12.1.2, 12.2.1 and 16.2.5.

One table, read by the command and by serve(). What weakens nothing is passed on; what does is refused, with the reason
and what to write instead. A setting that is not in the table is unknown and refused: a new release of uvicorn cannot
open a door that nobody has looked at. The values themselves are uvicorn's to check, but for the limits given here.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from ..errors import ConfigurationError
from ..names import known

Kind = Literal["whole", "number", "boolean", "switch", "text", "texts"]


class Flag(NamedTuple):
    """One argument of `uvicorn.Config`, or of its command.

    Attributes:
        name: of the argument.
        kind: of its value; a `switch` also has a `--no-` form, a `boolean` takes a value, `texts` may be repeated.
        verdict: `passed` on, `ours` (the same choice, judged by ServerPolicy or the command), `refused`.
        why: what it does, or why it is refused and what to write instead.
        kept: the one value that is not refused, because it is what is in force.
        values: the only ones passed.
        least: the lowest number passed.
        most: the highest one.
        always: it must be a number: None would take the limit away.
    """

    name: str
    kind: Kind
    verdict: Literal["passed", "ours", "refused"]
    why: str
    kept: bool | None = None
    values: tuple[str, ...] = ()
    least: int = 0
    most: int = 0
    always: bool = False

    @property
    def option(self) -> str:
        """How the command writes it."""
        singular = {"headers": "header", "reload_dirs": "reload_dir"}.get(self.name, self.name)
        singular = singular.removesuffix("s") if singular in {"reload_includes", "reload_excludes"} else singular
        return f"--{singular.replace('_', '-')}"


_TLS: Final = "TLS follows the profile alone: choose one with --profile"
_MILLION: Final = 1_000_000
_RELOADER: Final = (
    "A server that restarts itself when a file changes runs whatever is written there: use `uvicorn --reload` "
    "while you develop"
)

FLAGS: Final = (
    Flag("app", "text", "ours", "TARGET."),
    Flag("host", "text", "ours", "The address to listen on."),
    Flag("port", "whole", "ours", "The TLS port."),
    Flag("uds", "text", "ours", "A unix socket in place of the ports."),
    Flag("fd", "whole", "refused", "uvicorn takes every descriptor for a unix socket: use --port, or --uds."),
    Flag("reload", "switch", "refused", f"{_RELOADER}.", kept=False),
    Flag("reload_dirs", "texts", "refused", f"{_RELOADER}."),
    Flag("reload_includes", "texts", "refused", f"{_RELOADER}."),
    Flag("reload_excludes", "texts", "refused", f"{_RELOADER}."),
    Flag("reload_delay", "number", "refused", f"{_RELOADER}."),
    Flag("workers", "whole", "ours", "How many processes serve."),
    Flag("loop", "text", "passed", "Event loop.", values=("auto", "asyncio", "uvloop")),
    # A class of one's own would be a parser that nobody has tried to smuggle a request past.
    Flag("http", "text", "passed", "HTTP parser.", values=("auto", "h11", "httptools", "zttp")),
    Flag("http2", "switch", "ours", "Offer HTTP/2."),
    Flag(
        "ws",
        "text",
        "passed",
        "WebSocket implementation.",
        values=("auto", "none", "websockets", "websockets-sansio", "wsproto"),
    ),
    Flag(
        "ws_max_size", "whole", "passed", "Bytes of one WebSocket message.", least=1, most=64 * 1024 * 1024, always=True
    ),
    Flag("ws_max_queue", "whole", "passed", "WebSocket messages held for the app.", least=1, most=4096, always=True),
    Flag("ws_ping_interval", "number", "passed", "Seconds between WebSocket pings.", most=3600),
    Flag("ws_ping_timeout", "number", "passed", "Seconds a WebSocket client has to answer a ping.", most=3600),
    Flag("ws_per_message_deflate", "boolean", "passed", "Compress WebSocket messages."),
    Flag("lifespan", "text", "passed", "Start and end of the app.", values=("auto", "on", "off")),
    Flag("interface", "text", "refused", "Only ASGI 3 is served: wrap a WSGI app in the app itself."),
    Flag(
        "env_file",
        "text",
        "refused",
        "It would be read after the app and the certificates: let the service manager set the environment.",
    ),
    Flag("log_config", "text", "passed", "Logging configuration of uvicorn: .ini, .json or .yaml."),
    Flag("log_level", "text", "ours", "The lowest level written; trace would log credentials."),
    Flag("access_log", "switch", "passed", "One line for each request, without its query."),
    Flag("use_colors", "switch", "passed", "Colours in uvicorn's log."),
    Flag(
        "proxy_headers",
        "switch",
        "refused",
        "uvicorn believes header fields that anybody can send: name your proxies in SecurityPolicy(trusted_proxies=).",
        kept=False,
    ),
    Flag("server_header", "switch", "refused", "It tells strangers what to attack: there is none.", kept=False),
    Flag("date_header", "switch", "refused", "A server with a clock sends Date (RFC 9110 section 6.6.1).", kept=True),
    Flag(
        "forwarded_allow_ips",
        "text",
        "refused",
        "It is for uvicorn's proxy header fields, which are off: use SecurityPolicy(trusted_proxies=).",
    ),
    Flag("root_path", "text", "passed", "The path the app is mounted at by a proxy."),
    # With 0 of these every request would be refused, or every process end as it begins.
    Flag(
        "limit_concurrency", "whole", "passed", "Connections and tasks before 503 is answered.", least=1, most=_MILLION
    ),
    Flag(
        "limit_max_requests",
        "whole",
        "passed",
        "Requests before a process ends; a worker is replaced.",
        least=1,
        most=1000 * _MILLION,
    ),
    Flag(
        "limit_max_requests_jitter",
        "whole",
        "passed",
        "Random addition to it, so that workers do not end together.",
        most=1000 * _MILLION,
        always=True,
    ),
    Flag(
        "backlog",
        "whole",
        "passed",
        "Connections the system holds until they are accepted; 2048 unless given.",
        least=1,
        most=65535,
        always=True,
    ),
    Flag("timeout_keep_alive", "whole", "passed", "Seconds an idle connection is kept.", most=3600, always=True),
    Flag("timeout_notify", "whole", "refused", "It belongs to callback_notify: use --ready-file, or systemd."),
    Flag(
        "timeout_graceful_shutdown",
        "whole",
        "passed",
        "Seconds for requests under way at the end; 30 unless given.",
        most=3600,
    ),
    Flag(
        "timeout_worker_healthcheck",
        "whole",
        "refused",
        "Workers are not pinged: each is watched through its process, and restarted when that ends.",
    ),
    Flag("callback_notify", "text", "refused", "It runs in the server's loop: use --ready-file, or systemd."),
    Flag("ssl_keyfile", "text", "refused", "Write --keyfile: the file is checked before it is used."),
    Flag("ssl_certfile", "text", "refused", "Write --certfile: the file is checked before it is used."),
    Flag(
        "ssl_keyfile_password",
        "text",
        "refused",
        "A command line is read by every user of the machine: set ASVS_KEYFILE_PASSWORD in the environment.",
    ),
    Flag("ssl_version", "whole", "refused", f"{_TLS}."),
    Flag("ssl_cert_reqs", "whole", "refused", "Write --client-certificates optional or required."),
    Flag("ssl_ca_certs", "text", "refused", "Write --client-ca: the CAs of your clients."),
    Flag("ssl_ciphers", "text", "refused", f"{_TLS}."),
    Flag("ssl_context_factory", "text", "refused", f"{_TLS}."),
    Flag(
        "headers",
        "texts",
        "refused",
        "It could add a second security header: set fields in the app, or in SecurityPolicy.",
    ),
    Flag("version", "switch", "ours", "`asvs --version`."),
    Flag("app_dir", "text", "ours", "The folder the module is looked for in first."),
    Flag(
        "h11_max_incomplete_event_size",
        "whole",
        "passed",
        "Bytes h11 holds of a request's head.",
        least=1024,
        most=64 * 1024,
    ),
    Flag("reset_contextvars", "switch", "passed", "Each request in a fresh context."),
    Flag("factory", "switch", "ours", "TARGET makes the app."),
)

_BY_NAME: Final = {flag.name: flag for flag in FLAGS}


def passed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that go on to `uvicorn.Config`.

    Args:
        settings: by the names of its arguments.

    Raises:
        ConfigurationError: one is unknown, refused, a choice of ServerPolicy, or beyond its limit.
    """
    return {name: setting for name, setting in settings.items() if _is_passed(name, setting)}


def _is_passed(name: str, setting: Any) -> bool:
    flag = _BY_NAME[known(name, _BY_NAME, where="serve()")]
    if flag.verdict == "ours":
        raise ConfigurationError(
            f"serve({name}=...) is not a setting of uvicorn here.", fix=f"Say it to ServerPolicy or serve(): {flag.why}"
        )
    if flag.verdict == "refused":
        if flag.kept is not None and setting is flag.kept:
            return False
        raise ConfigurationError(f"{name} ({flag.option}) is refused.", fix=flag.why)
    if flag.values and isinstance(setting, str):
        known(setting, flag.values, where=f"{name} ({flag.option})")
    elif flag.values:
        raise ConfigurationError(
            f"{name} ({flag.option}) is a {type(setting).__name__}.", fix=f"Choose from: {', '.join(flag.values)}."
        )
    if flag.kind in {"whole", "number"}:
        _check_number(flag, setting)
    return True


def _check_number(flag: Flag, setting: Any) -> None:
    if setting is None and not flag.always:
        return
    kinds = int if flag.kind == "whole" else (int, float)
    # Not a number, written as one, is below nothing and above nothing.
    if not isinstance(setting, kinds) or isinstance(setting, bool) or not flag.least <= setting <= flag.most:
        raise ConfigurationError(
            f"{flag.name}={setting!r} ({flag.option}) is out of range.", fix=f"Use {flag.least} to {flag.most}."
        )


def options() -> Iterator[tuple[Flag, tuple[str, ...], dict[str, Any]]]:
    """Yield, for each flag the command has no option of its own for, the names and settings of a click option.

    Refused ones are among them, hidden: who comes from uvicorn reads the reason, and not "no such option".
    """
    kinds: dict[Kind, dict[str, Any]] = {
        "whole": {"type": int},
        "number": {"type": float},
        "boolean": {"type": bool},
        "switch": {},
        "text": {"type": str},
        "texts": {"type": str},
    }
    for flag in FLAGS:
        if flag.verdict == "ours" or flag.name in {"callback_notify", "ssl_context_factory", "timeout_notify"}:
            continue
        names = f"{flag.option}/--no-{flag.option[2:]}" if flag.kind == "switch" else flag.option
        limits = f" {', '.join(flag.values)}." if flag.values else ""
        settings = {**kinds[flag.kind], "default": None, "hidden": flag.verdict == "refused"}
        yield flag, (names, flag.name), {**settings, "help": f"{flag.why}{limits}"}


def as_options(option: Callable[..., Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Return a decorator that gives a click command the options of uvicorn.

    Args:
        option: `click.option`.
    """

    def decorate(command: Any) -> Any:
        for _, names, settings in reversed(list(options())):
            command = option(*names, **settings)(command)
        return command

    return decorate
