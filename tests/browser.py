"""A headless Chromium driven over its DevTools protocol, for tests of the page."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0"),
    "--disable-dev-shm-usage",
)
KEYS = {"Tab": 9, "Enter": 13, "ArrowRight": 39, "ArrowLeft": 37, " ": 32}
WAIT_S = 60.0


def browser_path() -> str | None:
    """The browser of this machine, if it has one."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


class Tab:
    """One page of the browser."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command; what happened meanwhile is kept in ``events``."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=WAIT_S))
            if message.get("id") == self._number:
                assert "error" not in message, (method, message["error"])
                return dict(message["result"])
            self.events.append(message)

    def run(self, script: str) -> Any:
        """The value of an expression of the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait until an expression is true."""
        deadline = time.monotonic() + WAIT_S
        while True:
            value = self.run(f"document.readyState === 'complete' && !!({script})")
            if value:
                return value
            assert time.monotonic() < deadline, (
                f"{script} never held: {self.run('document.body.innerText')[:2000]}"
            )
            time.sleep(0.05)

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)
        self.until("true")

    def size(self, width: int, height: int, phone: bool = False) -> None:
        """The size of the screen in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )

    def key(self, name: str, text: str = "") -> None:
        """Press and release a key."""
        code = KEYS.get(name, 0)
        facts: dict[str, Any] = {"key": name, "code": name, "windowsVirtualKeyCode": code}
        typed = {"Enter": "\r", " ": " "}.get(name, text)
        self.call("Input.dispatchKeyEvent", type="keyDown", **facts, **({"text": typed} if typed else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **facts)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.call("Input.insertText", text=text)

    def screenshot(self, path: Path) -> None:
        """Keep what is seen as a PNG file."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def tree(self) -> list[dict[str, Any]]:
        """What a screen reader is told: role and name of every element that is not ignored."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": n.get("role", {}).get("value"),
                "name": n.get("name", {}).get("value", ""),
                **{p["name"]: p["value"].get("value") for p in n.get("properties", ())},
            }
            for n in nodes
            if not n.get("ignored")
        ]

    def complaints(self) -> list[str]:
        """Exceptions, errors of the console, and requests to anything but the page's own server."""
        found = []
        for event in self.events:
            method, facts = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(facts)[:500])
            if method == "Log.entryAdded" and facts["entry"]["level"] == "error":
                found.append(str(facts["entry"].get("text")) + str(facts["entry"].get("url", "")))
            if method == "Network.requestWillBeSent":
                address = facts["request"]["url"]
                if not address.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "blob:")):
                    found.append(f"asked for {address}")
        return found


@contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """A tab of a new browser, with its profile in ``folder``."""
    from websockets.sync.client import connect

    path = browser_path()
    assert path is not None
    profile = folder / "profile"
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"], stderr=log, stdout=log
        )
    try:
        port = profile / "DevToolsActivePort"
        deadline = time.monotonic() + WAIT_S
        while not (port.is_file() and len(port.read_text().split()) == 2):
            assert time.monotonic() < deadline and process.poll() is None, (
                folder / "browser.log"
            ).read_text()
            time.sleep(0.05)
        number = port.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{number}/json/list", timeout=WAIT_S) as answer:
            page = next(t for t in json.load(answer) if t["type"] == "page")
        with connect(page["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Tab(socket)
    finally:
        process.terminate()
        process.wait(timeout=20)
