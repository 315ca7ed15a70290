"""Finds the first divergence with as few and as short trainings as it takes.

Most changes show in the first steps: both sides are recorded in full for `FIRST_STEPS` and ended.
Only where nothing differs there do both train to their end, with the loss, the inputs and the
settings of every step recorded and everything of a few; a late divergence is then recorded once
more in full, up to its step. A third training of the base, with the inputs of the step that
diverges moved by one ulp, tells rounding from a change, and shows whether the base repeats itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_mlregress.divergence.changed_lines import ChangedLines, Side
from pytest_mlregress.divergence.comparison import (
    Divergence,
    first_divergence,
    first_unsteady,
    first_without_effect,
)
from pytest_mlregress.divergence.events import Trace
from pytest_mlregress.divergence.request import TraceRequest
from pytest_mlregress.divergence.tolerance import CAP

FIRST_STEPS: Final = 3

Train = Callable[[Side, TraceRequest], Trace]
"""Trains the seed at one side and returns its trace; the `root` of the request is filled in."""

_NEEDS_DETAIL: Final = frozenset({"loss", "gradient", "update", "input", "rng"})


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the trainings of a seed show.

    Attributes:
        divergence: the first difference; None where nothing that counts differs.
        base: the last trace of the base.
        candidate: that of the candidate.
        trainings: how many trainings were started, ended early or not.
        unsteady: where the base differs from another training of itself; None where it was not
            seen to. Nothing was taken for rounding then.
        without_effect: the first value of first-party code that differs where `divergence` is None.
    """

    divergence: Divergence | None
    base: Trace
    candidate: Trace
    trainings: int
    unsteady: Divergence | None = None
    without_effect: Divergence | None = None

    @property
    def blames_base(self) -> bool:
        """Whether the base stops repeating itself before the sides are seen to differ."""
        if self.unsteady is None:
            return False
        return self.divergence is None or self.unsteady.order <= self.divergence.order


def explain_seed(
    train: Train, *, base: Path, candidate: Path, compare_code: bool = True
) -> Explanation:
    """Find the first divergence of a seed between two checkouts.

    Args:
        train: trains it once and returns the trace.
        base: the top folder of the base's checkout.
        candidate: that of the candidate's.
        compare_code: whether the lines that differ between both are asked; not where both sides are
            the same code.

    Returns:
        The divergence, with the traces that show it.
    """
    request = TraceRequest(root=candidate, until_step=FIRST_STEPS, full_until=FIRST_STEPS)
    search = _Search(train, base, candidate, compare_code)
    found = search.compare(request)
    if found is None and not search.both_ended:
        request = replace(request, until_step=None)
        found = search.compare(request)
        if found is not None and _lacks_detail(found, request):
            request = replace(
                request,
                full_from=max(found.step - 1, 0),
                full_until=found.step + 1,
                until_step=found.step + 1,
            )
            found = search.compare(request) or found
    aside = None
    if found is None:
        aside = search.without_effect(request)
    elif compare_code:
        found = search.with_tolerance(request, found)
    base_trace, candidate_trace = search.traces["base"], search.traces["candidate"]
    return Explanation(found, base_trace, candidate_trace, search.trainings, search.unsteady, aside)


class _Search:
    def __init__(self, train: Train, base: Path, candidate: Path, compare_code: bool) -> None:
        self._train = train
        self._roots: dict[Side, Path] = {"base": base, "candidate": candidate}
        self._compare_code = compare_code
        self.traces: dict[Side, Trace] = {}
        self.trainings = 0
        self.unsteady: Divergence | None = None

    @property
    def both_ended(self) -> bool:
        """Whether more steps would show no more: both finished, or one failed."""
        traces = self.traces.values()
        return any(t.incomplete for t in traces) or all(t.ended != "stopped" for t in traces)

    def compare(self, request: TraceRequest) -> Divergence | None:
        """Train both sides and compare them, without a tolerance yet."""
        for side in self._roots:
            self.traces[side] = self._traced(side, request)
        return self._first(None)

    def with_tolerance(self, request: TraceRequest, found: Divergence) -> Divergence:
        """Train the base once more, with the inputs of the step that diverges nudged."""
        until = request.until_step
        if self.traces["base"].steps and found.phase not in ("evaluation", "recorded metric"):
            until = min(found.step + 1, until) if until is not None else found.step + 1
        elif self.traces["base"].steps:
            return found  # all before is equal, so rounding of the evaluation alone counts
        if found.step >= FIRST_STEPS and found.change > CAP:
            return found
        nudged = self._traced("base", replace(request, until_step=until, nudge_step=found.step))
        self.unsteady = first_unsteady(self.traces["base"], nudged)
        return self._first(nudged, exact=self.unsteady is not None) or found

    def without_effect(self, request: TraceRequest) -> Divergence | None:
        """What first-party code computes differently though nothing that counts differs."""
        base, candidate = self.traces["base"], self.traces["candidate"]
        found = first_without_effect(base, candidate, None, self._changed())
        if found is None or not self._compare_code:
            return found
        return first_without_effect(base, candidate, self._traced("base", request), self._changed())

    def _traced(self, side: Side, request: TraceRequest) -> Trace:
        self.trainings += 1
        return self._train(side, replace(request, root=self._roots[side]))

    def _first(self, nudged: Trace | None, *, exact: bool = False) -> Divergence | None:
        return first_divergence(
            self.traces["base"],
            self.traces["candidate"],
            nudged=nudged,
            changed=self._changed(),
            exact=exact or not self._compare_code,
        )

    def _changed(self) -> ChangedLines | None:
        """The lines that differ in the files that ran."""
        if not self._compare_code:
            return None
        traces = self.traces.values()
        files = {f.file for t in traces for e in t.events for f in (*e.frames, *e.made)}
        return ChangedLines(self._roots["base"], self._roots["candidate"], files)


def _lacks_detail(found: Divergence, request: TraceRequest) -> bool:
    return found.event.kind in _NEEDS_DETAIL and found.step >= request.full_until
