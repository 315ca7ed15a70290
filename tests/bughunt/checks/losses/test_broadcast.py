"""Losses and metrics that compare every prediction with every target."""

from __future__ import annotations

import inspect

import pytest
import torch
from guarded_training import plain, train, watched
from row_batches import adam, classes, classifier, line
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt

# --- hunt ---------------------------------------------------------------------------------------


def rows(seed=0, n=10, c=4):
    x = torch.randn(n, c, generator=torch.Generator().manual_seed(seed))
    return {"x": x, "y": x.sum(1) + 1}


def regressor():
    return nn.Linear(4, 1)


def column_against_row(model, b):
    return F.mse_loss(model(b["x"]), b["y"])


def column_minus_row(model, b):
    return (model(b["x"]) - b["y"]).abs().mean()


def row_against_column(model, b):
    return F.smooth_l1_loss(model(b["x"]).squeeze(1), b["y"].unsqueeze(1))


def likelihood_by_hand(model, b):
    return ((model(b["x"]) - b["y"]) ** 2 / 2 + 1).sum()


def quotient(model, b):
    p, t = torch.sigmoid(model(b["x"])), b["y"].sigmoid()
    overlap = p * t
    return 1 - (2 * overlap / (p + t)).mean() + F.mse_loss(p, t.unsqueeze(1))


@pytest.mark.parametrize(
    "loss_fn", [column_against_row, column_minus_row, row_against_column, likelihood_by_hand]
)
def test_a_loss_that_pairs_all_with_all_is_found(loss_fn):
    [finding] = hunt(regressor, rows(), loss_fn=loss_fn, checks=["broadcast-loss"])
    assert finding.severity == "error"
    assert finding.location == line(loss_fn)


def noise_of(keep):
    def loss_fn(model, batch):
        noise = torch.randn_like(batch["y"])
        guess = model(batch["x"] + 0.1 * noise[:, None])
        return F.mse_loss(guess if keep else guess.squeeze(-1), noise)

    return loss_fn


@pytest.mark.parametrize(("keep", "found"), [(True, 1), (False, 0)])
def test_noise_is_a_target_too(keep, found):
    findings = hunt(regressor, rows(), loss_fn=noise_of(keep), checks=["broadcast-loss"])
    assert [f.severity for f in findings] == ["error"] * found


def test_a_quotient_whose_parts_both_pair_all_with_all_is_found():
    [finding] = hunt(regressor, rows(), loss_fn=quotient, checks=["broadcast-loss"])
    assert "mul broadcasts" in finding.message


def squeezed(model, b):
    return F.mse_loss(model(b["x"]).squeeze(1), b["y"])


def per_column(model, b):
    return (model(b["x"]) - b["x"]).square().mean()


def pairwise_ranking(model, b):
    s = model(b["x"]).squeeze(1)
    better = b["y"][:, None] > b["y"][None, :]
    return (F.softplus(s[None, :] - s[:, None]) * better).mean()


def energy_distance(model, b):
    s, y = model(b["x"]), b["y"][:, None]
    return (s[:, None] - y).abs().mean() - (s[:, None] - s).abs().mean() / 2


def bilinear_critic(model, b):
    score = model(b["x"]) * b["y"]
    return F.cross_entropy(score, torch.arange(len(score)))


@pytest.mark.parametrize(
    "loss_fn", [squeezed, per_column, pairwise_ranking, energy_distance, bilinear_critic]
)
def test_losses_that_compare_on_purpose_are_silent(loss_fn):
    findings = hunt(regressor, rows(), loss_fn=loss_fn, checks=["broadcast-loss"])
    assert findings == []
    assert findings.skipped == []


def step_of(difference):
    """A step with a loss of its own, which `loss_fn` knows nothing of."""

    def train_step(model, optimizer, b):
        optimizer.zero_grad()
        loss = difference(model, b)
        loss.backward()
        optimizer.step()

    return train_step


