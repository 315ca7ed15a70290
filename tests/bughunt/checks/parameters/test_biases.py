"""Biases that batch norm removes, and outputs that lack one."""

from __future__ import annotations

import pytest
import torch
from guarded_training import Normed, by_loss, plain, train
from snippets import BATCH, find, line_of
from text_model import WORDS, find_in_text, head_of_embedding, text
from torch import nn
from torch.nn import functional as F  # noqa: N812

# --- hunt ---------------------------------------------------------------------------------------


def test_bias_before_batchnorm_is_an_error_only_when_asked_for():
    def make(bias=True):
        return nn.Sequential(
            nn.Linear(6, 8, bias=bias),  # here
            nn.BatchNorm1d(8),
            nn.Linear(8, 3),
        )

    [finding] = find("bias-before-batchnorm", make_model=make)
    assert finding.severity == "error"
    assert finding.location == line_of(make, "# here")
    assert find("bias-before-batchnorm", make_model=lambda: make(bias=False)) == []
    norm = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3))
    assert find("bias-before-batchnorm", make_model=lambda: norm) == []


def test_a_bias_before_batchnorm_that_runs_on_two_views():
    def make():
        return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))

    def both(model, batch):
        x, y = batch
        return F.cross_entropy(model(x), y) + F.cross_entropy(model(x + 0.1), y)

    def once_without(model, batch):
        x, _y = batch
        return both(model, batch) + model[0](x).square().mean()

    [finding] = find("bias-before-batchnorm", make_model=make, loss_fn=both)
    assert finding.module == "0.bias"
    assert find("bias-before-batchnorm", make_model=make, loss_fn=once_without) == []


@pytest.mark.parametrize(("bias", "found"), [(False, 1), (True, 0)])
def test_missing_output_bias_before_a_sigmoid(bias, found):
    def make():
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1, bias=bias), nn.Sigmoid())

    def rare(model, batch):
        return F.binary_cross_entropy(model(batch[0])[:, 0], (batch[0][:, 0] > 1.4).float())

    findings = find("missing-output-bias", make_model=make, loss_fn=rare, train_step=None)
    assert [f.severity for f in findings] == ["error"] * found


def far_away(model, batch):
    return (25 + batch[0].sum(1, keepdim=True) - model(batch[0])).square().mean().log1p()


@pytest.mark.parametrize(
    ("bias", "wrap", "found"),
    [
        (False, lambda layer: layer, 1),
        (False, nn.utils.parametrizations.weight_norm, 1),
        (True, lambda layer: layer, 0),
        (True, nn.utils.parametrizations.weight_norm, 0),
    ],
)
def test_missing_output_bias_under_any_function_of_the_difference(bias, wrap, found):
    def make():
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), wrap(nn.Linear(16, 1, bias=bias)))

    findings = find("missing-output-bias", make_model=make, loss_fn=far_away, train_step=None)
    assert [f.severity for f in findings] == ["error"] * found


def test_missing_output_bias():
    far = (BATCH[0], 50 + BATCH[0][:, 0])

    def loss(model, batch):
        return F.mse_loss(model(batch[0]).squeeze(1), batch[1])

    def make(bias=False):
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1, bias=bias))  # here

    rest = {"loss_fn": loss, "train_step": None}
    [finding] = find("missing-output-bias", make_model=make, batch=far, **rest)
    assert finding.severity == "error"
    assert finding.location == line_of(make, "# here")
    centred = (BATCH[0], BATCH[0][:, 0] - BATCH[0][:, 0].mean())
    assert find("missing-output-bias", make_model=make, batch=centred, **rest) == []
    with_bias = {"make_model": lambda: make(bias=True), "batch": far, **rest}
    assert find("missing-output-bias", **with_bias) == []


