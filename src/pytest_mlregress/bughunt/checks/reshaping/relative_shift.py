"""Relative shifts: regroupings that are meant, in pairs or behind padding.

SamplingSchedule with relative positions skews its scores by reading rows at another length (Music
Transformer, Huang et al. 2018; Transformer-XL, Dai et al. 2019).
"""

from __future__ import annotations

import torch

from pytest_mlregress.bughunt.checks.reshaping.row_major import regroups
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.replaying.replays import Replay
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import RESHAPES, SHAPE, SLICES


def is_skew(run: Replay, call: RecordedCall) -> bool:
    """Whether a regrouping is one half of a relative shift: padded before, or undone after."""
    regrouped = run.provenance.source(inputs(call)[0], call, SLICES)
    if regrouped is not None and regrouped.name in RESHAPES and _regroups(regrouped):
        return True
    source = run.provenance.source(inputs(call)[0], call, SHAPE - {"cat", "concat"})
    if source is not None and source.name in ("pad", "constant_pad_nd"):
        return True
    if source is not None and source.name in ("cat", "concat"):
        return any(id(part) not in run.from_data for part in inputs(source))
    return _undone(run, call.output, call, 0)


def _undone(run: Replay, tensor: torch.Tensor, after: RecordedCall, depth: int) -> bool:
    """Whether all that becomes of a tensor is slicing and then a second regrouping."""
    readers = [c for c in run.provenance.readers(tensor) if c.order > after.order and _uses(c)]
    if not readers or depth > 4:
        return False
    return all(_undoes(run, reader, depth) for reader in readers)


def _undoes(run: Replay, reader: RecordedCall, depth: int) -> bool:
    if not isinstance(reader.output, torch.Tensor):
        return False
    if reader.name in RESHAPES:
        return _regroups(reader)
    return reader.name in SLICES and _undone(run, reader.output, reader, depth + 1)


def _regroups(call: RecordedCall) -> bool:
    given = inputs(call)[0]
    return given.numel() > 0 and regroups(tuple(given.shape), tuple(call.output.shape))


def _uses(call: RecordedCall) -> bool:
    return bool(pytrees.tensors(call.output))
