"""One headless Chromium, driven over its DevTools protocol."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)  # fmt: skip
PATIENCE = 15.0  # Seconds; a page here is there in a fraction of one.


class Tab:
    """One page, and everything the browser said about it since it was opened."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._asked = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call the browser, and keep the events that come before its answer."""
        self._asked += 1
        self._connection.send(json.dumps({"id": self._asked, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=PATIENCE))
            if message.get("id") == self._asked:
                assert "error" not in message, message
                return dict(message["result"])
            self.events.append(message)

    def open(self, url: str) -> None:
        """Go to a URL and wait until the page and all it loads are there."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.wait("Page.loadEventFired")
        self.settle()

    def wait(self, method: str) -> dict[str, Any]:
        """Wait for an event, which may have come already."""
        deadline = time.monotonic() + PATIENCE
        while not (found := self.seen(method)):
            assert time.monotonic() < deadline, f"{method} did not come"
            self.events.append(json.loads(self._connection.recv(timeout=PATIENCE)))
        return found[0]

    def settle(self, seconds: float = 0.3) -> None:
        """Take in what still comes, until nothing has come for a moment."""
        while True:
            try:
                message = json.loads(self._connection.recv(timeout=seconds))
            except TimeoutError:
                return
            self.events.append(message)

    def seen(self, method: str) -> list[dict[str, Any]]:
        """Return what the events of one kind said."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def js(self, expression: str) -> Any:
        """Evaluate an expression as the person at the console would, and return its value; promises are awaited."""
        options = {"returnByValue": True, "awaitPromise": True, "userGesture": True}
        answer = self.call("Runtime.evaluate", expression=expression, **options)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    @property
    def errors(self) -> list[str]:
        """What the console shows as an error: of the page's scripts, of the policies, of the network."""
        logged = [one["entry"]["text"] for one in self.seen("Log.entryAdded") if one["entry"]["level"] == "error"]
        printed = [
            str(one["args"][0].get("value", ""))
            for one in self.seen("Runtime.consoleAPICalled")
            if one["type"] in {"error", "assert"} and one["args"]
        ]
        thrown = [one["exceptionDetails"]["text"] for one in self.seen("Runtime.exceptionThrown")]
        return logged + printed + thrown

    @property
    def requests(self) -> list[str]:
        """Every URL that was asked for, in order."""
        return [one["request"]["url"] for one in self.seen("Network.requestWillBeSent")]


class Browser:
    """A running Chromium."""

    def __init__(self, address: str) -> None:
        self._address = address

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """A new tab, closed at the end; cookies and known hosts are those of the whole browser."""
        target = httpx.put(f"http://{self._address}/json/new", trust_env=False).json()
        with connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None) as connection:
            yield Tab(connection)
        httpx.get(f"http://{self._address}/json/close/{target['id']}", trust_env=False)


@contextmanager
def chromium(profile: Path, *, spki: str, addresses: Mapping[str, str]) -> Iterator[Browser]:
    """Start Chromium with a profile of its own.

    Args:
        profile: an empty folder.
        spki: SHA-256 of the one key whose certificate is believed, as --ignore-certificate-errors-spki-list takes it.
        addresses: which `address:port` stands behind `name` or `name:port`; no other name is found.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    rules = [f"MAP {name} {address}" for name, address in addresses.items()]
    options = [
        f"--user-data-dir={profile}",
        f"--ignore-certificate-errors-spki-list={spki}",
        f"--host-resolver-rules={', '.join([*rules, 'MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'])}",
    ]
    with subprocess.Popen(
        [program, *QUIET, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield Browser(f"127.0.0.1:{_port(profile / 'DevToolsActivePort', process)}")
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _port(told: Path, process: "subprocess.Popen[bytes]") -> int:
    """Read the port the browser chose, once it has written it down."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if told.is_file() and (lines := told.read_text(encoding="ascii").splitlines()):
            return int(lines[0])
        time.sleep(0.05)
    raise AssertionError("chromium did not start")
