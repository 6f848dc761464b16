"""The command `asvs`. Each command imports its room when it runs.

Exit codes: 0 done; 1 something was found (`asvs routes`); 2 something given is not right: one line on stderr says what,
and what to write instead. What the user's own module raises while it is imported keeps its traceback, and the exit code
Python gives it, 1.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shlex import quote
from typing import IO, Any, Final

import click

from . import __version__
from .errors import ConfigurationError
from .server import bounds, flags

ARGUMENTS: Final = "asvs_middleware.arguments"


def _octal(_ctx: click.Context, _parameter: click.Parameter, mode: str) -> int:
    if re.fullmatch("[0-7]{3,4}", mode):  # int() would also read 6_60, 0o660, spaces and other scripts' digits.
        return int(mode, 8)
    raise click.BadParameter(f"{mode!r} is no mode such as 660.")


class _Option(click.Option):
    """An option that reads a number as people write one; int() takes 1_0, -0, spaces and the digits of every script."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the value. What is given as a number's text and is none, is refused here, before int() reads it."""
        if isinstance(value, str) and isinstance(self.type, _NUMBERS) and not _PLAIN.fullmatch(value):
            raise click.BadParameter(f"{value!r} is no number such as 5.", ctx, self)
        return super().type_cast_value(ctx, value)


_NUMBERS: Final = (type(click.INT), type(click.FLOAT))
_PLAIN: Final = re.compile(r"0|-?[1-9][0-9]*|-?[0-9]*\.[0-9]+")
_option: Final = partial(click.option, cls=_Option)


class NotRight(click.ClickException):
    """Something given is not right: one line on stderr, without a traceback."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"asvs: {' '.join(self.message.split())}", file=file, err=True)


class OneLine(click.Group):
    """Commands whose failures are one line, be it their arguments or what they name."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        """Read the arguments in front of the command; all of them are kept, to tell a program from a call."""
        given = list(args)
        with _in_one_line():
            context = super().make_context(info_name, args, *rest, **extra)
        context.meta[ARGUMENTS] = given
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Read the arguments of the command, and run it."""
        with _in_one_line():
            return super().invoke(ctx)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise NotRight(str(error)) from error
    except click.UsageError as error:
        command = "asvs" if error.ctx is None else error.ctx.command_path
        raise NotRight(f"{error.format_message()} See {command} --help.") from error


