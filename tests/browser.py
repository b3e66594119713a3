"""A real browser for tests: Chromium without a window, spoken to by the W3C's WebDriver protocol through its own driver.

Both come from Debian (`chromium`, `chromium-driver`). The protocol is a dozen JSON requests to this machine. Selenium would
do as well, but brings ten packages, one of which (trio) makes Hypothesis warn, and warnings are errors here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REQUIRED = "SEMPHASE_BROWSER"
"""The variable which, if it says "required", makes the lack of a browser an error instead of a skip."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVER = "chromedriver"
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
)  # fmt: skip
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"


class Browser:
    """One window: what a reader does in it, and what it says."""

    def __init__(self, address: str, session: str) -> None:
        self._place = f"{address}/session/{session}"

    def open(self, page: Path) -> None:
        """Load a file afresh, and forget what was logged before."""
        self._ask("/url", url="about:blank")
        self.console()
        self.requests()
        self._ask("/url", url=page.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """What the body of a function returns in the page; a promise is waited for."""
        return self._ask("/execute/sync", script=script, args=list(arguments))

    def press(self, keys: Sequence[str]) -> None:
        """Press and let go of one key after the other."""
        told = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("/actions", actions=[{"type": "key", "id": "keyboard", "actions": told}])

    def size(self, width: int, height: int = 900) -> None:
        """The size of the page in pixels, below what a window may have."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def medium(self, medium: str = "", scheme: str = "light") -> None:
        """Show the page as on a "print" medium, or on the screen in light or dark colours."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", media=medium, features=features)

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self._ask("/goog/cdp/execute", cmd=name, params=parameters)

    def console(self) -> list[str]:
        """Errors and warnings since they were asked for: of scripts, of the content security policy, of loading."""
        return [own["message"] for own in self._ask("/se/log", type="browser")]

    def requests(self) -> list[str]:
        """Addresses that the page asked for since they were asked for, but for data in its own text."""
        logged = [json.loads(own["message"])["message"] for own in self._ask("/se/log", type="performance")]
        sent = [own["params"]["request"]["url"] for own in logged if own["method"] == "Network.requestWillBeSent"]
        return [address for address in sent if address != "about:blank" and not address.startswith("data:")]

    def screenshot(self) -> str:
        """What is in the window, a PNG in base64."""
        found: str = self.command("Page.captureScreenshot")["data"]
        return found

    def _ask(self, path: str, **body: Any) -> Any:
        return ask(f"{self._place}{path}", body)


def found() -> tuple[str, str]:
    """The browser and its driver; the test is skipped where one is not installed, or fails where it is required."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which(DRIVER)
    if browser is not None and driver is not None:
        return browser, driver
    lack = "no Chromium with its driver: apt-get install chromium chromium-driver"
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{lack} ({REQUIRED}=required)")
    pytest.skip(lack)


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser that is closed at the end."""
    binary, driver = found()
    with subprocess.Popen(
        [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            address = f"http://127.0.0.1:{_port(process)}"
            options = {"binary": binary, "args": list(QUIET)}
            wanted = {
                "browserName": "chrome",
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }
            session = ask(f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            yield Browser(address, session)
            ask(f"{address}/session/{session}", None, "DELETE")
        finally:
            process.terminate()


def ask(address: str, body: dict[str, Any] | None, method: str = "POST") -> Any:
    """The value of a driver's answer; AssertionError with what it said where it refuses."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise AssertionError(json.load(refusal)["value"]["message"]) from None


def _port(process: subprocess.Popen[str]) -> int:
    """The port that the driver took: it says so."""
    assert process.stdout is not None
    for line in process.stdout:
        if "started successfully on port" in line:
            return int(line.rstrip(".\n").rpartition(" ")[2])
    raise AssertionError("the driver did not start")
