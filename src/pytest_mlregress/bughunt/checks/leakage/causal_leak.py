"""Sequence models that see the very token which they are asked to predict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pytest_mlregress.bughunt.catalogue.leakage import CAUSAL_LEAK
from pytest_mlregress.bughunt.catalogue.rule import Rule
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.changed_rows import changed
from pytest_mlregress.bughunt.recording.prediction_target_pairs import (
    PredictionTargetPair,
    find_pairs,
)
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.batch_resizing import Examples
from pytest_mlregress.bughunt.replaying.fixed_values import FixedSummaries
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.replays import (
    Replay,
    base_batch,
    fastest_replay_seconds,
    replay,
    resized,
    shared,
)
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.pytrees import Path

IGNORED = -100
_MOST_OFFSETS = 8


@dataclass(frozen=True)
class _Question:
    """Labels that are an input tensor shifted by `offset`, and where the input was changed.

    Attributes:
        path: of the input tensor in the batch.
        offset: the label of position t is the input at t + offset.
        number: of the pair of predictions and labels, in the order of their calls.
        places: the positions of the input that were changed, ascending; the last one is among
            them.
        carriers: for each of them the example in which it was changed.
    """

    path: Path
    offset: int
    number: int
    places: list[int]
    carriers: list[int]


@dataclass(frozen=True)
class Visibility(_Question):
    """What predictions see of the input that their labels were taken from.

    Attributes:
        pair: where predictions and labels meet.
        seen: ``seen[t, s]``: the prediction at t changes with the input at position
            ``places[s]`` (bool).
        base, changed: the replays before and after the change.
    """

    pair: PredictionTargetPair
    seen: torch.Tensor
    base: Replay
    changed: Replay

    @property
    def own_label(self) -> list[int]:
        """Positions whose prediction sees its own label."""
        return [
            place - self.offset
            for column, place in enumerate(self.places)
            if 0 <= place - self.offset < len(self.seen)
            and bool(self.seen[place - self.offset, column])
        ]

    @property
    def reach(self) -> list[tuple[int, int]]:
        """For each changed position that matters: how far back and how far on it is seen."""
        found: list[tuple[int, int]] = []
        for column, place in enumerate(self.places):
            rows = self.seen[:, column].nonzero().flatten().tolist()
            if rows:
                found.append((place - rows[0], rows[-1] - place))
        return found


@check(CAUSAL_LEAK, cost="replay")
def causal_leak(context: HuntContext) -> Iterator[Finding]:
    """Labels are the inputs shifted by some positions, and a prediction changes with its own label.

    Every position is changed in another example, so that two replays show what each prediction
    sees. Also found: a decoder that shifts its labels itself and has no causal mask; it sees all
    labels but the last.
    """
    for visible in visible_positions(context):
        if not _leaks(visible):
            continue
        again = _confirmed(context, visible)
        if again is None:
            continue
        finding = leak_finding(again, CAUSAL_LEAK)
        if not any(
            f.check == "view-instead-of-permute" and f.location == finding.location
            for f in context.findings
        ):
            yield finding
        return


def _leaks(visible: Visibility) -> bool:
    if visible.offset > 0:
        return bool(visible.own_label)
    return _sees_all_but_the_last(visible)


def _confirmed(context: HuntContext, visible: Visibility) -> Visibility | None:
    """The same look where a label can reach its prediction by arithmetic at its position only.

    After a first pass, which data-dependent initialisation needs; with hashing, sorting and
    routing held fixed, and with the summaries that an encoder gives to its decoder. None if
    nothing leaks then.
    """
    batch = visible.base.batch
    length = dict(pytrees.leaves(batch))[visible.path].shape[1]
    mode = FixedSummaries({length - 1, length, length + 1})
    runs = []
    for run in (visible.base, visible.changed):
        first = pytrees.fresh(batch)
        runs.append(replay(context, pytrees.fresh(run.batch), mode=mode, first=first))
        mode.rewind()
    base, other = runs
    again = _compare(base, other, visible)
    return again if again is not None and _leaks(again) else None


def is_causal(visible: Visibility) -> bool:
    """Whether predictions see a fixed distance ahead at most, and some see what lies behind."""
    ahead = {back for back, _ in visible.reach if back >= 0}
    back = max(on for _, on in visible.reach)
    inner = [place for place in visible.places if place > max(ahead, default=0)]
    if len(inner) < 2 or len(visible.own_label) < len(visible.places) // 2:
        return False
    lead = max(ahead, default=0)
    return all(one == lead for one, _ in visible.reach[-len(inner) :]) and back > lead


def _sees_all_but_the_last(visible: Visibility) -> bool:
    """Whether predictions see later labels and their own, but none sees the last one."""
    if visible.places[-1:] != [len(visible.seen) - 1] or bool(visible.seen[:, -1].any()):
        return False
    earlier = [place for place in visible.places if 0 < place < len(visible.seen) - 1]
    return len(earlier) > 1 and all(
        bool(visible.seen[: place + 1, visible.places.index(place)].all()) for place in earlier
    )


@shared
def visible_positions(context: HuntContext) -> list[Visibility]:
    """What the predictions see of each tensor of the batch that their labels were taken from.

    Raises:
        CannotTell: there is no such tensor.
    """
    base, examples = _base(context)
    if any(finding.check == "batch-leak" for finding in context.findings):
        raise CannotTell("examples see each other, so positions cannot be told apart")
    context.afford(2 * fastest_replay_seconds(context))
    pairs = find_pairs(base.calls, base.from_model, base.from_data)
    found: list[Visibility] = []
    related = False
    for path, rows in examples.rows(base.batch):
        sequences = 2 <= rows.dim() <= 3 and rows.shape[1] > 2 and not rows.is_complex()
        if examples.axes[path] == 0 and sequences:
            shifted = [(n, k) for n, p in enumerate(pairs) if (k := _offset(p, rows)) is not None]
            if shifted:
                related = True
                found += _look(context, base, rows, path, shifted[::-1])
    if not related:
        raise CannotTell("no labels are a shifted copy of an input")
    return [visible for visible in found if visible.reach]


def _base(context: HuntContext) -> tuple[Replay, Examples]:
    try:
        return resized(context)
    except CannotTell:
        batch, examples = base_batch(context)
        return replay(context, pytrees.fresh(batch)), examples


def _offset(pair: PredictionTargetPair, rows: torch.Tensor) -> int | None:
    """The smallest k for which label t is input t + k wherever there is a label."""
    labels = _by_example(pair.target, rows)
    if labels is None or bool((rows[:, 1:] == rows[:, :-1]).double().mean() > 0.8):
        return None
    length = rows.shape[1]
    for offset in range(min(_MOST_OFFSETS, length - 2)):
        count = min(labels.shape[1], length - offset)
        one, other = labels[:, :count], rows[:, offset : offset + count]
        labelled = one != IGNORED
        enough = labelled.double().mean() > 0.5 and count > 1 and 2 * count > labels.shape[1]
        if enough and bool((one == other)[labelled].all()):
            return offset
    return None


def _by_example(target: torch.Tensor, rows: torch.Tensor) -> torch.Tensor | None:
    """The labels as (examples, positions, …), like the input; None if they have no such form."""
    count, inner = len(rows), rows[0, 0].numel()
    if target.numel() % (count * inner) or target.is_floating_point() != rows.is_floating_point():
        return None
    labels = target.reshape(count, -1, *rows.shape[2:])
    return labels if 1 < labels.shape[1] <= rows.shape[1] else None


def _look(
    context: HuntContext,
    base: Replay,
    rows: torch.Tensor,
    path: Path,
    shifted: list[tuple[int, int]],
) -> list[Visibility]:
    """Change one position in each example, another one in each, and see which predictions move.

    Args:
        context: whose program it is.
        base: the run without a change.
        rows: the tensor that is changed, with its examples along axis 0.
        path: of that tensor in the batch.
        shifted: numbers of the pairs whose labels it gives, with their offsets.
    """
    count, length = rows.shape[:2]
    wanted = sorted(set(torch.linspace(length - 1, 0, min(count, length)).long().tolist()))
    dealt = _deal(rows, wanted)
    altered = rows.clone()
    for place, example in dealt.items():
        altered[example, place] = _another(rows, example, place)
    other = replay(context, pytrees.replace(pytrees.fresh(base.batch), path, altered))
    places = sorted(dealt)
    carriers = [dealt[place] for place in places]
    found: list[Visibility] = []
    for number, offset in shifted:
        visible = _compare(base, other, _Question(path, offset, number, places, carriers))
        found += [visible] if visible is not None else []
    return found


def _compare(base: Replay, other: Replay, asked: _Question) -> Visibility | None:
    """Which predictions of one pair differ between two runs; None where they do not pair up."""
    pairs = [find_pairs(run.calls, run.from_model, run.from_data) for run in (base, other)]
    if any(len(one) <= asked.number for one in pairs):
        return None
    one, two = (found[asked.number] for found in pairs)
    rows = dict(pytrees.leaves(base.batch))[asked.path]
    labels = _by_example(one.target, rows)
    if labels is None or one.prediction.shape != two.prediction.shape:
        return None
    moved = changed(one.prediction, two.prediction).any(-1)
    moved = moved.view(len(rows), labels.shape[1], -1).any(-1)
    return Visibility(
        asked.path,
        asked.offset,
        asked.number,
        asked.places,
        asked.carriers,
        one,
        moved[asked.carriers].T,
        base,
        other,
    )


def _deal(rows: torch.Tensor, wanted: list[int]) -> dict[int, int]:
    """For each wanted position an example of its own in which that position is no padding."""
    last = rows.flatten(2)[..., 0] if rows.dim() > 2 else rows
    varied = (last != last[:, -1:]).int()
    ends = torch.where(varied.any(1), varied.shape[1] - varied.flip(1).argmax(1), 0)
    ends = ends + (ends == varied.shape[1] - 1).int()  # one value at the end is content …
    fill = last[ends < last.shape[1], -1]  # … unless other examples are filled up with it
    ends = ends - ((ends == last.shape[1]) & torch.isin(last[:, -1], fill)).int()
    free = list(range(len(rows)))
    dealt: dict[int, int] = {}
    for place in reversed(wanted):
        chosen = next((e for e in free if place < int(ends[e])), None)
        if chosen is not None:
            dealt[place] = chosen
            free.remove(chosen)
    return dealt


def _another(rows: torch.Tensor, example: int, place: int) -> torch.Tensor:
    """Another value than the one at a place, from the same tensor."""
    old = rows[example, place]
    if rows.is_floating_point():
        return old + rows.std() + 0.1
    values: list[float] = sorted(set(rows[rows >= 0].tolist()))

    def other(one: float) -> float:
        rest = [value for value in values if value != one]
        return rest[example % len(rest)]

    return torch.tensor([*map(other, old.flatten().tolist())], dtype=rows.dtype).view_as(old)


def leak_finding(visible: Visibility, rule: Rule) -> Finding:
    """The finding of `causal-leak` or `labels-not-shifted` for what predictions see."""
    entry = "".join(f"[{key!r}]" for key in visible.path)
    position = visible.own_label[0]
    own = f"position {position} changes with the input at {position + visible.offset}"
    if rule is CAUSAL_LEAK:
        line = _first_backward_flow(visible)
    else:
        line = None if _made_in_the_data(visible) else visible.pair.call.location
    return rule.finding(
        location=line,
        evidence=f"the labels are batch{entry} shifted by {visible.offset}; the prediction at "
        f"{own}, its label, as at {len(visible.own_label)} of {len(visible.places)} positions "
        "looked at",
    )


def _made_in_the_data(visible: Visibility) -> bool:
    """Whether labels and inputs are two tensors of the batch, so that no line of code shifts."""
    origin = visible.base.provenance.origin(inputs(visible.pair.call)[1], visible.pair.call)
    named = dict(pytrees.leaves(visible.base.batch))[visible.path]
    return origin is not named and any(origin is t for t in pytrees.tensors(visible.base.batch))


def _first_backward_flow(visible: Visibility) -> str | None:
    """The first call at which a change at a late position reached an earlier one.

    For attention with a mask of its own, the line where that mask was made.
    """
    for call, counterpart in zip(visible.base.calls, visible.changed.calls, strict=False):
        pairs = zip(pytrees.tensors(call.output), pytrees.tensors(counterpart.output), strict=False)
        for one, other in pairs:
            if call.module is None or one.shape != other.shape or one.dim() < 2:
                continue
            if one.is_floating_point() and _flows_back(visible, one, other):
                return _mask_line(visible.base, call.location) or call.location
    return visible.pair.call.location


def _mask_line(base: Replay, location: str | None) -> str | None:
    """Where the mask was made that an attention at a line is given."""
    for call in base.calls:
        mask = call.keywords.get("attn_mask")
        if call.location == location and isinstance(mask, torch.Tensor):
            made = base.provenance.producer(mask, call)
            return made.location if made is not None else None
    return None


def _flows_back(visible: Visibility, one: torch.Tensor, other: torch.Tensor) -> bool:
    count = len(next(iter(pytrees.tensors(visible.base.batch))))
    lengths = {len(visible.seen), len(visible.seen) + 1}
    axes = [axis for axis in range(1, one.dim()) if one.shape[axis] in lengths]
    if not axes or len(one) != count:
        return False
    moved = changed(one, other)
    for example, place in zip(visible.carriers, visible.places, strict=True):
        here = moved[example]
        for axis in axes:
            index = torch.arange(one.shape[axis])
            shape = [1] * here.dim()
            shape[axis - 1] = len(index)
            here = here & (index < place).view(shape)
        if bool(here.any()):
            return True
    return False
