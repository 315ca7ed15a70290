"""Finds the first divergence with as few and as short trainings as it takes.

Most changes show in the first steps: both sides are recorded in full for `FIRST_STEPS` and ended.
Only where nothing differs there do both train to their end, with the loss, the inputs and the
settings of every step recorded and everything of a few; a late divergence is then recorded once
more in full, up to its step. A third training of the base, with the inputs of the step that
diverges moved by one ulp, tells rounding from a change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_mlregress.divergence.changed_lines import ChangedLines, Side
from pytest_mlregress.divergence.comparison import Divergence, first_divergence
from pytest_mlregress.divergence.events import Trace
from pytest_mlregress.divergence.request import TraceRequest

FIRST_STEPS: Final = 3

_NO_ROUNDING: Final = 0.05
"""A relative change that rounding does not explain within a step, whatever the nudge does."""

Train = Callable[[Side, TraceRequest], Trace]
"""Trains the seed at one side and returns its trace; the `root` of the request is filled in."""

_NEEDS_DETAIL: Final = frozenset({"loss", "gradient", "update", "input", "rng"})


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the trainings of a seed show.

    Attributes:
        divergence: the first difference; None where nothing differs.
        base: the last trace of the base.
        candidate: that of the candidate.
        trainings: how many trainings were started, ended early or not.
    """

    divergence: Divergence | None
    base: Trace
    candidate: Trace
    trainings: int


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
    if found is None and not search.both_finished:
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
    if found is not None:
        found = search.with_tolerance(request, found)
    return Explanation(found, search.traces["base"], search.traces["candidate"], search.trainings)


class _Search:
    def __init__(self, train: Train, base: Path, candidate: Path, compare_code: bool) -> None:
        self._train = train
        self._roots: dict[Side, Path] = {"base": base, "candidate": candidate}
        self._compare_code = compare_code
        self.traces: dict[Side, Trace] = {}
        self.trainings = 0

    @property
    def both_finished(self) -> bool:
        """Whether neither training was ended before its time."""
        return all(trace.ended != "stopped" for trace in self.traces.values())

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
        if found.step >= FIRST_STEPS and found.change > _NO_ROUNDING:
            return found
        nudged = self._traced("base", replace(request, until_step=until, nudge_step=found.step))
        return self._first(nudged) or found

    def _traced(self, side: Side, request: TraceRequest) -> Trace:
        self.trainings += 1
        return self._train(side, replace(request, root=self._roots[side]))

    def _first(self, nudged: Trace | None) -> Divergence | None:
        base, candidate = self.traces["base"], self.traces["candidate"]
        changed = None
        if self._compare_code:
            files = {
                f.file for t in (base, candidate) for e in t.events for f in (*e.frames, *e.made)
            }
            changed = ChangedLines(self._roots["base"], self._roots["candidate"], files)
        return first_divergence(base, candidate, nudged=nudged, changed=changed)


def _lacks_detail(found: Divergence, request: TraceRequest) -> bool:
    return found.event.kind in _NEEDS_DETAIL and found.step >= request.full_until
