"""Run the example: start everything, take the tour, stop everything; or keep it running with --serve."""

import signal
import time

import click

from .processes import everything_running
from .settings import Settings
from .tour import take_tour


@click.command()
@click.option("--serve", is_flag=True, help="Keep everything running and print commands to try.")
def main(serve: bool) -> None:
    """Start the payments service, its issuer and its partner over TLS on loopback, and take the tour."""
    began = time.monotonic()
    # A plain `kill` has to stop the services too.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: (_ for _ in ()).throw(KeyboardInterrupt))
    try:
        with everything_running() as settings:
            print(f"Three services answer over TLS after {time.monotonic() - began:.1f} s.\n", flush=True)
            if serve:
                _serve(settings)
            else:
                _tour(settings, began)
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)


def _tour(settings: Settings, began: float) -> None:
    outcomes = take_tour(settings)
    different = [outcome for outcome in outcomes if not outcome.as_expected]
    print(f"\n{len(outcomes) - len(different)} of {len(outcomes)} as expected, in {time.monotonic() - began:.1f} s.")
    if different:
        print("Different: " + "; ".join(outcome.step.name for outcome in different))
        raise SystemExit(1)


def _serve(settings: Settings) -> None:
    ca = f"--cacert {settings.file('ca.pem')}"
    customer, batch = (f"--cert {settings.file(n)}.pem --key {settings.file(n)}.key" for n in ("customer", "batch"))
    grant = "-d grant_type=client_credentials -d scope"
    secret = f"-d client_secret={settings.client_secret}"
    field = "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])'"
    payment = """-H 'Content-Type: application/json' -d '{"amount": 4200, "currency": "EUR"}'"""
    bearer = '-H "Authorization: Bearer'
    lines = (
        f"curl {ca} {settings.payments}/health",
        f"curl {ca} -i {settings.payments}/",
        f"curl -i http://localhost:{settings.plaintext_port}/orders",
        f"curl -i -H 'Accept: text/html' http://localhost:{settings.plaintext_port}/",
        f"curl {ca} {batch} -X POST {settings.payments}/batch",
        f"TOKEN=$(curl -s {ca} {grant}=orders:read {secret} {settings.issuer}/token | {field})",
        f'curl {ca} {bearer} $TOKEN" {settings.payments}/orders',
        f"BOUND=$(curl -s {ca} {customer} {grant}=payments:write {settings.issuer}/mtls/token | {field})",
        f'curl {ca} {customer} {bearer} $BOUND" {payment} {settings.payments}/payments',
    )
    print("Try these in another terminal:\n")
    print("\n".join(lines))
    print(f"\nThe documentation is at {settings.payments}/docs (the browser has to trust ca.pem).")
    print("Ctrl-C stops everything.", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(prog_name="./example_app/run")