class Gauge(nn.Module):
    """Pressure of a signal: a hand-made filter bank, read out by a product."""

    def __init__(self, offset=False):
        super().__init__()
        self.filters = nn.Parameter(torch.randn(6, 10))
        self.weights = nn.Parameter(torch.randn(10, 1) / 4)  # here
        self.offset = nn.Parameter(torch.zeros(1)) if offset else None

    def forward(self, x):
        y = (x @ self.filters).sigmoid() @ self.weights
        return y if self.offset is None else y + self.offset


def root_mean_square(model, batch):
    x, y = batch
    return (y - model(x).flatten()).pow(2).mean().sqrt()


def sum_of_absolutes(model, batch):
    x, y = batch
    gap = torch.sub(model(x), y[:, None])
    return torch.sum(torch.abs(gap)) / len(y)


def to_a_target_network(model, batch):
    x, y = batch
    with torch.no_grad():
        target = model(x.flip(0)) + y[:, None]
    return (model(x) - target).square().mean()


PRESSURES = (BATCH[0], 300 + BATCH[0][:, 0])


@pytest.mark.parametrize("loss", [root_mean_square, sum_of_absolutes])
def test_missing_output_bias_in_a_loss_written_by_hand(loss):
    program = {"batch": PRESSURES, "loss_fn": loss, "train_step": None}
    [finding] = find("missing-output-bias", make_model=Gauge, **program)
    assert (finding.severity, finding.location) == ("error", line_of(Gauge, "# here"))
    assert find("missing-output-bias", make_model=lambda: Gauge(offset=True), **program) == []


def test_a_target_made_by_a_network_says_nothing_about_the_bias():
    program = {"batch": PRESSURES, "loss_fn": to_a_target_network, "train_step": None}
    assert find("missing-output-bias", make_model=Gauge, **program) == []


