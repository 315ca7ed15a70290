"""Causal models that are asked for the input that they have just been given."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mlregress.bughunt.catalogue.leakage import LABELS_NOT_SHIFTED
from pytest_mlregress.bughunt.checks.leakage.causal_leak import (
    is_causal,
    leak_finding,
    visible_positions,
)
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext


@check(LABELS_NOT_SHIFTED, cost="replay")
def labels_not_shifted(context: HuntContext) -> Iterator[Finding]:
    """A causal model is asked for the input that it has just been given.

    Causal is what the replays show: no prediction sees more than a fixed distance ahead, but some
    see what lies behind. So autoencoders, taggers, masked language models and position-wise
    networks pass, as do echo tasks, whose labels lie in the past. A model that predicts later
    tokens as well may be asked for the present one besides.
    """
    found = visible_positions(context)
    ahead = {visible.path for visible in found if visible.offset > 0}
    for visible in found:
        if visible.path in ahead:
            continue
        if visible.offset == 0 and visible.own_label and is_causal(visible):
            yield leak_finding(visible, LABELS_NOT_SHIFTED)
            return
