"""The corpus is what it says, and the hunt finds its mistakes and leaves the rest alone."""

from __future__ import annotations

import random
import re
import warnings
from collections import Counter
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from corpus.measure import outcome  # noqa: E402
from corpus.registry import BLIND, CORPUS, PARTS, Program, programs, read  # noqa: E402
from corpus.scoring import Hunted, hunt_program  # noqa: E402
from pytest_mlregress.bughunt import Finding  # noqa: E402

SLUGS = [
    "no-single-batch-overfit",
    "missing-train-mode",
    "missing-eval-mode",
    "missing-zero-grad",
    "softmax-into-cross-entropy",
    "double-softmax",
    "sigmoid-into-bce-with-logits",
    "probabilities-into-nll",
    "logits-into-nll",
    "bias-before-batchnorm",
    "missing-output-bias",
    "view-instead-of-permute",
    "wrong-softmax-dim",
    "broadcast-loss",
    "broadcast-metric",
    "batch-leak",
    "causal-leak",
    "padding-leak",
    "labels-not-shifted",
    "nan-gradient",
    "exploding-gradient",
    "vanishing-gradient",
    "dead-relu",
    "detached-graph",
    "unregistered-parameters",
    "optimizer-misses-parameters",
    "frozen-parameter",
    "unused-module",
    "symmetric-init",
    "shared-init",
    "target-alias",
    "lost-update",
    "optimizer-recreated",
    "step-before-backward",
    "clip-misorder",
    "scheduler-misorder",
    "graph-growth",
    "wrong-loss-sign",
    "loss-sum-vs-mean",
    "bad-learning-rate",
    "shuffled-labels",
    "train-val-leak",
    "inplace-data-mutation",
    "eval-mutates-model",
    "nondeterministic",
    "rng-reset",
    "dropout-on-logits",
    "relu-on-logits",
    "constant-output",
    "swapped-loss-arguments",
    "not-above-trivial",
    "learns-shuffled-labels",
]

# Enough on any machine: what is found must not depend on how fast this one is at the moment.
BUDGET_S = 60.0

# A graph that grows costs memory, not numbers: parameters, losses and metrics stay the same.
INVISIBLE = {"graph-growth"}

# By blind part: the share of buggy programs that is found, and of correct ones with a warning.
FOUND = dict.fromkeys(BLIND, 0.90) | {"blind_5": 0.65}
WARNED = dict.fromkeys(BLIND, 0.02) | {"blind_5": 0.10}

ALL = programs()
TUNING = programs("tuning")
SAMPLE = random.Random(20).sample(TUNING, 60)
# Mistakes that the hunt is known not to find; each leaves the list when it is found.
KNOWN_MISSES = frozenset((CORPUS / "known_misses.txt").read_text(encoding="utf-8").split())


def fast_and_slow(chosen: list[Program], fast: list[Program]) -> list[object]:
    """Parameters in which all but the fast ones are marked slow."""
    return [
        pytest.param(program, id=program.name, marks=() if program in fast else pytest.mark.slow)
        for program in chosen
    ]


@pytest.mark.parametrize("part", ["blind_1", "tuning"])
def test_every_slug_has_a_program_in_each_part(part: str) -> None:
    main = {program.slugs[0] for program in programs(part) if program.kind == "buggy"}
    assert main == set(SLUGS)


def test_accepted_slugs_are_slugs_of_the_catalogue() -> None:
    unknown = {slug for program in ALL for slug in program.slugs} - set(SLUGS)
    assert not unknown


def test_the_corpus_is_large_enough_and_a_third_of_it_is_held_out() -> None:
    kinds = Counter(program.kind for program in ALL)
    held_out = Counter(program.kind for program in programs(*BLIND))
    assert kinds["buggy"] >= 120
    assert kinds["correct"] >= 100
    assert held_out["buggy"] >= kinds["buggy"] / 3.2
    assert held_out["correct"] >= kinds["correct"] / 3.2


def test_every_buggy_program_has_its_fixed_twin_and_a_marked_line() -> None:
    names = {program.name for program in ALL if program.kind == "fixed"}
    for program in ALL:
        if program.kind == "buggy":
            assert program.name.partition(":")[0] in names
            assert program.marked, program.name


def test_no_program_shows_its_checks_where_the_mistake_is() -> None:
    slug = re.compile("|".join(SLUGS))
    for program in ALL:
        assert "# BUG" not in program.source
        assert "# FINE" not in program.source
        assert "#:" not in program.source
        assert not slug.search(program.source), program.name


# Every third one, and the sample: only a change of the corpus itself could break the others.
@pytest.mark.parametrize(
    "program", fast_and_slow([p for n, p in enumerate(ALL) if not n % 3 or p in SAMPLE], SAMPLE)
)
def test_a_program_trains_and_repeats_itself_bit_for_bit(program: Program) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = outcome(program, steps=2), outcome(program, steps=2)
    if "nondeterministic" not in program.slugs:
        assert repr(first) == repr(second)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_mistake_changes_what_its_program_does(part: str) -> None:
    fixed: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for program in programs(part):
            result = repr(outcome(program, steps=5))  # enough for two updates every other step
            if program.kind == "fixed":
                fixed[program.name] = result
            if program.kind == "buggy" and not INVISIBLE.intersection(program.slugs):
                assert result != fixed[program.name.partition(":")[0]], program.name


