"""How closely a guard listens, as one function of how far the training is."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlregress.bughunt.listening.detector import Progress


class ListeningLevel(IntEnum):
    """What is observed; each level includes those before it.

    Attributes:
        SILENT: nothing any more: the guard is disabled.
        STEPS: optimizer steps, and the calls for which torch has no hook.
        MODULES: modules as they run.
        CALLS: every torch call.
    """

    SILENT = 0
    STEPS = 1
    MODULES = 2
    CALLS = 3


class NoGrad(IntEnum):
    """Where the user's code has switched gradients off, and what was seen since.

    Attributes:
        OUTSIDE: gradients are on.
        BEGUN: no module has run yet, or the calls of this evaluation are not observed.
        EVALUATION: a model runs, as one of the first times.
        SEEN_ENOUGH: it repeats itself.
    """

    OUTSIDE = 0
    BEGUN = 1
    EVALUATION = 2
    SEEN_ENOUGH = 3


def level(progress: Progress) -> ListeningLevel:
    """How closely to listen now.

    The sampling schedule decides, but for two cases: of an optimizer that steps without a closure
    only its own arithmetic could be observed, and where gradients are off an evaluation may run
    that the schedule knows nothing of.
    """
    if progress.disabled:
        return ListeningLevel.SILENT
    if progress.stepping:
        return min(progress.scheduled, ListeningLevel.MODULES)
    if progress.no_grad is NoGrad.SEEN_ENOUGH:
        return ListeningLevel.STEPS
    if progress.no_grad is NoGrad.EVALUATION:
        return ListeningLevel.CALLS
    if progress.no_grad is NoGrad.BEGUN:
        return max(progress.scheduled, ListeningLevel.MODULES)
    return progress.scheduled
