"""Two versions of a small program without torch, explained without starting a process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pytest_mlregress.divergence.command import ExplainReport
from pytest_mlregress.divergence.events import Trace, read_trace
from pytest_mlregress.divergence.recorder import TraceEnded
from pytest_mlregress.divergence.report_text import document_of, headline, report_lines
from pytest_mlregress.divergence.request import TraceRequest
from pytest_mlregress.divergence.search import explain_seed
from pytest_mlregress.divergence.tracing import traced_into

PROGRAM = """\
import itertools
import numpy as np

CLOCK = itertools.count()
RATE = 0.4


def load(rng):
    x = rng.normal(size=(40, 3))
    return x, x @ np.array([1.0, -2.0, 0.5])


def step(weights, x, y, rate):
    error = x @ weights - y
    return weights - rate * x.T @ error / len(x)


def fit(x, y, epochs):
    weights = np.zeros(3)
    for _ in range(epochs):
        weights = step(weights, x, y, RATE)
    return weights


def train():
    x, y = load(np.random.default_rng(0))
    weights = fit(x, y, 3)
    return float(np.mean((x @ weights - y) ** 2))
"""

Explained = Callable[..., ExplainReport]


@pytest.fixture
def explained(tmp_path: Path) -> Explained:
    """Explains what replacing one text of the program by another changes."""
    programs: dict[str, Iterator[int]] = {}
    files = (tmp_path / f"{number}.trace.jsonl" for number in itertools.count())

    def run(side: str, request: TraceRequest) -> Trace:
        path = request.root / "program.py"
        module = ModuleType("program")
        exec(compile(path.read_text(), str(path), "exec"), vars(module))
        # A clock that goes on from one training of a side to the next.
        module.CLOCK = programs.setdefault(side, itertools.count(0 if side == "base" else 100))
        recorded: dict[str, float] = {}
        file = next(files)
        if "torch" in vars(module):  # as the seed of a test does
            module.torch.manual_seed(0)
        try:
            with traced_into(file, request, lambda: recorded):
                recorded["mse"] = module.train()
        except (ValueError, TraceEnded):
            pass
        return read_trace(file)

    def explain(*changes: tuple[str, str], program: str = PROGRAM) -> ExplainReport:
        sides = {"base": tmp_path / "base", "candidate": tmp_path / "candidate"}
        for name, folder in sides.items():
            folder.mkdir()
            text = program
            for old, new in changes if name == "candidate" else ():
                assert old in text
                text = text.replace(old, new)
            (folder / "program.py").write_text(text)
        found = explain_seed(run, base=sides["base"], candidate=sides["candidate"])
        names = ("abc (Train)", "the working tree")
        return ExplainReport("t", "default", 0, *names, False, found, None, "", ())

    return explain


UNSTEADY = PROGRAM.replace("default_rng(0)", "default_rng(next(CLOCK))")


@pytest.mark.parametrize("changes", [(), (("len(x)", "(1 + len(x))"),)], ids=["none", "step"])
def test_a_base_that_does_not_repeat_itself_is_said_so(
    explained: Explained, changes: tuple[tuple[str, str], ...]
) -> None:
    report = explained(*changes, program=UNSTEADY)
    answer = headline(report)
    assert answer.startswith("the base itself is not deterministic: "), answer
    divergence = report.found.divergence
    assert divergence is not None
    assert (divergence.rounding, divergence.tolerance) == (False, 0.0)
    assert report.diverges


def test_a_change_before_the_base_stops_repeating_itself_is_named(explained: Explained) -> None:
    report = explained(("RATE = 0.4", "RATE = 0.004"), program=UNSTEADY)
    assert headline(report) == "constant: `RATE` has another value; `program.py:5` changed"
    assert "between two trainings of the base" in " ".join(" ".join(report_lines(report)).split())


def test_other_bits_of_a_function_are_said_though_the_metric_is_equal(explained: Explained) -> None:
    rounded = PROGRAM.replace("** 2))", "** 2).round(6))")
    report = explained(
        ("rate * x.T @ error / len(x)", "x.T @ (rate * error) / len(x)"), program=rounded
    )
    assert headline(report) == (
        "rounding alone: `step` returned other bits first, but all recorded metrics are equal; "
        "`program.py:15` changed"
    )
    assert not report.diverges
    assert document_of(report)["without_effect"]["rounding"] is True


def test_a_value_without_effect_is_no_divergence_and_none_that_never_repeats_is_named(
    explained: Explained,
) -> None:
    lines = "\n\ndef clock():\n    return next(CLOCK)\n\n\ndef helper():\n    return 1\n"
    program = PROGRAM.replace(
        "\n\ndef train():\n", lines + "\n\ndef train():\n    clock()\n    helper()\n"
    )
    report = explained(("return 1", "return 2"), program=program)
    assert headline(report) == (
        "nothing diverges in the end: `helper` returned something else first, but all recorded "
        "metrics are equal; `program.py:30` changed"
    )
    assert not report.diverges


def test_equal_programs_are_equal_in_what_was_compared(explained: Explained) -> None:
    report = explained(("import itertools\n", "import itertools  # a clock\n"))
    assert headline(report) == (
        "nothing diverges: all recorded metrics are equal, and so are the recorded values of "
        "functions"
    )


def test_a_side_that_fails_is_said_to_fail_and_where(explained: Explained) -> None:
    report = explained(("weights = np.zeros(3)", "raise ValueError('boom')"))
    assert headline(report) == "the working tree fails with ValueError: boom (program.py:19)"
    assert report.diverges


def test_a_base_that_fails_is_said_so(explained: Explained) -> None:
    failing = PROGRAM.replace("weights = np.zeros(3)", "raise ValueError('boom')")
    report = explained(("raise ValueError('boom')", "weights = np.zeros(3)"), program=failing)
    assert headline(report) == ("the base abc (Train) fails with ValueError: boom (program.py:19)")


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        (
            "fit(x, y, 3)",
            "fit(x, y, 4)",
            "call: `fit` was called with other arguments; `program.py:27` changed",
        ),
        (
            "x.T @ error / len(x)",
            "x.T @ error / 41",
            "function: `step` returned something else; `program.py:15` changed",
        ),
        (
            "size=(40, 3))\n",
            "size=(40, 3))[::-1]\n",
            "data: `load` returned something else, with an effect on `mse` by rounding alone; "
            "`program.py:9` changed",
        ),
        (
            "(x @ weights - y) ** 2",
            "(x @ weights - y) ** 4",
            "function: `mean` returned something else; `program.py:28` changed",
        ),
    ],
)
def test_the_first_call_or_value_that_differs_is_the_answer(
    explained: Explained, old: str, new: str, answer: str
) -> None:
    assert headline(explained((old, new))) == answer


def test_the_same_numbers_in_another_order_are_a_data_order(explained: Explained) -> None:
    program = PROGRAM.replace(
        "def train():", "def picked(n):\n    return np.arange(n)\n\n\ndef train():"
    )
    program = program.replace("    weights = fit", "    x = x[picked(40)]\n    weights = fit")
    report = explained(("np.arange(n)", "np.arange(n)[::-1]"), program=program)
    assert headline(report).startswith("data order: `picked` returned something else; ")


def test_dispatch_helpers_of_numpy_are_never_named(explained: Explained) -> None:
    report = explained(("np.mean((x @ weights - y) ** 2)", "np.mean((x @ weights - y) ** 4)"))
    named = {e.name for e in report.found.candidate.events if e.kind == "library"}
    assert "mean" in named
    assert not any(name.startswith("_") for name in named)


NETWORK = """\
import itertools
import torch

CLOCK = itertools.count()


def train():
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        x = torch.randn(16, 4, generator=generator)
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), x[:, :1]).backward()
        optimizer.step()
    return float(model.bias.detach())
"""


@pytest.mark.parametrize("unsteady", [True, False])
def test_a_generator_seeded_by_the_clock_is_told_from_a_changed_rate(
    explained: Explained, unsteady: bool
) -> None:
    program = NETWORK
    if unsteady:
        program = program.replace("().manual_seed(0)", "().manual_seed(next(CLOCK))")
    answer = headline(explained(("lr=0.1", "lr=0.001"), program=program))
    assert answer == (
        "the base itself is not deterministic: step 0, RNG draws: `randn` differs first"
        if unsteady
        else "step 0, optimizer: the settings of `SGD` differ first; `program.py:11` changed"
    )
