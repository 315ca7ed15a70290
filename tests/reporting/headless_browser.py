"""A page in headless Chromium, driven through its DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

CHROMIUM: Final = shutil.which("chromium") or shutil.which("google-chrome")

_FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--remote-debugging-pipe"),
)
_TIMEOUT_S: Final = 60
_WITH_PIPES: Final = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, number in zip(ends, (3, 4)):
    os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands at 3 and writes to 4, which may be other files of this process."""

_KEYS: Final = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36}
_TYPED: Final = {"Enter": "\r"}


class HeadlessBrowser:
    """One page, whose errors are kept in ``errors``."""

    def __init__(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        assert CHROMIUM is not None
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        read_end, self._write_end = os.pipe()
        self._read_end, write_end = os.pipe()
        flags = [*_FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WITH_PIPES, str(read_end), str(write_end), CHROMIUM, *flags],
            pass_fds=(read_end, write_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_end)
        os.close(write_end)
        self._buffer = b""
        self._numbers = itertools.count(1)
        self._session = ""
        self._loaded = False
        self.errors: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        os.close(self._write_end)
        os.close(self._read_end)
        self._profile.cleanup()

    def open(self, path: Path, anchor: str = "") -> None:
        """Wait until the file is loaded and its script has run."""
        self._loaded = False
        answer = self.send("Page.navigate", url=path.as_uri() + anchor)
        while "loaderId" in answer and not self._loaded:  # none within the same page
            self._next()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command, and its answer."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write_end, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            pass
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page; promises are waited for."""
        found = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def type(self, text: str) -> None:
        """Into the element that has the focus, key by key."""
        for character in text:
            self.send("Input.dispatchKeyEvent", type="char", text=character)

    def press(self, key: str, *, shift: bool = False) -> None:
        """One key by its name, such as ``Tab``, or a character."""
        code = _KEYS.get(key, ord(key[0].upper()))
        text = key if len(key) == 1 else _TYPED.get(key)
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        for kind in (down, {"type": "keyUp"}):
            self.send(
                "Input.dispatchKeyEvent",
                **kind,
                key=key,
                windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0,
            )

    def mouse(self, kind: str, x: float, y: float, **fields: Any) -> None:
        """``mouseMoved``, ``mousePressed``, ``mouseReleased`` or ``mouseWheel`` in the window."""
        pressed = {"button": "left", "clickCount": 1} if kind != "mouseWheel" else {}
        if kind == "mouseMoved":
            pressed = {"buttons": 0}
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **(pressed | fields))

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """The page as a PNG."""
        data = self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def _next(self) -> dict[str, Any]:
        """The next message; events are noted."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read_end], [], [], _TIMEOUT_S)
            assert ready, f"the browser said nothing for {_TIMEOUT_S} s"
            read = os.read(self._read_end, 1 << 16)
            assert read, "the browser has ended"
            self._buffer += read
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            thrown = details.get("exception", {})
            self.errors.append(thrown.get("description", details["text"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])
        return message