EXAMPLE = """
def forward(x):
    y = x.T  # ALSO flat
    return y.softmax(0)
    # BUG flat: wrong-softmax-dim, batch-leak
    #: y = y.view(-1)
    #: return y.softmax(0)  #!
    # FINE last-axis: another axis is as good
    #: return y.softmax(-1)


def train_step(optimizer):
    optimizer.zero_grad()
    # BUG stale: missing-zero-grad
    optimizer.step()
"""


def test_directives_make_variants_and_mark_the_mistake(tmp_path: Path) -> None:
    folder = tmp_path / "tuning"
    folder.mkdir()
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    fixed, flat, fine, stale = read(folder / "example.py")
    assert (fixed.kind, flat.name, stale.name) == (
        "fixed",
        "tuning/example:flat",
        "tuning/example:stale",
    )
    assert fixed.source.splitlines()[1:4] == [
        "def forward(x):",
        "    y = x.T",
        "    return y.softmax(0)",
    ]
    assert flat.slugs == ("wrong-softmax-dim", "batch-leak")
    assert flat.source.splitlines()[3:5] == ["    y = y.view(-1)", "    return y.softmax(0)"]
    assert flat.marked == {3, 5}
    assert (fine.name, fine.kind, fine.slugs) == ("tuning/example__last_axis", "correct", ())
    assert fine.source.splitlines()[1:4] == [
        "def forward(x):",
        "    y = x.T",
        "    return y.softmax(-1)",
    ]
    assert "zero_grad" not in stale.source
    assert {stale.source.splitlines()[line - 1].strip() for line in stale.marked} == {
        "def train_step(optimizer):",
        "optimizer.step()",
    }


def test_a_directive_without_its_statement_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lost.py").write_text("x = 1\n    # BUG lost: rng-reset\n", encoding="utf-8")
    with pytest.raises(ValueError, match="directive 'lost' at line 2: no statement"):
        list(read(tmp_path / "lost.py"))


def test_a_finding_counts_as_located_only_on_the_marked_line() -> None:
    program = next(program for program in TUNING if program.kind == "buggy")
    slug, line = program.slugs[0], min(program.marked)
    right = Finding(slug, "error", "", None, f"{program.path}:{line}", "", "")
    wrong = Finding(slug, "error", "", None, f"{program.path}:{max(program.marked) + 1}", "", "")
    other = Finding("not-a-slug", "error", "", None, f"{program.path}:{line}", "", "")
    result = Hunted(program, (right, wrong, other))
    assert result.found
    assert result.located == [right, wrong]
    assert result.on_line == [right]
    assert not Hunted(program, (other,)).found


@pytest.mark.parametrize(
    "program",
    fast_and_slow([p for p in TUNING if p.kind == "buggy" and p.name not in KNOWN_MISSES], SAMPLE),
)
def test_the_hunt_names_the_mistake(program: Program) -> None:
    result = hunt_program(program, budget_s=BUDGET_S)
    assert result.failure is None
    got = [str(finding) for finding in (*result.findings, *result.skipped)]
    assert result.found, f"expected {program.slugs}, got {got}"


@pytest.mark.parametrize("program", fast_and_slow([p for p in TUNING if p.kind != "buggy"], SAMPLE))
def test_the_hunt_reports_no_error_on_correct_code(program: Program) -> None:
    result = hunt_program(program, budget_s=BUDGET_S)
    assert result.failure is None
    assert not result.errors, [str(finding) for finding in result.errors]


@pytest.mark.slow
def test_known_misses_are_still_missed() -> None:
    by_name = {program.name: program for program in TUNING}
    found = [
        name
        for name in sorted(KNOWN_MISSES)
        if hunt_program(by_name[name], budget_s=BUDGET_S).found
    ]
    assert not found, f"found now, take them out of known_misses.txt: {found}"


@pytest.mark.slow
@pytest.mark.parametrize("part", BLIND)
def test_programs_of_the_blind_parts_are_found_as_often_as_promised(part: str) -> None:
    # Every second one: `python -m benchmarks.bughunt` hunts them all.
    chosen = [program for program in programs(part) if program.kind == "buggy"][::2]
    buggy = [hunt_program(program, budget_s=BUDGET_S) for program in chosen]
    share = sum(result.found for result in buggy) / len(buggy)
    assert share >= FOUND[part], f"found {share:.1%} of {len(buggy)} programs"


@pytest.mark.slow
@pytest.mark.parametrize("part", BLIND)
def test_correct_programs_of_the_blind_parts_hear_no_error(part: str) -> None:
    good = [hunt_program(p, budget_s=BUDGET_S) for p in programs(part) if p.kind != "buggy"]
    accused = sum(bool(result.errors) for result in good)
    warned = sum(bool(result.warnings) for result in good)
    assert accused == 0, f"{accused} of {len(good)} correct programs heard an error"
    assert warned <= WARNED[part] * len(good), f"{warned} of {len(good)} heard a warning"
