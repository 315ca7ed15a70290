"""Training that cannot fit one batch."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from snippets import BATCH, find, line_of, loss_fn, make_model, train_step

from pytest_mlregress.bughunt import hunt
from pytest_mlregress.bughunt.checks.learning.single_batch_overfit import Run
from pytest_mlregress.bughunt.replaying.constant_predictor import Score
from pytest_mlregress.bughunt.replaying.cpu_clock import Stopwatch


def test_no_single_batch_overfit_says_why():
    def blurred(model, batch):
        return F.cross_entropy(model(batch[0]), torch.randint(3, (12,)))

    [finding] = find("no-single-batch-overfit", loss_fn=blurred, train_step=None)
    assert "best constant" in finding.evidence
    assert find("no-single-batch-overfit") == []


def pulled_back(strength):
    """A step of one's own that shrinks all weights after each update."""

    def step(model, optimizer, batch):
        train_step(model, optimizer, batch)
        with torch.no_grad():
            torch._foreach_mul_(list(model.parameters()), 1 - strength)

    return step


@pytest.mark.parametrize(
    ("values", "stuck"),
    [
        ((9.0, 5.0, 4.9), True),  # halted far above the guess of 1
        ((9.0, 5.0, 4.0), False),  # still on its way
        ((9.0, 1.3, 1.2), False),  # slower, and nearly there
        ((9.0, 8.9, 8.8), False),  # slow from the start
        ((9.0, 0.9, 0.89), False),  # better than a guess
    ],
)
def test_a_training_that_halts_before_it_is_as_good_as_a_guess_is_stuck(values, stuck):
    start, middle, end = (Score(value, 1.0) for value in values)
    assert Run("train_step", (start, middle, end)).stuck is stuck


def plain_descent(rate):
    return lambda model: torch.optim.SGD(model.parameters(), lr=rate)


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def test_a_slow_step_is_not_stuck(rate):
    assert find("no-single-batch-overfit", make_optimizer=plain_descent(rate)) == []


def test_a_little_shrinking_is_not_stuck():
    assert find("no-single-batch-overfit", train_step=pulled_back(0.01)) == []


def either_of_two_labels(model, batch):
    """A mean over both is what a constant is best at; the loss asks for one of them."""
    logits = model(batch[0]).repeat_interleave(2, 0)
    labels = torch.stack([batch[1], (batch[1] + 1) % 3], 1).flatten()
    return F.cross_entropy(logits, labels, reduction="none").view(-1, 2).amin(1).mean()


def test_a_loss_that_need_not_be_fitted_is_skipped_with_the_reason():
    findings = hunt(
        make_model, BATCH, loss_fn=either_of_two_labels, checks=["no-single-batch-overfit"]
    )
    assert findings == []
    [skip] = findings.skipped
    assert skip.reason == (
        f"amin at {line_of(either_of_two_labels, 'amin')} picks some of the outputs for the loss: "
        f"a correct model need not fit the others"
    )


def test_values_clipped_near_earlier_ones_are_not_out_of_reach():
    def clipped(model, batch):
        value = model(batch[0])
        near = (value - batch[0][:, :3]).clamp(-0.05, 0.05) + batch[0][:, :3]
        return F.mse_loss(near, batch[0][:, :3] + 1)

    def bounded(model, batch):
        return F.mse_loss(model(batch[0]).clamp(-0.05, 0.05), batch[0][:, :3] + 1)

    assert find("no-single-batch-overfit", loss_fn=clipped, train_step=None) == []
    [finding] = find("no-single-batch-overfit", loss_fn=bounded, train_step=None)
    assert "whatever the last layer's weights" in finding.evidence


def busy(seconds):
    """What a larger model would take."""
    stopwatch = Stopwatch()
    while stopwatch.seconds < seconds:
        pass


def recorded_slowly(recorded, plain):
    """A loss that cannot be learned, and how long it takes while it is recorded, and else."""

    def loss(model, batch):
        modes = torch.overrides._get_current_function_mode_stack()
        busy(recorded if modes else plain)
        return F.cross_entropy(0 * model(batch[0]), batch[1])

    return loss


def hunted(loss, budget_s):
    return hunt(
        make_model, BATCH, loss_fn=loss, checks=["no-single-batch-overfit"], budget_s=budget_s
    )


def test_the_budget_pays_for_plain_steps_not_for_recorded_ones():
    findings = hunted(recorded_slowly(0.05, 0.0), 15.0)  # 120 recorded steps take 6 s
    assert [finding.check for finding in findings] == ["no-single-batch-overfit"]


def test_a_share_that_pays_for_too_few_steps_is_said():
    findings = hunted(recorded_slowly(0.03, 0.03), 2.0)
    assert findings == []
    [skip] = findings.skipped
    assert re.fullmatch(
        r"needs about \d\.\d s, [01]\.\d s of the budget of 2 s are left; raise budget_s",
        skip.reason,
    )


# A loaded machine pays for fewer than the least number of steps.
SOME_STEPS = r"[3-9]\d steps on one batch do not suffice|needs about"


def test_a_share_that_pays_for_some_steps_accuses_nobody():
    findings = hunted(recorded_slowly(0.02, 0.02), 4.0)
    assert findings == []
    [skip] = findings.skipped
    assert re.match(SOME_STEPS, skip.reason)


def test_a_share_that_pays_for_some_steps_of_the_users_accuses_nobody():
    def warmed_up(model):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: float(done >= 60))

    def step(model, scheduler, batch):
        busy(0.02)
        scheduler.optimizer.zero_grad()
        loss_fn(model, batch).backward()
        scheduler.optimizer.step()
        scheduler.step()

    findings = hunt(
        make_model,
        BATCH,
        loss_fn=loss_fn,
        make_optimizer=warmed_up,
        train_step=step,
        checks=["no-single-batch-overfit"],
        budget_s=4.0,
    )
    assert findings == []
    [skip] = findings.skipped
    assert re.match(SOME_STEPS, skip.reason)
