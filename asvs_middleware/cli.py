"""The command `asvs`. Each command imports its room when it runs.

Exit codes: 0 done, 2 something given is not right: one line on stderr says what, and what to write instead.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

import click

from . import __version__
from .errors import ConfigurationError


class OneLine(click.Group):
    """Commands whose failures are one line on stderr, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (ConfigurationError, OSError) as error:
            click.echo(f"{ctx.info_name}: {' '.join(str(error).split())}", err=True)
            ctx.exit(2)


@click.group(cls=OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Communication security for ASGI apps, tied to OWASP ASVS."""


@main.command()
@click.argument("target")
@click.option("--app-dir", default=".", show_default=True, help="Folder TARGET's module is looked for in first.")
@click.option("--factory", is_flag=True, help="TARGET is a function that makes the app.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name to listen on.")
@click.option("--port", type=int, default=8443, show_default=True, help="Port for TLS; 0 takes any that is free.")
@click.option("--certfile", required=True, help="PEM: the server's certificate, then the intermediate ones.")
@click.option("--keyfile", required=True, help="PEM; ASVS_KEYFILE_PASSWORD holds its password, if it has one.")
@click.option("--client-ca", help="PEM: the CAs whose client certificates are accepted.")
@click.option(
    "--client-certificates",
    type=click.Choice(["optional", "required"]),
    default="optional",
    show_default=True,
    help="Whether the routes decide, or nobody else connects.",
)
@click.option("--redirect-port", type=int, help="Port for plaintext: pages are redirected, all else is refused.")
@click.option("--public-port", type=int, help="The TLS port clients see, if it is not --port.")
@click.option("--profile", default="intermediate-6.0", show_default=True, help="TLS guideline to follow.")
@click.option("--log-level", default="info", show_default=True, help="critical, error, warning, info or debug.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How security events are written to stderr.",
)
def serve(target: str, app_dir: str, factory: bool, log_format: Any, **choices: Any) -> None:
    """Serve TARGET (module:attribute) over hardened TLS."""
    from .server.launcher import serve as serve_app
    from .server.logs import events_on_stderr
    from .server.policy import ServerPolicy
    from .server.target import load_app

    policy = ServerPolicy(keyfile_password=os.environ.get("ASVS_KEYFILE_PASSWORD"), **choices)
    with events_on_stderr(level=policy.log_level, log_format=log_format):
        serve_app(load_app(target, app_dir=app_dir, factory=factory), policy)


@main.command()
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to; made if missing.")
@click.option("--force", is_flag=True, help="Replace what an earlier run wrote.")
def certs(names: tuple[str, ...], out: Path, force: bool) -> None:
    """Write a PKI for development: CAs, a server for NAMES, a client, a revocation list."""
    from .server.pki import write_development_pki

    for path in write_development_pki(out, names, at=datetime.now(UTC), force=force):
        click.echo(f"Wrote {path}")
    files = {name: quote(str(out / name)) for name in ("server.pem", "server.key", "clients-ca.pem")}
    click.echo(
        f"Next: asvs serve main:app --certfile {files['server.pem']} --keyfile {files['server.key']} "
        f"--client-ca {files['clients-ca.pem']}"
    )
