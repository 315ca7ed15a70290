"""When to listen closely: in the first steps, and then in samples that get rarer.

Mistakes of the code show in the first steps; what comes later (a mode lost after evaluation, a
graph that grows) stays once it is there. So the cost is that of a few steps, however long the
training is.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_STEPS = 4
FIRST_GLANCE = 12
FACTOR = 4
GLANCE_STEPS = 2
MOST_EXTRA_GLANCES = 4
MOST_LATE_STEPS = 12
MOST_CALLS = 50_000
MOST_HEARD_EVALUATIONS = 4


@dataclass(slots=True)
class SamplingSchedule:
    """Decides by the number of steps that the leading optimizer has made."""

    calls: int = 0
    _until: int = 0
    _next: int = FIRST_GLANCE
    _extra: int = 0
    _late: int = 0
    _evaluations: int = 0

    def initial(self, steps: int) -> bool:
        """Whether the first of all steps are not over yet."""
        return steps < FIRST_STEPS and self.calls < MOST_CALLS

    def late(self, count: int) -> bool:
        """Whether to listen closely to a training that begins after another one.

        Args:
            count: steps of the optimizer that has just stepped.
        """
        if count >= FIRST_STEPS or self._late >= MOST_LATE_STEPS or self.calls >= MOST_CALLS:
            return False
        self._late += 1
        return True

    def sampled(self, steps: int) -> bool:
        """Whether a later sample is due or under way."""
        if steps >= self._next:
            self._next = max(self._next * FACTOR, steps)
            self._until = steps + GLANCE_STEPS
        return steps < self._until

    def undisturbed(self, steps: int, count: int) -> bool:
        """Whether nothing changes after this step, the usual case of a long training.

        Args:
            steps: those of the leading optimizer.
            count: those of the optimizer that has just stepped.
        """
        return self._until <= steps < self._next and count >= FIRST_STEPS

    def hears_evaluation(self) -> bool:
        """Whether the calls of the evaluation that begins now are observed, as in the first."""
        self._evaluations += 1
        return self._evaluations <= MOST_HEARD_EVALUATIONS and self.calls < MOST_CALLS

    def ask_for_glance(self, steps: int) -> None:
        """Look at the next steps too: the model was put into evaluation mode."""
        if self._extra < MOST_EXTRA_GLANCES:
            self._extra += 1
            self._until = max(self._until, steps + GLANCE_STEPS)
