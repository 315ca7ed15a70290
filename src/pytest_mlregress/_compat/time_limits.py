"""Private parts of pytest-timeout."""

from __future__ import annotations

import re
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest

_SIGNAL: Final = re.compile(r"(?:Failed: )?Timeout \(>(\d+(?:\.\d+)?)s\) from pytest-timeout\b")
_TEXT: Final = "Timeout (>{}s) from pytest-timeout."


def time_limit_in(message: str) -> float | None:
    """The seconds after which pytest-timeout failed a test, None where something else did.

    ``PYTEST_FAILURE_MESSAGE``, pytest-timeout 2.1 to 2.4.
    """
    found = _SIGNAL.match(message)
    return float(found[1]) if found is not None else None


def end_after_report(item: pytest.Item, settings: Any, report: Callable[[str], None]) -> bool:
    """Where a time limit is to end the whole process, have it report that first.

    ``pytest_timeout_set_timer`` with ``method=thread``, which calls ``timeout_timer``, and
    ``is_debugging``, pytest-timeout 2.1 to 2.4. False where the limit works otherwise.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if settings.method != "thread" and in_main_thread:
        return False
    main = threading.get_ident()

    def end() -> None:
        import pytest_timeout  # type: ignore[import-untyped]

        checked = not getattr(settings, "disable_debugger_detection", False)
        if checked and pytest_timeout.is_debugging():
            return
        try:
            with suppress(Exception):
                report(f"{_TEXT.format(settings.timeout)}\n\n{_stack(main, item)}")
        finally:
            pytest_timeout.timeout_timer(item, settings)

    timer = threading.Timer(settings.timeout, end)
    timer.name = f"pytest_timeout {item.nodeid}"
    timer.daemon = True

    def cancel() -> None:
        timer.cancel()
        timer.join()

    item.cancel_timeout = cancel  # type: ignore[attr-defined]
    timer.start()
    return True


def captured_so_far(config: pytest.Config) -> list[tuple[str, str]]:
    """What a test that is still running has printed, as sections of a report.

    ``CaptureManager.suspend_global_capture`` and ``read_global_capture``, pytest 8.0 to 9.2.
    """
    manager: Any = config.pluginmanager.getplugin("capturemanager")
    if manager is None:
        return []
    manager.suspend_global_capture(in_=True)
    texts = zip(("stdout", "stderr"), manager.read_global_capture(), strict=True)
    return [(f"Captured {name} call", text) for name, text in texts if text]


def _stack(thread: int, item: pytest.Item) -> str:
    """Where a thread is, from the function of the test on."""
    frames = traceback.extract_stack(sys._current_frames().get(thread))
    own = [number for number, frame in enumerate(frames) if frame.filename == str(item.path)]
    return "".join(traceback.format_list(frames[own[0] :] if own else frames)).rstrip()