@click.group(cls=OneLine, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Communication security for ASGI apps, tied to OWASP ASVS."""


@main.command()
@click.argument("target", required=False)
@click.option("--app-dir", default=".", show_default=True, help="Folder TARGET's module is looked for in first.")
@click.option("--factory", is_flag=True, help="TARGET is a function that makes the app.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name to listen on.")
@_option("--port", type=int, default=8443, show_default=True, help="Port for TLS; 0 takes any that is free.")
@click.option("--certfile", help="PEM: the server's certificate, then the intermediate ones; only --uds needs none.")
@click.option("--keyfile", help="PEM; ASVS_KEYFILE_PASSWORD holds its password, if it has one.")
@click.option("--keyfile-password-file", help="A file with the password of the keys, in one line.")
@click.option(
    "--other-certificate",
    "other_certificates",
    nargs=2,
    multiple=True,
    metavar="CERTFILE KEYFILE",
    help="A further pair with another kind of key: RSA beside ECDSA.",
)
@click.option("--client-ca", help="PEM: the CAs whose client certificates are accepted.")
@click.option(
    "--client-certificates",
    type=click.Choice(["optional", "required"]),
    default="optional",
    show_default=True,
    help="Whether the routes decide, or nobody else connects.",
)
@_option("--redirect-port", type=int, help="Port for plaintext: redirects pages, answers probes, refuses the rest.")
@_option("--public-port", type=int, help="The TLS port clients see, if it is not --port.")
@click.option("--profile", default="intermediate-6.0", show_default=True, help="TLS guideline to follow.")
@click.option("--profile-file", help="A file with its name in one line, read again when it has changed.")
@click.option("--http2", is_flag=True, help="Offer HTTP/2 as well; needs zttp.")
@_option(
    "--reload-every",
    type=click.IntRange(0, 3600),
    callback=bounds.seconds,
    default=5,
    show_default=True,
    help="Seconds between two looks whether a certificate, key, list or profile has changed; 0 waits for SIGHUP.",
)
@_option(
    "--workers", type=int, default=1, show_default=True, envvar="WEB_CONCURRENCY", help="How many processes serve."
)
@click.option("--uds", help="A unix socket in place of the ports, for a proxy on this machine.")
@click.option("--uds-mode", callback=_octal, default="660", show_default=True, help="Its permissions, in octal.")
@click.option("--ready-file", help="A file that is there while the app is up.")
@click.option("--ready-path", help="A path of the plaintext port: 200 while the app is up, 503 before it stops.")
@_option(
    "--drain",
    type=click.FloatRange(0, 300),
    callback=bounds.seconds,
    default=0.0,
    show_default=True,
    help="Seconds requests are still taken once it is no more ready.",
)
@click.option("--log-level", default="info", show_default=True, help="critical, error, warning, info or debug.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How security events are written to stderr.",
)
@bounds.as_options(_option)
@flags.as_options(_option)
@click.pass_context
def serve(
    ctx: click.Context, /, target: str | None, app_dir: str, factory: bool, log_format: Any, **choices: Any
) -> None:
    """Serve TARGET (module:attribute) over hardened TLS.

    Without TARGET it is the entrypoint that pyproject.toml names for FastAPI.
    """
    from .server import Admission, Deadlines, HeadLimits, ServerPolicy
    from .server.processes.again import started_again
    from .server.processes.hangup import passed_over
    from .server.target import entrypoint, load_app

    of_uvicorn = [flag.name for flag in flags.FLAGS if flag.name in choices and flag.verdict != "ours"]
    given = {name: choices.pop(name) for name in of_uvicorn}
    settings = flags.passed({name: setting for name, setting in given.items() if setting not in (None, ())})
    target = target or entrypoint()
    for name in ("certfile", "keyfile"):
        if choices[name] is None and choices["uds"] is None:
            raise click.UsageError(f"Missing option '--{name}'.", ctx)
    policy = ServerPolicy(
        keyfile_password=os.environ.get("ASVS_KEYFILE_PASSWORD"),
        **bounds.bounded(choices, admission=Admission, deadlines=Deadlines, head_limits=HeadLimits),
        **choices,
    )
    where: dict[str, Any] = {"app_dir": app_dir, "factory": factory}
    with passed_over():
        if policy.workers == 1:
            started_again(policy, as_program=ctx.find_root().meta[ARGUMENTS] == sys.argv[1:])

        # uvicorn is slow to load: not in a process that is about to be replaced.
        from .server.launcher import serve as serve_app
        from .server.logs import events_on_stderr

        if policy.workers > 1:
            serve_app(target, policy, log_format=log_format, **where, **settings)
        else:
            with events_on_stderr(level=policy.log_level, log_format=log_format):
                serve_app(load_app(target, **where), policy, **settings)


@main.command()
@click.argument("target")
@click.option("--app-dir", default=".", show_default=True, help="Folder TARGET's module is looked for in first.")
@click.option("--factory", is_flag=True, help="TARGET is a function that makes the app.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "md"]),
    default="text",
    show_default=True,
    help="A table, JSON, or a Markdown table.",
)
@click.pass_context
def routes(ctx: click.Context, target: str, app_dir: str, factory: bool, style: Any) -> None:
    """Print what guards each route of TARGET; exit with 1 if one of them would stop the start-up."""
    from .access import rendered
    from .middleware import waivers_of
    from .server.target import load_app
    from .stack import stack_of

    stack = stack_of(load_app(target, app_dir=app_dir, factory=factory))
    entries = stack.entries()
    click.echo(rendered(entries, style, waived=lambda entry: waivers_of(entry, stack.headers, stack.app)))
    ctx.exit(1 if any(entry.problem for entry in entries) else 0)


@main.command()
@click.argument("names", nargs=-1)
@click.option("--out", required=True, help="Folder to write to; made if missing.")
@click.option("--force", is_flag=True, help="Replace what an earlier run wrote.")
def certs(names: tuple[str, ...], out: str, force: bool) -> None:
    """Write a PKI for development: CAs, a server for NAMES, a client, a revocation list."""
    from .server.pki import write_development_pki

    if not out:  # A path without a name is the current folder: a script's empty variable would fill it with keys.
        raise ConfigurationError("--out is empty.", fix='Name a folder; "." is the current one.')
    for path in write_development_pki(out, names, at=datetime.now(UTC), force=force):
        click.echo(f"Wrote {path}")
    files = {name: quote(str(Path(out) / name)) for name in ("server.pem", "server.key", "clients-ca.pem")}
    click.echo(
        f"Next: asvs serve main:app --certfile {files['server.pem']} --keyfile {files['server.key']} "
        f"--client-ca {files['clients-ca.pem']}"
    )
