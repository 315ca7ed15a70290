"""Which event of two traces counts as the first that differs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import event, trace

from pytest_mlregress.divergence.alignment import aligned
from pytest_mlregress.divergence.changed_lines import ChangedLines
from pytest_mlregress.divergence.comparison import first_divergence, first_unsteady
from pytest_mlregress.divergence.events import Digest, Event, Frame, Trace, line_of, read_trace

FORWARD = [event("op", "linear", 1.0, module="a"), event("op", "relu", 2.0)]
LOSS = event("loss", "loss", 3.0, phase="loss")


def test_equal_traces_diverge_nowhere() -> None:
    assert first_divergence(trace([*FORWARD, LOSS]), trace([*FORWARD, LOSS])) is None


def test_the_first_value_that_differs_is_named() -> None:
    other = [event("op", "linear", 1.0, module="a"), event("op", "relu", 2.5), LOSS]
    found = first_divergence(trace([*FORWARD, LOSS]), trace(other))
    assert found is not None
    assert (found.step, found.phase, found.event.name) == (0, "forward", "relu")
    assert found.change == pytest.approx(0.2)
    assert not found.rounding
    assert found.source is not None
    assert (str(found.source.frame), found.source.how) == ("train.py:10", "ran")


def test_a_replaced_call_comes_before_the_value_that_it_changes() -> None:
    base = [FORWARD[0], event("op", "relu", 2.0), event("op", "linear", 3.0, module="b")]
    other = [FORWARD[0], event("op", "gelu", 1.9), event("op", "linear", 2.8, module="b")]
    found = first_divergence(trace(base), trace(other))
    assert found is not None
    assert (found.event.name, found.candidate and found.candidate.module) == ("gelu", "b")


def test_a_call_that_computes_the_same_may_come_and_go() -> None:
    other = [FORWARD[0], event("op", "contiguous", 1.0), FORWARD[1], LOSS]
    assert first_divergence(trace([*FORWARD, LOSS]), trace(other)) is None


def test_a_random_draw_on_one_side_diverges_though_nothing_else_does() -> None:
    draw = event("op", "rand", 0.5, random=True, phase="setup")
    found = first_divergence(trace([*FORWARD, LOSS]), trace([draw, *FORWARD, LOSS]))
    assert found is not None
    assert (found.phase, found.only_in) == ("RNG draws", "candidate")


def test_rounding_is_passed_over_for_a_change_behind_it() -> None:
    def with_values(first: float, second: float) -> list[object]:
        return [event("op", "sum", first), event("op", "exp", second)]

    base = trace(with_values(1.0, 2.0))  # type: ignore[arg-type]
    noisy = trace(with_values(1.0 + 1e-7, 2.0))  # type: ignore[arg-type]
    changed = trace(with_values(1.0 + 1e-7, 2.1))  # type: ignore[arg-type]
    found = first_divergence(base, noisy)
    assert found is not None
    assert (found.event.name, found.rounding) == ("sum", True)
    found = first_divergence(base, changed)
    assert found is not None
    assert (found.event.name, found.rounding) == ("exp", False)


def test_the_nudged_training_says_how_far_rounding_reaches() -> None:
    base, other = trace([event("op", "exp", 1.0)]), trace([event("op", "exp", 1.001)])
    found = first_divergence(base, other)
    assert found is not None
    assert not found.rounding
    nudged = trace([event("op", "exp", 1.0001)], nudged_at=0)
    found = first_divergence(base, other, nudged=nudged)
    assert found is not None
    assert found.rounding
    repeated = trace([event("op", "exp", 1.0001)])  # nothing was moved: no measure of rounding
    found = first_divergence(base, other, nudged=repeated)
    assert found is not None
    assert not found.rounding


def test_a_large_change_is_never_called_rounding_but_looked_behind() -> None:
    def run(noise: float, loss: float, nudged_at: int | None = None) -> Trace:
        values = event("op", "sum", noise), event("loss", "loss", loss, phase="loss")
        return trace(values, nudged_at=nudged_at)

    base, nudged = run(1.0, 3.0), run(1.5, 3.0, nudged_at=0)
    found = first_divergence(base, run(1.4, 3.3), nudged=nudged)
    assert found is not None
    assert (found.event.name, found.rounding) == ("loss", False)
    found = first_divergence(base, run(1.4, 3.0), nudged=nudged)
    assert found is not None
    assert (found.event.name, found.rounding, found.tolerance) == ("sum", False, 0.05)


def test_a_base_is_unsteady_where_it_differs_before_the_nudge() -> None:
    def run(first: float, second: float, nudged_at: int | None = None) -> Trace:
        return trace([event("input", "0", first), event("op", "exp", second)], nudged_at=nudged_at)

    base = run(1.0, 2.0)
    assert first_unsteady(base, run(1.0, 2.5, nudged_at=1)) is None
    assert first_unsteady(base, run(1.0, 2.0)) is None
    assert first_unsteady(base, run(1.0 + 1e-7, 2.0, nudged_at=0)) is None
    unsteady = [
        first_unsteady(base, repeat)
        for repeat in (run(1.5, 2.5, nudged_at=1), run(1.5, 2.5, nudged_at=0), run(1.5, 2.0))
    ]
    assert [found is not None and found.event.name for found in unsteady] == ["0", "0", "0"]


@pytest.mark.parametrize("after", [[], [2.0]])
def test_when_a_library_of_generators_was_imported_is_no_difference(after: list[float]) -> None:
    def states(*values: float) -> list[Event]:
        return [event("rng", "numpy", value, phase="RNG draws") for value in values]

    python = event("rng", "python", 0.0, phase="RNG draws")
    soft = event("return", "load")
    late = trace([python, soft, *states(*after or [1.0]), LOSS])
    early = trace([python, *states(1.0), soft, *states(*after), LOSS])
    drawn = trace([python, *states(1.0), soft, *states(3.0), LOSS])
    assert first_divergence(late, early) is None
    assert first_divergence(early, late) is None
    assert first_divergence(late, drawn) is not None


def test_what_a_failed_side_did_not_reach_is_no_difference() -> None:
    metric = event("metric", "accuracy", 0.9, phase="recorded metric")
    failed = trace(FORWARD, ended="failed")
    assert first_divergence(trace([*FORWARD, LOSS, metric]), failed) is None
    assert first_divergence(failed, trace([*FORWARD, LOSS, metric])) is None
    finished = first_divergence(trace([*FORWARD, LOSS, metric]), trace([*FORWARD, LOSS]))
    assert finished is not None
    assert finished.only_in == "base"


def rows(*names: str) -> Digest:
    return Digest("-".join(names), 1.0, 1.0, "float32[2, 3]", names)


def test_the_same_rows_in_another_order_are_told_from_other_values() -> None:
    base = trace([event("input", "0", digest=rows("p", "q"), phase="data")])
    order = trace([event("input", "0", digest=rows("q", "p"), phase="data")])
    values = trace([event("input", "0", digest=rows("x", "y"), phase="data")])
    found = [first_divergence(base, other) for other in (order, values)]
    assert [f.phase for f in found if f is not None] == ["data order", "data"]


def test_a_training_that_goes_on_is_said_so() -> None:
    more = [event("loss", "loss", 2.0, phase="loss", step=1)]
    found = first_divergence(trace([*FORWARD, LOSS]), trace([*FORWARD, LOSS, *more]))
    assert found is not None
    assert (found.phase, found.only_in, found.step) == ("structure", "candidate", 1)


def test_a_metric_alone_is_said_so() -> None:
    base = trace([LOSS, event("metric", "accuracy", 0.9, phase="recorded metric", frames=())])
    other = trace([LOSS, event("metric", "accuracy", 0.8, phase="recorded metric", frames=())])
    found = first_divergence(base, other)
    assert found is not None
    assert (found.phase, found.source) == ("recorded metric", None)


def test_what_a_function_returned_before_is_evidence_unless_it_never_repeats() -> None:
    def run(config: float, now: float, loss: float) -> list[object]:
        return [
            event("return", "clock", now),
            event("return", "config", config, frames=(Frame("train.py", 3, "config"),)),
            event("loss", "loss", loss, phase="loss"),
        ]

    base, nudged = trace(run(1.0, 5.0, 3.0)), trace(run(1.0, 6.0, 3.0))  # type: ignore[arg-type]
    other = trace(run(2.0, 7.0, 4.0))  # type: ignore[arg-type]
    found = first_divergence(base, other, nudged=nudged)
    assert found is not None
    assert found.evidence is not None
    assert found.evidence.name == "config"


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    base, candidate = tmp_path / "base", tmp_path / "candidate"
    lines = [
        "def config():",
        "    return dict(",
        "        rate=0.1,",
        "    )",
        "",
        "",
        "def train():",
    ]
    for side, rate in ((base, "0.1"), (candidate, "0.2")):
        side.mkdir()
        body = [line.replace("0.1", rate) for line in lines] + ["    pass"]
        (side / "train.py").write_text("\n".join(body) + "\n")
    return base, candidate


def test_the_line_that_changed_is_found_inside_the_statement_that_ran(
    sides: tuple[Path, Path],
) -> None:
    changed = ChangedLines(*sides, ["train.py", "missing.py"])
    assert changed.files == ("train.py",)
    assert changed.changed_line("candidate", Frame("train.py", 2, "config")) == 3
    assert changed.changed_line("candidate", Frame("train.py", 8, "train")) is None
    assert changed.functions() == {("train.py", "config"): ("candidate", 3)}


def test_a_changed_line_wins_over_the_line_that_ran(sides: tuple[Path, Path]) -> None:
    made = (Frame("train.py", 2, "config"), Frame("train.py", 8, "train"))
    ran = (Frame("train.py", 8, "train"),)
    base = trace([event("settings", "SGD", 1.0, phase="optimizer", frames=ran, made=made)])
    other = trace([event("settings", "SGD", 2.0, phase="optimizer", frames=ran, made=made)])
    found = first_divergence(base, other, changed=ChangedLines(*sides, ["train.py"]))
    assert found is not None
    assert found.source is not None
    assert (str(found.source.frame), found.source.how) == ("train.py:3", "line")


names = st.lists(st.sampled_from("abc"), max_size=12)


@given(names, names)
def test_alignment_keeps_every_event_once_and_in_order(base: list[str], other: list[str]) -> None:
    first = [event("op", name, order=i) for i, name in enumerate(base)]
    second = [event("op", name, order=i) for i, name in enumerate(other)]
    pairs = list(aligned(first, second))
    assert [a for a, _ in pairs if a is not None] == first
    assert [b for _, b in pairs if b is not None] == second
    assert all(a.key == b.key for a, b in pairs if a is not None and b is not None)


def test_a_trace_survives_its_file_and_a_torn_last_line(tmp_path: Path) -> None:
    file = tmp_path / "a.trace.jsonl"
    events = trace([event("input", "0", digest=rows("p", "q"), made=(Frame("m.py", 1, "f"),))])
    file.write_text(line_of(events.events[0]) + "\n" + '{"order": 1, "kind": "lo')
    read = read_trace(file)
    assert (read.events, read.ended) == (events.events, "cut")
    assert read_trace(tmp_path / "none").ended == "cut"
