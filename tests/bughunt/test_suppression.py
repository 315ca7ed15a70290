"""Suppressed findings are kept apart, and suppressions that nothing needs are reported."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from small_program import BATCH, SOFTMAX, loss_fn, make_model, slugs, squashed

from pytest_mlregress.bughunt import hunt


def squashed_on_purpose(model, batch):
    p = model(batch[0]).softmax(-1)  # mlregress: ignore[softmax-into-cross-entropy] a soft target
    return F.cross_entropy(p, batch[1])


def squashed_without_reason(model, batch):
    p = model(batch[0]).softmax(-1)  # mlregress: ignore[softmax-into-cross-entropy]
    return F.cross_entropy(p, batch[1])


def nothing_to_ignore(model, batch):
    logits = model(batch[0]) * 2  # mlregress: ignore[softmax-into-cross-entropy] it was one once
    return F.cross_entropy(logits, batch[1])


def test_a_suppressed_finding_is_kept_apart():
    findings = hunt(make_model, BATCH, loss_fn=squashed, checks=SOFTMAX, suppress=SOFTMAX)
    assert findings == []
    assert slugs(findings.suppressed) == SOFTMAX


def test_a_comment_with_a_reason_suppresses_at_its_line():
    findings = hunt(make_model, BATCH, loss_fn=squashed_on_purpose, checks=SOFTMAX)
    assert findings == []
    assert slugs(findings.suppressed) == SOFTMAX


def test_a_comment_without_a_reason_is_reported():
    findings = hunt(make_model, BATCH, loss_fn=squashed_without_reason, checks=SOFTMAX)
    assert slugs(findings) == ["suppression-without-reason"]


def test_suppressions_that_nothing_needs_are_reported():
    findings = hunt(make_model, BATCH, loss_fn=nothing_to_ignore, checks=SOFTMAX)
    assert slugs(findings) == ["unneeded-suppression"]
    findings = hunt(make_model, BATCH, loss_fn=loss_fn, checks=SOFTMAX, suppress=SOFTMAX)
    assert slugs(findings) == ["unneeded-suppression"]
