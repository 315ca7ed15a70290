"""The live display on a real pseudo-terminal, as a person sees it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from training_suite import Suite

pytest.importorskip("pty", reason="no pseudo-terminals here")
from terminal_screen import Watched, watch

SLOW = """
    import os
    import random
    import time

    import pytest


    def test_before():
        pass


    @pytest.mark.seeds(3)
    def test_slow(mlregress):
        for step in range(int(os.environ.get("STEPS", "12"))):
            time.sleep(0.05)
            mlregress.log(step, {"train/loss": 1.0 / (step + 1)})
        mlregress.record("accuracy", random.gauss(0.9, 0.01), higher_is_better=True, margin=0.05)
"""
PLUGINS = "-p pytest_mlregress.plugin -p xdist"
LONG = SLOW.replace('"12"', '"4000"')


@pytest.fixture
def slow(suite: Suite) -> Suite:
    suite.configure(baseline_seeds=6)
    suite.write(SLOW, "test_slow.py")
    suite.record(STEPS="1")
    return suite


def terminal(suite: Suite, *arguments: str, **more: object) -> Watched:
    folder = suite.path / "temporary"
    folder.mkdir(exist_ok=True)
    variables = {name: value for name, value in os.environ.items() if name not in ("CI", "COLUMNS")}
    variables |= {"TERM": "xterm-256color", "TMPDIR": str(folder)}
    variables |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": PLUGINS}
    command = [sys.executable, "-m", "pytest", f"--basetemp={suite.path / 'base'}", *arguments]
    return watch(command, suite.path, variables, **more)  # type: ignore[arg-type]


def left_behind(suite: Suite) -> list[str]:
    return [path.name for path in Path(suite.path / "temporary").glob("pytest-mlregress-*")]


def test_it_shows_the_run_the_seeds_and_the_tests_and_goes_away(
    slow: Suite, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPS", "30")  # beside a training it is drawn once a second
    seen = terminal(slow, workers, "--mlregress-stop=never")
    assert seen.status == 0
    assert seen.saw("mlregress: ", " of 3 seeds, about ", " left (", " so far)")
    worker = "gw" if workers == "-n2" else ""
    assert seen.saw(f"  {worker}", "test_slow  seed ", "step ", "train/loss ", " s")
    assert seen.saw("  test_slow  ", "/3 seeds  accuracy ", " (margin 0.05)")
    text = "\n".join(seen.last)
    assert " so far)" not in text
    assert "seed 0" not in text
    dots = "test_slow.py ....." if workers == "-n0" else "....."
    (line,) = [line for line in seen.last if line.endswith("[100%]")]
    assert line.split() == [*dots.split(), "[100%]"]
    assert "mlregress: costs about " in text
    assert not seen.hidden
    assert left_behind(slow) == []


@pytest.mark.slow
def test_verbose_lines_stay_whole(slow: Suite) -> None:
    seen = terminal(slow, "-n0", "-v", "--mlregress-stop=never")
    assert seen.saw(" so far)")
    lines = [line for line in seen.last if line.startswith("test_slow.py::test_slow[seed")]
    assert len(lines) == 3
    assert all(" SEED accuracy 0." in line and line.endswith("%]") for line in lines)


def test_ctrl_c_leaves_a_clean_terminal_and_no_files(slow: Suite, workers: str) -> None:
    slow.write(LONG, "test_slow.py")

    def trains(lines: list[str]) -> bool:
        # Not at the first steps, where modules are imported: one that is cut there stays broken.
        return any(re.search(r"step \d\d+ .*train/loss", line) is not None for line in lines)

    seen = terminal(slow, workers, interrupt_at=trains)
    text = "\n".join(seen.last)
    assert seen.status == pytest.ExitCode.INTERRUPTED, text
    assert "KeyboardInterrupt" in text
    assert " so far)" not in text
    assert "train/loss" not in text
    assert seen.cursor_shown
    assert not seen.hidden
    assert left_behind(slow) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["-q"], ["-s"], ["--collect-only"], ["--mlregress-plan"], ["--pdb"],
                  ["--mlregress-progress=lines"], ["--mlregress-progress=off"]],
    ids=lambda arguments: arguments[0],
)  # fmt: skip
def test_it_is_not_drawn_where_it_would_disturb(slow: Suite, arguments: list[str]) -> None:
    seen = terminal(slow, "-n0", *arguments)
    assert seen.status == 0
    assert not seen.saw(" so far)")


def test_a_debugger_has_the_terminal_to_itself(slow: Suite) -> None:
    source = SLOW.replace("mlregress.record(", "breakpoint(); mlregress.record(")
    slow.write(source.replace("seeds(3)", "seeds(1)"), "test_slow.py")
    seen = terminal(slow, "-n0", type_at=("(Pdb)", b"c\n"))
    assert seen.saw(" so far)")
    assert seen.saw(">>> PDB set_trace (IO-capturing turned off) >>>")
    screen = next(s for s in seen.screens if "(Pdb)" in s)
    assert not any(" so far)" in line for line in screen), "\n".join(screen)
    assert seen.status == 0


@pytest.mark.slow
def test_a_training_that_forks_is_not_warned_of_our_thread(slow: Suite) -> None:
    source = SLOW.replace(
        "        mlregress.record(",
        "        import threading\n"
        "        import warnings\n"
        "        warnings.simplefilter('error')\n"
        "        child = os.fork()\n"
        "        if child == 0:\n"
        "            os._exit(0)\n"
        "        assert os.waitpid(child, 0)[1] == 0\n"
        "        names = [thread.name for thread in threading.enumerate()]\n"
        "        assert 'mlregress-progress' in names\n"
        "        mlregress.record(",
    )
    slow.write(source, "test_slow.py")
    seen = terminal(slow, "-n0", "--mlregress-stop=never")
    assert seen.saw(" so far)")
    assert seen.status == 0, "\n".join(seen.last)