class Adversaries(nn.Module):
    """A generator and a discriminator whose head has no bias."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6))
        self.features = nn.Sequential(nn.Linear(6, 8), nn.Tanh())
        self.head = nn.Linear(8, 1, bias=False)

    def forward(self, x):
        return self.head(self.features(x))


def logistic(score, real):
    return F.binary_cross_entropy_with_logits(score, torch.full_like(score, real))


def least_squares(score, real):
    return F.mse_loss(score, torch.full_like(score, real))


def adversarial(criterion, real):
    def generator_loss(model, batch):
        return criterion(model(model.generator(batch[0])), real)

    def step(model, optimizer, batch):
        optimizer.zero_grad()
        fake = model.generator(batch[0]).detach()
        (criterion(model(batch[0]), real) + criterion(model(fake), 0.0)).backward()
        optimizer.step()
        optimizer.zero_grad()
        generator_loss(model, batch).backward()
        optimizer.step()

    return {"make_model": Adversaries, "loss_fn": generator_loss, "train_step": step}


@pytest.mark.parametrize("criterion", [logistic, least_squares])
@pytest.mark.parametrize("real", [1.0, 0.95])
def test_labels_of_one_class_in_each_call_say_nothing_about_the_bias(criterion, real):
    program = adversarial(criterion, real)
    assert find("missing-output-bias", **program) == []
    assert find("missing-output-bias", **{**program, "train_step": None}) == []


def one_call_for_each_class(model, batch):
    x, _ = batch
    return logistic(model(x[:1]), 1.0) / 12 + 11 / 12 * logistic(model(x[1:]), 0.0)


def test_a_rare_class_in_calls_of_its_own_needs_a_bias():
    program = {"make_model": Adversaries, "loss_fn": one_call_for_each_class, "train_step": None}
    [finding] = find("missing-output-bias", **program)
    assert (finding.severity, finding.evidence) == ("error", "8% of the targets are positive")


def test_a_language_head_may_have_fewer_rows_than_the_embedding():
    assert find_in_text("missing-output-bias", head_of_embedding, table=WORDS + 4) == []


def test_a_classifier_of_texts_is_no_language_model():
    def loss_fn(model, batch):
        return F.cross_entropy(model(batch["ids"], batch["mask"])[:, 0], batch["labels"])

    batch = text() | {"labels": torch.arange(6) % 3}
    [finding] = find_in_text(
        "missing-output-bias", head_of_embedding, loss_fn=loss_fn, table=60, batch=batch
    )
    assert finding.severity == "warning"


# --- guards -------------------------------------------------------------------------------------


def test_a_bias_before_batch_norm_is_information_with_its_name():
    found, [finding] = train(Normed(nn.Linear(8, 16)), plain)
    assert found == [("bias-before-batchnorm", "info")]
    assert finding.module == "layer.bias"
    assert finding.location == line_of(Normed, "self.layer = layer")


@pytest.mark.parametrize(
    "model",
    [
        Normed(nn.Linear(8, 16, bias=False)),
        Normed(nn.Linear(8, 16), between=torch.tanh),
        Normed(nn.Linear(8, 16), norm=nn.LayerNorm(16)),
        Normed(nn.Linear(8, 16), norm=nn.BatchNorm1d(16).eval()),
    ],
    ids=["no bias", "an activation between", "layer norm", "frozen batch norm"],
)
def test_biases_that_batch_norm_does_not_take_away_pass(model):
    assert train(model, plain)[0] == []


def squared(model, x, y):
    return F.mse_loss(model(x)[:, 0], 20 + x[:, 0])


def rare(model, x, y):
    return F.binary_cross_entropy_with_logits(model(x)[:, 0], (torch.arange(32) < 2).float())


def headed(bias=False, last=nn.Tanh):
    return nn.Sequential(nn.Linear(8, 16), last(), nn.Linear(16, 1, bias=bias))


@pytest.mark.parametrize("loss_of", [squared, rare])
def test_an_output_without_bias_for_targets_on_one_side_is_a_warning(loss_of):
    found, [finding] = train(headed(), by_loss(loss_of))
    assert found == [("missing-output-bias", "warning")]
    assert finding.location == line_of(loss_of, "model(x)")


class Unit(nn.Module):
    def forward(self, x):
        return F.normalize(x, dim=-1)


@pytest.mark.parametrize(
    ("model", "loss_of"),
    [
        (headed(bias=True), squared),
        (headed(last=lambda: nn.LayerNorm(16)), squared),
        (headed(last=Unit), squared),
        (nn.Linear(8, 1, bias=False), squared),
        (headed(), lambda m, x, y: F.mse_loss(m(x)[:, 0], x[:, 0])),
        (headed(), lambda m, x, y: F.binary_cross_entropy_with_logits(m(x)[:, 0], y.float())),
    ],
    ids=["bias", "layer norm", "cosine head", "a line through the origin", "centred", "balanced"],
)
def test_outputs_without_bias_that_need_none_pass(model, loss_of):
    assert train(model, by_loss(loss_of))[0] == []


def in_parts(model, x, y):
    """Each half of a batch in a call of its own; all positives are in the first."""
    rare = (torch.arange(32) < 2).float()
    score = model(x)[:, 0]
    halves = zip(score.split(16), rare.split(16), strict=True)
    return sum(F.binary_cross_entropy_with_logits(*half) for half in halves) / 2


def test_guards_pool_the_targets_of_a_step():
    found, [finding] = train(headed(), by_loss(in_parts))
    assert found == [("missing-output-bias", "warning")]
    assert finding.evidence == "6% of the targets are positive"


@pytest.mark.parametrize("criterion", [logistic, least_squares])
def test_guards_pass_labels_of_one_class_in_each_call(criterion):
    def discriminate(model, x, y):
        return criterion(model(x), 0.95) + criterion(model(x + 1), 0.05)

    def generate(model, x, y):
        return criterion(model(x + 1), 0.95)

    assert train(headed(), by_loss(discriminate))[0] == []
    assert train(headed(), by_loss(generate))[0] == []