def find_in_step(difference):
    return hunt(
        regressor, rows(), loss_fn=squeezed, make_optimizer=adam,
        train_step=step_of(difference), checks=["broadcast-loss"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "loss", [column_against_row, column_minus_row, row_against_column, likelihood_by_hand]
)
def test_a_step_whose_own_loss_pairs_all_with_all_is_found(loss):
    [finding] = find_in_step(loss)
    assert finding.severity == "error"
    assert finding.location == line(loss)


@pytest.mark.parametrize("loss", [per_column, pairwise_ranking, energy_distance, bilinear_critic])
def test_steps_that_compare_on_purpose_are_silent(loss):
    assert find_in_step(loss) == []


def towards_a_slow_copy(model, b):
    with torch.no_grad():
        goal = b["y"] + 0.5 * model(b["x"]).squeeze(1)
    return F.mse_loss(model(b["x"]), goal)


def test_a_target_that_a_model_made_is_a_target_too():
    [finding] = hunt(regressor, rows(), loss_fn=towards_a_slow_copy, checks=["broadcast-loss"])
    assert finding.location == line(towards_a_slow_copy, 3)


def mean_error(model, batches):
    return sum((model(b["x"]) - b["y"]).abs().mean().item() for b in batches)


def matching(model, batches):
    return sum((model(b["x"]).argmax(1)[:, None] == b["y"]).float().mean() for b in batches)


def accuracy(model, batches):
    return sum((model(b["x"]).argmax(1) == b["y"]).float().mean() for b in batches)


def nearest_label(model, batches):
    right = 0.0
    for b in batches:
        z = model(b["x"])
        nearest = torch.cdist(z, z).fill_diagonal_(9e9).argmin(1)
        right += (b["y"][nearest] == b["y"]).float().mean().item()
    return right


def find_metric(make_model, batch, evaluate):
    return hunt(
        make_model, batch, loss_fn=lambda m, b: m(b["x"]).mean(), evaluate=evaluate,
        val_batches=[batch], checks=["broadcast-metric"],
    )  # fmt: skip


def test_metrics_that_pair_all_with_all_are_found():
    [finding] = find_metric(regressor, rows(), mean_error)
    assert finding.location == line(mean_error)
    [finding] = find_metric(classifier, classes(), matching)
    assert finding.location == line(matching)


def test_ordinary_metrics_are_silent():
    assert find_metric(classifier, classes(), accuracy) == []
    assert find_metric(classifier, classes(), nearest_label) == []


# --- guards -------------------------------------------------------------------------------------


def several_terms(model, x, y):
    return (model(x)[:, :1] - y.float()).square().mean() + 0.1 * model(x).abs().mean()


def test_an_outer_difference_that_is_averaged_is_a_warning():
    found, _ = watched(lambda m, x, y: (m(x)[:, :1] - y.float()).square().mean())
    assert found == [("broadcast-loss", "warning")]


def test_an_outer_difference_in_one_of_several_terms_is_a_warning():
    assert watched(several_terms)[0] == [("broadcast-loss", "warning")]


def evaluating(metric):
    def step(model, optimizer, x, y):
        plain(model, optimizer, x, y)
        model.eval()
        with torch.no_grad():
            metric(model(x), y).float().mean()
        model.train()

    return step


CROSSED = {
    "a kept axis": lambda guess, y: guess.argmax(1, keepdim=True) == y,
    "a column": lambda guess, y: (guess[:, :1] - y).abs(),
    "labels first": lambda guess, y: y - guess.softmax(-1)[:, 1:],
}
STRAIGHT = {
    "the same shape": lambda guess, y: guess.argmax(1) == y,
    "pairs of labels": lambda guess, y: y[:, None] == y,
    "pairs of predictions": lambda guess, y: guess.argmax(1)[:, None] == guess.argmax(1),
    "every class": lambda guess, y: guess.argmax(1)[:, None] == torch.arange(2),
    "a written-out outer difference": lambda guess, y: guess[:, :1] - y[None, :],
}


@pytest.mark.parametrize("name", CROSSED)
def test_a_metric_of_everything_with_everything_is_a_warning(name):
    found, [finding] = train(nn.Linear(8, 2), evaluating(CROSSED[name]))
    assert found == [("broadcast-metric", "warning")]
    lines, _ = inspect.getsourcelines(inspect.getmodule(evaluating))
    assert name in lines[int(finding.location.rpartition(":")[2]) - 1]


@pytest.mark.parametrize("name", STRAIGHT)
def test_metrics_that_are_meant_pass(name):
    assert train(nn.Linear(8, 2), evaluating(STRAIGHT[name]))[0] == []
