"""A real Chromium without a screen, driven over its own DevTools protocol: all that the tests of the pages need of a browser.

It is whatever Chromium or Chrome is on PATH, or the one that CHROMIUM names. As a program this file prints which that is, and
fails where there is none.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ABSENT = "no Chromium is on PATH: `make browser` installs Debian's chromium-headless-shell, or name one in CHROMIUM"

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
"""How it starts as root in a container, and without asking its maker for anything."""

SECONDS = 60


def found() -> str | None:
    """The Chromium of this machine, if there is one."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One tab. What its page does is kept: requests, messages on the console, errors."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._loaded = False
        context = self("Target.createBrowserContext")["browserContextId"]
        target = self("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser for something, and wait for its answer."""
        number = next(self._ids)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": self._session} if self._session else {})))
        while (answer := self._receive()).get("id") != number:
            pass
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=SECONDS))
        told = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(told["exceptionDetails"]["text"])
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(told["args"]))
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])
            case "Page.javascriptDialogOpening":
                self.complaints.append(f"a dialog: {told['message']}")
                raise AssertionError(self.complaints)
            case "Page.loadEventFired":
                self._loaded = True
        return message

    def open(self, url: str) -> None:
        """Go to a page, and wait until all of it is there."""
        self._wait_for_load(lambda: self("Page.navigate", url=url))

    def click(self, selector: str) -> None:
        """Click an element with the mouse, and wait for the page that it leads to."""
        self.run(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
        x, y = self.middle(selector)
        self._wait_for_load(lambda: [self.mouse(kind, x, y) for kind in ("mousePressed", "mouseReleased")])

    def _wait_for_load(self, begin: Any) -> None:
        self._loaded = False
        begin()
        while not self._loaded:
            self._receive()

    def run(self, script: str) -> Any:
        """The value of an expression on the page."""
        told = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that match."""
        found: list[str] = self.run(f"[...document.querySelectorAll({selector!r})].map(one => one.textContent.trim())")
        return found

    def middle(self, selector: str) -> tuple[float, float]:
        """Where the middle of an element is seen."""
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        x, y, width, height = self.run(f"(box => [box.x, box.y, box.width, box.height])({box})")
        return x + width / 2, y + height / 2

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Move the mouse, press it, or let it go."""
        button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        self("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def resize(self, width: int, height: int = 900, *, phone: bool = False) -> None:
        """Give the window a size."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def prefer(self, scheme: str) -> None:
        """Prefer light or dark."""
        self("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def speak(self, languages: str) -> None:
        """Prefer these languages."""
        self("Network.setExtraHTTPHeaders", headers={"Accept-Language": languages})

    def picture(self, path: Path) -> None:
        """Save what is seen."""
        path.write_bytes(base64.b64decode(self("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browsing(program: str) -> Iterator[Tab]:
    """Start a browser with nothing in it, open a tab, and end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as directory:
        errors = Path(directory) / "stderr"
        with errors.open("wb") as log:
            browser = subprocess.Popen(
                [program, *FLAGS, f"--user-data-dir={directory}/data"],
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        try:
            with connect(_address(browser, errors), max_size=None) as socket:
                yield Tab(socket)
        finally:
            os.killpg(browser.pid, signal.SIGKILL)  # the program may be a script that starts the browser proper
            browser.wait(SECONDS)


def _address(browser: subprocess.Popen[bytes], errors: Path) -> str:
    """Where the browser listens, which it says when it does."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and browser.poll() is None:
        if match := re.search(r"DevTools listening on (ws://\S+)", errors.read_text("utf-8", "replace")):
            return match[1]
        time.sleep(0.05)
    raise AssertionError(f"the browser did not start: {errors.read_text('utf-8', 'replace')[-2000:]}")


if __name__ == "__main__":
    program = found()
    if program is None:
        sys.exit(ABSENT)
    print(program)
