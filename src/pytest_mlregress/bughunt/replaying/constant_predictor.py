"""How good the best constant guess would be, for losses whose targets are known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.replaying.replays import reached


@dataclass(frozen=True)
class Score:
    """An error, and the error of the best constant guess where that is known.

    Attributes:
        value: the error, whatever weights or smoothing the loss itself uses.
        guess: that of the best constant guess; None where the targets are not known.
        floor: the least that is possible.
        loss: what ``loss_fn`` returned.
    """

    value: float
    guess: float | None
    floor: float = 0.0
    loss: float = math.nan

    def progress(self, start: Score) -> float:
        """What is left of the way from guessing (else from the start) down to the floor.

        1 is no better than a guess, 0 is perfect.
        """
        if not math.isfinite(self.value):
            return math.inf
        if self.guess is None:
            return 0.0 if self.value < start.value - 1e-3 * abs(start.value) - 1e-9 else 1.0
        if self.guess - self.floor < 1e-3:
            return 0.0
        return (self.value - self.floor) / (self.guess - self.floor)


def score(loss: float, calls: list[RecordedCall]) -> Score:
    """The score of the last loss call whose targets are data; else the loss itself."""
    judged = last_judgement(calls)
    if judged is None:
        return Score(loss, None, loss=loss)
    found = _of(*judged)
    assert found is not None
    return dataclasses.replace(found, loss=loss)


def pooled_score(batches: Sequence[list[RecordedCall]]) -> Score | None:
    """The score of several batches' predictions against the best constant for all of them.

    None where a batch has no known targets, or where they do not fit together.
    """
    judged = [last_judgement(calls) for calls in batches]
    known = [one for one in judged if one is not None]
    if not known or len(known) < len(judged) or len({call.name for call, _, _ in known}) > 1:
        return None
    givens, targets = [given for _, given, _ in known], [target for _, _, target in known]
    for tensors in (givens, targets):
        if len({(tensor.shape[1:], tensor.dtype) for tensor in tensors}) > 1:
            return None
    return _of(known[0][0], torch.cat(givens), torch.cat(targets))


def last_judgement(
    calls: list[RecordedCall],
) -> tuple[RecordedCall, torch.Tensor, torch.Tensor] | None:
    """The last loss call that a `Score` can be made from, its input and its target.

    None where a network sets a target too (a teacher): how well data and teacher can be followed
    at the same time is unknown.
    """
    judged: list[tuple[RecordedCall, torch.Tensor, torch.Tensor]] = []
    learned = _from_parameters(calls)
    for call in calls:
        tensors = inputs(call)
        if len(tensors) < 2 or tensors[0].shape[:1] != tensors[1].shape[:1]:
            continue
        given, target = tensors[0].detach().float(), tensors[1].detach()
        if _of(call, given, target) is None:
            continue
        if id(tensors[1]) in learned:
            return None
        judged.append((call, given, target))
    return judged[-1] if judged else None


def _from_parameters(calls: list[RecordedCall]) -> set[int]:
    """Ids of the tensors that depend on parameters."""
    parameters = [t for call in calls for t in inputs(call) if isinstance(t, torch.nn.Parameter)]
    return reached(calls, parameters)


def _of(call: RecordedCall, given: torch.Tensor, target: torch.Tensor) -> Score | None:
    if call.name in ("cross_entropy", "nll_loss") and given.dim() >= 2:
        return _of_classes(given, target, call)
    if call.name == "binary_cross_entropy_with_logits":
        return _of_bits(given, target.float())
    if call.name == "mse_loss" and given.shape == target.shape:
        return _of_values(given, target.float())
    return None


def _of_classes(given: torch.Tensor, target: torch.Tensor, call: RecordedCall) -> Score | None:
    """Mean negative log-likelihood, whatever weights or smoothing the loss itself uses."""
    classes = given.shape[1]
    rows = given.movedim(1, -1).reshape(-1, classes)
    if target.is_floating_point():
        wanted = target.float().movedim(1, -1).reshape(-1, classes)
    else:
        flat = target.reshape(-1)
        kept = (flat >= 0) & (flat < classes) & (flat != call.argument(4, "ignore_index", -100))
        if not bool(kept.any()):
            return None
        rows, wanted = rows[kept], functional.one_hot(flat[kept], classes).float()
    return Score(
        _cross_entropy(rows.log_softmax(-1), wanted), _entropy(wanted.mean(0)), _entropy(wanted)
    )


def _cross_entropy(log_probabilities: torch.Tensor, wanted: torch.Tensor) -> float:
    return float(-(wanted * log_probabilities.clamp(min=-1e4)).sum(-1).mean())


def _entropy(probabilities: torch.Tensor) -> float:
    return float(-torch.xlogy(probabilities, probabilities).sum(-1).mean())


def _of_bits(given: torch.Tensor, target: torch.Tensor) -> Score | None:
    if given.shape != target.shape or bool((target < 0).any()) or bool((target > 1).any()):
        return None
    rate = target.mean(0, keepdim=True)
    both = torch.stack([rate, 1 - rate], -1)
    value = functional.binary_cross_entropy_with_logits(given, target)
    return Score(float(value), _entropy(both), _entropy(torch.stack([target, 1 - target], -1)))


def _of_values(given: torch.Tensor, target: torch.Tensor) -> Score | None:
    guess = float((target - target.mean(0, keepdim=True)).square().mean())
    return Score(float((given - target).square().mean()), guess)
