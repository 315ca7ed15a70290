"""Ablations as the command finds them, made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean, stdev

from pytest_mlregress.revisions.ablation.change import Change, ChangeKind
from pytest_mlregress.revisions.ablation.results import Ablation, CellOutcome, MetricEffects
from pytest_mlregress.statistics.factorial_results import (
    CellSummary,
    ChangeEffects,
    Effect,
    FactorialEffects,
    JointLoss,
    Judgement,
    Masking,
)

BASE, A, B, AB = frozenset(), frozenset("A"), frozenset("B"), frozenset("AB")
NOISE = (0.002, -0.001, 0.0005, -0.002, 0.0005)


def effect(kind: str, changes: str, mean: float, reach: float = 0.004, **more: object) -> Effect:
    lost = mean + reach < 0
    given = {
        "kind": kind,
        "changes": tuple(changes),
        "mean": mean,
        "interval": (mean - reach, mean + reach),
        "loss": -mean,
        "p_loss": 0.0004 if lost else 0.6,
        "p_safe": 0.9 if lost else 0.001,
        "seeds": 5,
        "loss_shown": lost,
        "safe": mean - reach > -0.01,
    }
    return Effect(**{**given, **more})


def seeds_around(mean: float) -> Mapping[int, float]:
    return {seed: mean + noise for seed, noise in enumerate(NOISE)}


def summary(values: Mapping[int, float]) -> CellSummary:
    finite = [value for value in values.values() if math.isfinite(value)]
    return CellSummary(fmean(finite), stdev(finite), len(values), len(values) - len(finite))


def two_changes(
    means: tuple[float, float, float, float],
    judgements: tuple[Judgement, Judgement],
    *,
    masks: tuple[Masking, ...] = (),
    joint: tuple[JointLoss, ...] = (),
    test: str = "tests/test_digits.py::test_fit",
    metric: str = "accuracy",
    reach: float = 0.004,
) -> MetricEffects:
    base, a, b, both = means
    values = {cell: seeds_around(mean) for cell, mean in zip((BASE, A, B, AB), means, strict=True)}
    effects = {
        "A": (a - base, both - b),
        "B": (b - base, both - a),
    }
    changes = tuple(
        ChangeEffects(
            change=name,
            alone=effect("alone", name, alone, reach),
            with_others=effect("with others", name, together, reach),
            main=effect("main", name, (alone + together) / 2, reach / 2),
            judgement=judgement,
        )
        for (name, (alone, together)), judgement in zip(effects.items(), judgements, strict=True)
    )
    found = FactorialEffects(
        changes=changes,
        interactions=(effect("interaction", "AB", both - a - b + base, 1.5 * reach),),
        masks=masks,
        joint_losses=joint,
        cells={cell: summary(sample) for cell, sample in values.items()},
        margin=0.01,
        fixed_margin=True,
        alpha=0.05,
        decided=True,
    )
    return MetricEffects(
        test=test,
        tier="default",
        metric=metric,
        higher_is_better=True,
        values=values,
        effects=found,
    )


def masked() -> MetricEffects:
    return two_changes(
        (0.93, 0.95, 0.91, 0.935),
        ("safe", "loses"),
        masks=(Masking("B", ("A",), 0.02, -0.005),),
    )


def ablation(*metrics: MetricEffects, **more: object) -> Ablation:
    changes = (
        Change("A", ChangeKind.BRANCH, "wide", "9b1d3aa" * 5, "a" * 40, ("a" * 40, "c" * 40)),
        Change("B", ChangeKind.PATCH, "patches/rate.patch", "9b1d3aa" * 5, "b" * 40),
    )
    given = {
        "base": "main",
        "base_commit": "9b1d3aa" * 5,
        "changes": changes,
        "cells": (
            CellOutcome(BASE, "BASE", "9b1d3aa" * 5),
            CellOutcome(A, "A", "a" * 40),
            CellOutcome(B, "B", "b" * 40),
            CellOutcome(AB, "A+B", "d" * 40),
        ),
        "resolution": None,
        "metrics": metrics or (masked(),),
        "seeds": tuple(range(10)),
        "trained": 12,
        "reused": 8,
        "decided_after": 5,
    }
    return Ablation(**{**given, **more})
