"""``mlregress tiers`` from its request to its comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.base_commit import ABBREVIATED
from pytest_mlregress.revisions.cells.cell import Cell, Cells
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.observer import TrainingObserver
from pytest_mlregress.revisions.cells.suite import (
    Suite,
    SuiteTest,
    describe_suite,
    describe_test,
)
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest
from pytest_mlregress.revisions.cells.trainer import Trainer
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.repository import ask_git
from pytest_mlregress.revisions.tiers.calibration import keep_calibration, kept_calibration
from pytest_mlregress.revisions.tiers.comparison import TierComparison, compare_tiers
from pytest_mlregress.revisions.tiers.from_baselines import recorded_samples
from pytest_mlregress.revisions.tiers.from_cache import cached_samples
from pytest_mlregress.revisions.tiers.state import Source, TierSample, TierState
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["TiersRequest", "run_tiers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TiersRequest:
    """What the user asked for.

    Attributes:
        test: the node id of the test without the seed; None for every test with tiers.
        refs: the commits and ranges to train both tiers at; none to train nothing.
        fast: the fast tier; None for a test's first.
        full: the full one; None for a test's last.
        metric: the metric; None for each.
        seeds: how many seeds; None for those of a check.
        fresh: whether what an interrupted calibration has trained is forgotten.
        workers: the number of seeds that train at once.
        rootdir: where pytest is started.
        pytest_args: further arguments of pytest.
    """

    test: str | None
    refs: tuple[str, ...]
    fast: str | None
    full: str | None
    metric: str | None
    seeds: int | None
    fresh: bool
    workers: int
    rootdir: Path
    pytest_args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Tier:
    """One tier of a test: collected with it, so that its seeds have its keys."""

    suite: Suite
    test: SuiteTest

    @property
    def name(self) -> str:
        return self.test.tier


def run_tiers(request: TiersRequest, observer: TrainingObserver) -> list[TierComparison]:
    """Compare the tiers of one test, or of all that have some.

    Args:
        request: what is asked.
        observer: told how it goes.

    Returns:
        A comparison per test and metric.

    Raises:
        CommandError: there is no such test, tier or commit, or no test has tiers.
        KeyboardInterrupt: interrupted; its text says how to go on.
    """
    found: list[TierComparison] = []
    for test in _tests(request):
        names = _tier_names(request, test)
        fast, full = (_collected(request, test, name) for name in names)
        states, notes = _known_states(fast, full)
        if request.refs:
            trained, more = _calibrate(request, observer, fast, full)
            states, notes = _merged([*trained, *states]), [*notes, *more]
        states = _in_order(full.suite.rootdir, states)
        found += [
            compare_tiers(test.test, names, states, metric, notes)
            for metric in _metrics(request, states)
        ]
    return found


def _tests(request: TiersRequest) -> list[SuiteTest]:
    if request.test is not None:
        _, test = describe_test(
            request.test, directory=request.rootdir, pytest_args=request.pytest_args
        )
        return [test]
    suite = describe_suite([], directory=request.rootdir, pytest_args=request.pytest_args)
    tests = [test for test in suite.tests if len(test.tiers) > 1]
    if not tests:
        raise CommandError(
            "no test has two tiers; declare them: @pytest.mark.tiers(fast={'epochs': 1}, "
            "full={'epochs': 20})"
        )
    return tests


def _tier_names(request: TiersRequest, test: SuiteTest) -> tuple[str, str]:
    names = ", ".join(test.tiers)
    if len(test.tiers) < 2:
        raise CommandError(
            f"{test.test} has one tier ({names}), and nothing to compare it with; declare two: "
            "@pytest.mark.tiers(fast={'epochs': 1}, full={'epochs': 20})"
        )
    for flag, name in (("--fast", request.fast), ("--full", request.full)):
        if name is not None and name not in test.tiers:
            raise CommandError(f"{flag} {name}: {test.test} has the tiers {names}")
    chosen = request.fast or test.tiers[0], request.full or test.tiers[-1]
    if chosen[0] == chosen[1]:
        raise CommandError(f"--fast and --full are both {chosen[0]}; name two of {names}")
    return chosen


def _collected(request: TiersRequest, test: SuiteTest, tier: str) -> _Tier:
    suite, of_tier = describe_test(
        test.test,
        directory=request.rootdir,
        seeds=request.seeds,
        tier=tier,
        pytest_args=request.pytest_args,
    )
    return _Tier(suite, of_tier)


def _known_states(fast: _Tier, full: _Tier) -> tuple[list[TierState], list[str]]:
    """The states that both tiers have a value of without training, the best source first."""
    names, machine = (fast.name, full.name), full.test.machine
    states = list(kept_calibration(full.suite.state_folder, full.test.test, names, machine))
    both = [recorded_samples(tier.suite, tier.test, tier.name) for tier in (fast, full)]
    states += _paired("baselines", both[0][0], both[1][0])
    states += _paired("ledger", both[0][1], both[1][1])
    cached = _paired(
        "cache", cached_samples(fast.suite, fast.test), cached_samples(full.suite, full.test)
    )
    states = _merged([*states, *cached])
    if not any(state.source == "cache" for state in states):
        return states, []
    return states, [
        "code ... names a state of unknown commit that seeds in the cache were trained at; these "
        "are in the order in which they were"
    ]


def _paired(
    source: Source, fast: Mapping[str, TierSample], full: Mapping[str, TierSample]
) -> list[TierState]:
    return [
        TierState(
            key=key,
            name=key[:ABBREVIATED] if source != "cache" else f"code {key[:6]}",
            commit=None if source == "cache" else key,
            source=source,
            fast=fast[key],
            full=full[key],
        )
        for key in full
        if key in fast
    ]


def _merged(states: Iterable[TierState]) -> list[TierState]:
    """One state per key: the first one counts.

    What the cache has of a state of unknown commit is left out where another source has the very
    same values: they are the same trainings.
    """
    found: dict[str, TierState] = {}
    for state in states:
        alike = state.source == "cache" and any(
            _holds(known.full, state.full) and _holds(known.fast, state.fast)
            for known in found.values()
        )
        if alike:
            found = {key: _with_seconds(known, state) for key, known in found.items()}
        else:
            found.setdefault(state.key, state)
    return list(found.values())


def _holds(known: TierSample, sample: TierSample) -> bool:
    """Whether a sample has no value that another one lacks."""
    return all(
        known.values.get(metric, {}).get(seed) == value
        for metric, values in sample.values.items()
        for seed, value in values.items()
    )


def _with_seconds(known: TierState, cached: TierState) -> TierState:
    """Baselines do not say how long a seed took; the same seeds in the cache do."""
    if known.fast.seconds or not (
        _holds(known.full, cached.full) and _holds(known.fast, cached.fast)
    ):
        return known
    return replace(
        known,
        fast=replace(known.fast, seconds=cached.fast.seconds),
        full=replace(known.full, seconds=cached.full.seconds),
    )


def _in_order(rootdir: Path, states: Sequence[TierState]) -> list[TierState]:
    """By the history of the working tree; states that it does not have come first."""
    try:
        listed = ask_git(rootdir, "rev-list", "--topo-order", "--reverse", "HEAD").split()
    except GitError:
        listed = []
    place = {commit: number for number, commit in enumerate(listed)}
    return sorted(states, key=lambda state: place.get(state.commit or "", -1))


def _metrics(request: TiersRequest, states: Sequence[TierState]) -> list[str | None]:
    names = sorted({name for s in states for name in s.fast.metrics & s.full.metrics})
    if request.metric is not None and states:
        if request.metric not in names:
            known = ", ".join(names) or "none"
            raise CommandError(
                f"--metric {request.metric}: both tiers record no such metric; they have {known}"
            )
        return [request.metric]
    return [*names] or [None]


def _calibrate(
    request: TiersRequest, observer: TrainingObserver, fast: _Tier, full: _Tier
) -> tuple[list[TierState], list[str]]:
    """Train both tiers at each commit; what cannot run is left out with a note."""
    notes: list[str] = []
    states: list[TierState] = []
    with ExitStack() as exits:
        cells = exits.enter_context(Cells(full.suite, any_dependencies=True))
        commits = _commits(cells.repository.top, request.refs)
        seeds = [seed for seed in full.test.seeds if seed in fast.test.seeds]
        observer.on_total(2 * len(seeds) * len(commits))
        journals = [_journal(request, tier, exits) for tier in (fast, full)]
        trainers = [
            exits.enter_context(
                Trainer(
                    tier.suite,
                    workers=request.workers,
                    journal=journal,
                    warn=observer.warn,
                    on_start=observer.on_start,
                    on_seed=observer.on_seed,
                )
            )
            for tier, journal in zip((fast, full), journals, strict=True)
        ]
        for commit in commits:
            try:
                cell = cells.at(commit)
            except WorktreeError as error:
                notes.append(f"{commit[:ABBREVIATED]} is left out: {error}")
                continue
            notes += cell.notes if cell.changed else ()  # else it is the working tree as it is
            state = _trained(cell, fast.test.test, seeds, trainers)
            for trainer in trainers:
                trainer.forget(cell)
            cells.release(cell)
            if isinstance(state, str):
                notes.append(f"{cell.label} is left out: {state}")
                continue
            states.append(state)
            tiers = fast.name, full.name
            problem = keep_calibration(
                full.suite.state_folder, full.test.test, tiers, full.test.machine, [state]
            )
            if problem is not None and problem not in notes:
                notes.append(problem)
        for journal in journals:
            journal.finish()
    return states, notes


def _trained(
    cell: Cell, test: str, seeds: Sequence[int], trainers: Sequence[Trainer]
) -> TierState | str:
    """Both tiers at one commit; why not, where a tier has no seed that passed."""
    samples = []
    for trainer in trainers:
        trained = trainer.train([SeedRequest(cell, test, seed) for seed in seeds])
        results = [seed.result for seed in trained if seed.result is not None]
        sample = TierSample.of_results(results)
        if not sample.metrics:
            reasons = [s.unavailable or (s.result.message if s.result else "") for s in trained]
            return next((reason for reason in reasons if reason), "no metric was recorded")
        samples.append(sample)
    assert cell.commit is not None  # `Cells.at` makes commits
    return TierState(
        key=cell.commit,
        name=cell.commit[:ABBREVIATED],
        commit=cell.commit,
        source="calibration",
        fast=samples[0],
        full=samples[1],
    )


def _journal(request: TiersRequest, tier: _Tier, exits: ExitStack) -> Journal:
    """What this tier has trained, whatever commits are asked for: a longer list goes on with it."""
    question = {
        "command": "tiers",
        "test": tier.test.test,
        "tier": tier.name,
        "settings": tier.test.settings,
        "machine": tier.test.machine,
        "pytest_args": list(request.pytest_args),
    }
    journal = Journal.open(tier.suite.state_folder, question, fresh=request.fresh)
    exits.callback(journal.close)
    return journal


def _commits(top: Path, refs: Sequence[str]) -> list[str]:
    """The full names of commits, each once; a range stands for its first-parent commits."""
    commits: dict[str, None] = {}
    for ref in refs:
        if ref.startswith("-"):
            raise CommandError(f"--calibrate {ref}: expected a commit, a branch, a tag or A..B")
        selection = ("--first-parent",) if ".." in ref else ("--max-count=1",)
        try:
            listed = ask_git(top, "rev-list", "--reverse", *selection, ref, "--").split()
        except GitError:
            raise CommandError(
                f"--calibrate {ref}: no such commit here; list some with: git log --oneline"
            ) from None
        if not listed:
            raise CommandError(f"--calibrate {ref}: the range holds no commit")
        commits |= dict.fromkeys(listed)
    return list(commits)
