"""Targets of other examples, crossed broadcasts, mutated batches, shared splits, idle parts."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt


def rows(seed=0, n=10, c=4):
    x = torch.randn(n, c, generator=torch.Generator().manual_seed(seed))
    return {"x": x, "y": x.sum(1) + 1}


def classes(seed=0, n=10, c=4):
    x = torch.randn(n, c, generator=torch.Generator().manual_seed(seed))
    return {"x": x, "y": torch.arange(n) % 3}


def line(function, offset=1):
    return f"{__file__}:{function.__code__.co_firstlineno + offset}"


def regressor():
    return nn.Linear(4, 1)


def classifier():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


# --- broadcasts ---------------------------------------------------------------------------------


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


# --- pairing ------------------------------------------------------------------------------------


def entropy(model, b):
    return F.cross_entropy(model(b["x"]), b["y"])


def step_on(change):
    def train_step(model, optimizer, batch):
        optimizer.zero_grad()
        entropy(model, change(dict(batch))).backward()
        optimizer.step()

    return train_step


def labels_sorted(b):
    return b | {"y": b["y"].sort().values}


def inputs_shuffled(b):
    return b | {"x": b["x"][torch.randperm(len(b["x"]))]}


def labels_rolled(b):
    return b | {"y": b["y"].roll(1)}


def both_shuffled(b):
    order = torch.randperm(len(b["x"]))
    return {"x": b["x"][order], "y": b["y"][order]}


def noisy_labels(b):
    noise = torch.rand(len(b["y"])) < 0.2
    return b | {"y": torch.where(noise, (b["y"] + 1) % 3, b["y"])}


def unchanged(b):
    return b


def find_pairing(change):
    return hunt(
        classifier, classes(), loss_fn=entropy, make_optimizer=adam,
        train_step=step_on(change), checks=["shuffled-labels"],
    )  # fmt: skip


@pytest.mark.parametrize("change", [inputs_shuffled, labels_rolled, labels_sorted])
def test_labels_of_other_examples_are_found(change):
    [finding] = find_pairing(change)
    assert finding.severity == "error"


@pytest.mark.parametrize("change", [both_shuffled, noisy_labels, unchanged])
def test_reordering_both_is_silent(change):
    findings = find_pairing(change)
    assert findings == []
    assert findings.skipped == []


def test_mixed_examples_keep_their_labels():
    def mixup(model, b):
        order = torch.randperm(len(b["y"]))
        logits = model(0.7 * b["x"] + 0.3 * b["x"][order])
        return 0.7 * F.cross_entropy(logits, b["y"]) + 0.3 * F.cross_entropy(logits, b["y"][order])

    assert hunt(classifier, classes(), loss_fn=mixup, checks=["shuffled-labels"]) == []


def test_predictions_flattened_in_another_order_than_labels_are_found():
    def loss_fn(model, b):
        logits = model(b["x"]).transpose(0, 1)
        return F.cross_entropy(logits.reshape(-1, 3), b["y"].reshape(-1))

    g = torch.Generator().manual_seed(0)
    batch = {"x": torch.randn(6, 5, 4, generator=g), "y": torch.randint(0, 3, (6, 5), generator=g)}
    [finding] = hunt(classifier, batch, loss_fn=loss_fn, checks=["shuffled-labels"])
    assert finding.location == line(loss_fn, 2)


# --- mutation -----------------------------------------------------------------------------------


def scaled_in_place(b):
    b["x"].mul_(1.1)
    return b


def noise_added(b):
    b["x"] += torch.randn_like(b["x"])
    return b


def entry_replaced(b):
    b["x"] = b["x"] * 0.5
    return b


def clamped(b):
    b["x"].clamp_(-1, 1)
    return b


def popped(b):
    return {"y": b.pop("y"), "x": b["x"]} if "y" in b else b


def restored(b):
    b["x"].add_(1.0).sub_(1.0)
    return b


def find_mutation(change):
    def train_step(model, optimizer, batch):
        entropy(model, change(batch))

    batch = {k: (v * 4).round() / 4 if v.is_floating_point() else v for k, v in classes().items()}
    return hunt(
        classifier, batch, loss_fn=entropy, make_optimizer=adam,
        train_step=train_step, checks=["inplace-data-mutation"],
    )  # fmt: skip


@pytest.mark.parametrize("change", [scaled_in_place, noise_added, entry_replaced])
def test_a_step_that_changes_its_batch_is_found_at_the_line(change):
    [finding] = find_mutation(change)
    assert finding.severity == "error"
    assert finding.location == line(change)


@pytest.mark.parametrize("change", [clamped, restored, unchanged])
def test_changes_that_do_not_add_up_are_silent(change):
    assert find_mutation(change) == []


def test_evaluation_that_changes_its_batches_is_found():
    def evaluate(model, batches):
        for b in batches:
            b["x"].div_(2)
        return 0.0

    [finding] = hunt(
        classifier, classes(), loss_fn=entropy, evaluate=evaluate, val_batches=[classes(1)],
        checks=["inplace-data-mutation"],
    )  # fmt: skip
    assert finding.location == line(evaluate, 2)


# --- splits -------------------------------------------------------------------------------------


def find_split(train, val):
    return hunt(
        classifier, train[0], loss_fn=entropy, train_batches=train, val_batches=val,
        checks=["train-val-leak"],
    )  # fmt: skip


def test_validation_rows_that_were_trained_on_are_found():
    half = {name: torch.cat([classes(1)[name][:5], classes(9)[name][:5]]) for name in ("x", "y")}
    [finding] = find_split([classes(0), classes(1)], [half])
    assert finding.evidence.startswith("5 of 10 validation examples")


def test_other_rows_are_silent():
    assert find_split([classes(0), classes(1)], [classes(2), classes(3)]) == []


def test_the_few_patterns_of_a_small_world_may_repeat():
    def parity(seed):
        x = torch.randint(0, 2, (12, 4), generator=torch.Generator().manual_seed(seed)).float()
        return {"x": x, "y": x.sum(1).long() % 2}

    assert find_split([parity(0), parity(1)], [parity(2)]) == []


def test_an_iterator_that_can_be_read_once_is_left_alone():
    batches = iter([classes(0), classes(1)])
    findings = find_split([classes(0)], batches)
    assert findings == []
    assert "only once" in findings.skipped[0].reason
    assert len(list(batches)) == 2


# --- components ---------------------------------------------------------------------------------


class Gated(nn.Module):
    def __init__(self, use):
        super().__init__()
        self.use = use
        self.body = nn.Linear(4, 8)
        self.gate = nn.Linear(4, 8)
        self.scale = nn.Parameter(torch.zeros(8))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.use(self, x))


def gated(m, x):
    return m.body(x) * m.gate(x).sigmoid()


def opened_from_zero(m, x):
    return m.body(x) + m.scale * m.gate(x)


def forgotten(m, x):
    return m.body(x)


def detached(m, x):
    return m.body(x) * m.gate(x).sigmoid().detach()


def cancelled(m, x):
    return m.body(x) + m.gate(x) - m.gate(x)


def ablated(use, names=("gate",)):
    return hunt(
        lambda: Gated(use), classes(), loss_fn=entropy, make_optimizer=adam,
        train_step=step_on(unchanged), ablate=names, checks=["unused-component"],
    )  # fmt: skip


@pytest.mark.parametrize("use", [gated, opened_from_zero])
def test_components_that_matter_are_silent(use):
    assert ablated(use) == []


@pytest.mark.parametrize(
    ("use", "what"),
    [(forgotten, "never runs"), (detached, "gets no gradient"), (cancelled, "no influence")],
)
def test_components_without_use_are_found(use, what):
    [finding] = ablated(use)
    assert what in finding.message
    assert finding.module == "gate"


def test_a_misspelt_component_is_an_error_that_offers_the_right_one():
    [finding] = ablated(gated, ["gates"])
    assert finding.severity == "error"
    assert "did you mean 'gate'?" in finding.message
