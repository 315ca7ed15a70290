"""``mlregress explain`` from its request to its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Final

from pytest_mlregress.divergence.blame import Change, change_of
from pytest_mlregress.divergence.changed_lines import Side
from pytest_mlregress.divergence.search import Explanation
from pytest_mlregress.divergence.seed_tracer import UNTRACED_GUARDS, SeedTracer
from pytest_mlregress.revisions.against import parse_against
from pytest_mlregress.revisions.base_commit import find_base_commit
from pytest_mlregress.revisions.cells.cell import Cell, Cells
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest, describe_test
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.history import History
from pytest_mlregress.running.reads import is_derived
from pytest_mlregress.settings import SettingError
from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines

ITSELF: Final = "."
"""The value of ``--against`` that compares the working tree with itself."""

_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRequest:
    """What the user asked for.

    Attributes:
        test: the node id of the test without the seed, or the end of it.
        against: the base: a ref, as for ``--mlregress-against``, `ITSELF`, or None for the commit
            of the test's baseline.
        seed: the seed; None for the first one of the test.
        tier: the tier; None for the first.
        rootdir: where pytest is started.
        pytest_args: further arguments of pytest.
    """

    test: str
    against: str | None
    seed: int | None
    tier: str | None
    rootdir: Path
    pytest_args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExplainReport:
    """The answer.

    Attributes:
        test: the node id of the test.
        tier: its tier.
        seed: the seed.
        base: the base in a few words.
        candidate: the candidate in a few words.
        itself: whether both are the same code.
        found: the divergence, with the traces that show it.
        change: what changed the line; None where that is not known.
        text: the line itself.
        notes: what the user should know, one sentence each.
    """

    test: str
    tier: str
    seed: int
    base: str
    candidate: str
    itself: bool
    found: Explanation
    change: Change | None
    text: str
    notes: tuple[str, ...]

    @property
    def diverges(self) -> bool:
        """Whether anything differs, a failure on one side alone included."""
        base, candidate = self.found.base.error, self.found.candidate.error
        return self.found.divergence is not None or base != candidate


def run_explain(
    request: ExplainRequest,
    *,
    on_start: Callable[[SeedRequest], None] | None = None,
    on_seed: Callable[[TrainedSeed], None] | None = None,
) -> ExplainReport:
    """Find the first divergence that a request asks for.

    Args:
        request: what is asked.
        on_start: called with each seed before it trains.
        on_seed: called with each seed that has trained.

    Returns:
        The report.

    Raises:
        CommandError: the test, the seed or the base cannot be used.
        KeyboardInterrupt: interrupted.
    """
    suite, test, seed = _collected(request)
    with ExitStack() as exits:
        cells = exits.enter_context(Cells(suite, any_dependencies=True))
        candidate = cells.working_tree()
        base = candidate
        if request.against != ITSELF:
            base = cells.at(_base_commit(request, cells, suite, test))
        sides: dict[Side, Cell] = {"base": base, "candidate": candidate}
        tracer = exits.enter_context(
            SeedTracer(suite, sides, test.test, seed, on_start=on_start, on_seed=on_seed)
        )
        found = tracer.explain()
        differs = found.divergence or found.without_effect
        source = differs.source if differs is not None else None
        change, text = None, ""
        if source is not None:
            top = sides[source.side].side.checkout
            text = _line(top / source.frame.file, source.frame.line)
            if source.how != "ran":
                change = change_of(source, candidate.side.checkout, base.commit, base.side.checkout)
        notes = dict.fromkeys(
            (
                *_uncompared(base, suite, test),
                *base.notes,
                *base.unmet,
                *found.base.notes,
                *found.candidate.notes,
            )
        )
        return ExplainReport(
            test=test.test,
            tier=test.tier,
            seed=seed,
            base=base.label,
            candidate=candidate.label,
            itself=base is candidate,
            found=found,
            change=change,
            text=text,
            notes=tuple(notes),
        )


def _uncompared(base: Cell, suite: Suite, test: SuiteTest) -> Iterator[str]:
    """Which files of the test differ and are the same on both sides; other test modules aside."""
    root = base.side.candidate_checkout
    differing = [
        path
        for path in base.laid_over
        if not is_derived(path)
        and (
            (root / path).resolve() == test.file.resolve()
            or PurePath(path).name == "conftest.py"
            or not any(fnmatch(PurePath(path).name, pattern) for pattern in suite.test_patterns)
        )
    ]
    if differing:
        verb = "differs" if len(differing) == 1 else "differ"
        are = "is" if len(differing) == 1 else "are"
        more = len(differing) - _SHOWN
        shown = ", ".join(differing[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        yield (
            f"{shown} {verb} between the sides and {are} not compared: both sides run the working "
            "tree's test files"
        )


def _collected(request: ExplainRequest) -> tuple[Suite, SuiteTest, int]:
    """The suite, with the asked seed among those of the test."""
    suite, test = _describe(request, None)
    seed = test.seeds[0] if request.seed is None else request.seed
    if seed not in test.node_ids:
        suite, test = _describe(request, seed + 1)
    if seed not in test.node_ids:
        seeds = ", ".join(map(str, test.seeds[:8]))
        raise CommandError(f"seed {seed} is none of {test.test}, whose seeds are {seeds}")
    return suite, test, seed


def _describe(request: ExplainRequest, seeds: int | None) -> tuple[Suite, SuiteTest]:
    return describe_test(
        request.test,
        directory=request.rootdir,
        seeds=seeds,
        tier=request.tier,
        pytest_args=[*request.pytest_args, UNTRACED_GUARDS],
    )


def _base_commit(request: ExplainRequest, cells: Cells, suite: Suite, test: SuiteTest) -> str:
    """The commit of the base."""
    if request.against is None:
        return _baseline_commit(cells, suite, test)
    try:
        against = parse_against("--against", request.against)
    except SettingError as error:
        raise CommandError(str(error)) from None
    if against.python is not None or against.own_tests:
        raise CommandError(
            f"--against: {request.against!r}: explain compares code that the same tests and the "
            "same environment run; write REF, tip:REF, or . for the working tree twice"
        )
    return find_base_commit(cells.repository, against).commit


def _baseline_commit(cells: Cells, suite: Suite, test: SuiteTest) -> str:
    """The commit of the baseline; where there is none, the last commit of a changed tree."""
    head = cells.repository.head
    baselines = SuiteBaselines(suite.baseline, suite.rootdir)
    artifact = baselines.store.read(baselines.locate(test.file, test.test, test.tier))
    commit = artifact.provenance.named_commit if artifact is not None else None
    history = History(suite.rootdir)
    if commit is not None and history.knows(commit):
        return commit
    if commit is not None:
        fetch = "fetch it: git fetch --unshallow; or " if history.shallow else ""
        raise CommandError(
            f"{test.test} has a baseline of commit {commit[:10]}, which this clone lacks; {fetch}"
            "name the other side: --against=REF"
        )
    if head is not None and history.tree.dirty:
        return head
    why = "has no baseline" if artifact is None else "has a baseline of no commit"
    raise CommandError(
        f"{test.test} {why}, and the working tree has no uncommitted change to compare with HEAD; "
        "name the other side: --against=REF, or --against=. for the same code twice"
    )


def _line(file: Path, number: int) -> str:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return lines[number - 1].strip() if number <= len(lines) else ""
