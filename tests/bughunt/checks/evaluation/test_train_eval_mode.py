"""Training and evaluation mode."""

from __future__ import annotations

import pytest
import torch
from guarded_training import Net, cross_entropy, data, watched
from snippets import evaluate, find, line_of, loss_fn, train_step
from text_model import WIDTH, find_in_text
from torch import nn
from torch.nn import functional as F  # noqa: N812

# --- hunt ---------------------------------------------------------------------------------------


def make_model():
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
    )


def bare_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    optimizer.step()


@torch.no_grad()
def evaluate_and_restore(model, batches):
    model.eval()
    value = sum(float(loss_fn(model, batch)) for batch in batches)
    model.train()
    return value


@torch.no_grad()
def evaluate_in_training_mode(model, batches):
    return sum(float(loss_fn(model, batch)) for batch in batches)


@torch.no_grad()
def evaluate_a_part(model, batches):
    model[0].eval()
    return sum(float(loss_fn(model, batch)) for batch in batches)


@torch.no_grad()
def monte_carlo(model, batches):
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.train()
    value = sum(float(loss_fn(model, batch)) for batch in batches)
    model.train()
    return value


def test_training_goes_on_in_evaluation_mode():
    [finding] = find(
        "missing-train-mode", make_model=make_model, train_step=bare_step, evaluate=evaluate
    )
    assert finding.severity == "error"
    assert line_of(evaluate, "model.eval()").rpartition("/")[2] in finding.evidence


def step_that_measures(model, optimizer, batch, before=False):
    """Trains in training mode, and measures the accuracy in evaluation mode on the way."""

    def accuracy():
        model.eval()
        return (model(batch[0]).argmax(-1) == batch[1]).float().mean().item()

    if before:
        accuracy()
    model.train()
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    optimizer.step()
    if not before:
        accuracy()


@pytest.mark.parametrize("before", [False, True])
def test_a_step_that_measures_in_evaluation_mode_is_legal(before):
    def step(model, optimizer, batch):
        step_that_measures(model, optimizer, batch, before)

    steps = {"make_model": make_model, "train_step": step}
    assert find("missing-train-mode", **steps) == []
    assert find("missing-train-mode", **steps, evaluate=evaluate) == []


def test_a_training_forward_in_evaluation_mode_is_one_whatever_follows():
    def step(model, optimizer, batch):
        model.eval()
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        model.train()
        loss.backward()
        optimizer.step()

    [finding] = find("missing-train-mode", make_model=make_model, train_step=step)
    assert finding.message == "the training steps run in evaluation mode"


def restore_the_head(model, batches):
    value = evaluate(model, batches)
    model[3].train()
    return value


@pytest.mark.parametrize(("evaluation", "left"), [(evaluate, 2), (restore_the_head, 1)])
def test_without_a_step_an_evaluation_that_stays_in_its_mode_is_a_warning(evaluation, left):
    program = {"make_model": make_model, "train_step": None, "evaluate": evaluation}
    [finding] = find("missing-train-mode", **program)
    assert finding.severity == "warning"
    assert finding.message == "evaluate() leaves the model in evaluation mode"
    assert finding.evidence.startswith(f"{left} of 2 mode-sensitive modules")


@pytest.mark.parametrize("evaluation", [evaluate_and_restore, None])
def test_without_a_step_nothing_is_said_of_a_mode_that_is_restored(evaluation):
    program = {"make_model": make_model, "train_step": None, "evaluate": evaluation}
    assert find("missing-train-mode", **program) == []


def test_without_a_step_the_loss_may_switch_back():
    def trains(model, batch):
        model.train()
        return loss_fn(model, batch)

    program = {"make_model": make_model, "train_step": None, "evaluate": evaluate}
    assert find("missing-train-mode", **program, loss_fn=trains) == []


def test_training_in_evaluation_mode_from_the_start():
    def step(model, optimizer, batch):
        model.eval()
        bare_step(model, optimizer, batch)

    [finding] = find("missing-train-mode", make_model=make_model, train_step=step)
    assert finding.location == line_of(step, "model.eval()")


@pytest.mark.parametrize(
    ("step", "evaluation"), [(train_step, evaluate), (bare_step, evaluate_and_restore)]
)
def test_either_side_may_switch_back(step, evaluation):
    program = {"make_model": make_model, "train_step": step, "evaluate": evaluation}
    assert find("missing-train-mode", **program) == []
    assert find("missing-eval-mode", **program) == []


def test_frozen_batch_norm_is_meant():
    def step(model, optimizer, batch):
        model.train()
        model[1].eval()
        bare_step(model, optimizer, batch)

    program = {"make_model": make_model, "train_step": step, "evaluate": evaluate}
    assert find("missing-train-mode", **program) == []


@pytest.mark.parametrize("evaluation", [evaluate_in_training_mode, evaluate_a_part])
def test_evaluation_in_training_mode(evaluation):
    [finding] = find("missing-eval-mode", make_model=make_model, evaluate=evaluation)
    assert "BatchNorm1d" in finding.evidence


def test_monte_carlo_dropout_is_meant():
    assert find("missing-eval-mode", make_model=make_model, evaluate=monte_carlo) == []


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x):
        return self.layer(F.dropout(x, 0.4))  # always on


class Switched(Functional):
    def forward(self, x):
        return self.layer(F.dropout(x, 0.4, self.training))


@pytest.mark.parametrize("evaluation", [evaluate, None])
def test_functional_dropout_that_ignores_the_mode(evaluation):
    [finding] = find("missing-eval-mode", make_model=Functional, evaluate=evaluation)
    assert finding.location == line_of(Functional, "# always on")
    assert find("missing-eval-mode", make_model=Switched, evaluate=evaluation) == []


class BuiltInForward(Functional):
    def forward(self, x):
        return self.layer(nn.Dropout(0.4)(x))  # always on


class KeptInAList(Functional):
    def __init__(self):
        super().__init__()
        self.dropouts = [nn.Dropout(0.4)]

    def forward(self, x):
        return self.layer(self.dropouts[0](x))  # always on


class NormBuiltInForward(Functional):
    def forward(self, x):
        return self.layer(nn.BatchNorm1d(6)(x))  # always on


@pytest.mark.parametrize("evaluation", [evaluate, None])
@pytest.mark.parametrize("network", [BuiltInForward, KeptInAList, NormBuiltInForward])
def test_a_layer_that_the_model_does_not_register_stays_in_training_mode(network, evaluation):
    [finding] = find("missing-eval-mode", make_model=network, evaluate=evaluation)
    assert (finding.severity, finding.location) == ("error", line_of(network, "# always on"))
    assert "__init__" in finding.fix


class BehindALayerOfNoEffect(Functional):
    def forward(self, x):
        return self.layer(F.dropout(nn.Dropout(0.0)(x), 0.4, True))  # always on


@pytest.mark.parametrize("evaluation", [evaluate, None])
def test_a_function_is_not_blamed_on_the_layer_that_ran_before(evaluation):
    network = BehindALayerOfNoEffect
    [finding] = find("missing-eval-mode", make_model=network, evaluate=evaluation)
    assert finding.location == line_of(network, "# always on")
    assert "not part of the model" not in finding.message


class BuiltInItsMode(Functional):
    def forward(self, x):
        return self.layer(nn.Dropout(0.4).train(self.training)(x))


class OfNoEffect(Functional):
    def forward(self, x):
        return self.layer(nn.Dropout(0.0)(x))


class BuiltForNoise(Functional):
    def forward(self, x):
        return self.layer(nn.Dropout(0.4).train()(x))


@torch.no_grad()
def average(model, batches):
    model.eval()
    draws = torch.stack([model(batches[0][0]) for _ in range(4)])
    return float(draws.mean())


@pytest.mark.parametrize(
    ("network", "evaluation"),
    [(BuiltInItsMode, evaluate), (OfNoEffect, evaluate), (BuiltForNoise, average)],
)
def test_an_unregistered_dropout_that_follows_the_mode_or_is_asked_for_passes(network, evaluation):
    assert find("missing-eval-mode", make_model=network, evaluate=evaluation) == []


@pytest.mark.parametrize("step", [train_step, None])
def test_evaluation_is_judged_with_and_without_a_step_of_the_users(step):
    program = {"make_model": make_model, "train_step": step}
    wrong = {**program, "evaluate": evaluate_in_training_mode}
    [finding] = find("missing-eval-mode", **wrong)
    assert finding.location == line_of(evaluate_in_training_mode, "no_grad")
    [finding] = find("eval-mutates-model", **wrong)
    assert finding.module == "1.running_mean"
    assert find("missing-eval-mode", **program, evaluate=evaluate) == []
    assert find("eval-mutates-model", **program, evaluate=evaluate) == []


def standardised_weight(m, ids, mask):
    """Weight standardisation by batch norm, which sees the weight and no data."""
    weight = F.batch_norm(m.mix.weight[None, :, :], None, None, training=True)[0]
    return m.head(F.linear(m.embed(ids).repeat(1, 1, 3), weight))


def instance_norm(m, ids, mask):
    """Each channel of each example by itself: examples and channels lie on one axis."""
    x = m.embed(ids).transpose(1, 2)
    y = F.batch_norm(x.reshape(1, -1, x.shape[2]), None, None, training=True)
    return m.head(y.view_as(x).transpose(1, 2))


def with_running_statistics(m, ids, mask):
    x = m.embed(ids).transpose(1, 2)
    mean, variance = torch.zeros(WIDTH), torch.ones(WIDTH)
    return m.head(F.batch_norm(x, mean, variance, training=True).transpose(1, 2))


def without_running_statistics(m, ids, mask):
    x = m.embed(ids).transpose(1, 2)
    return m.head(F.batch_norm(x, None, None, training=True).transpose(1, 2))


@pytest.mark.parametrize("function", [standardised_weight, instance_norm])
def test_a_batch_norm_that_joins_no_examples_needs_no_mode(function):
    assert find_in_text("missing-eval-mode", function) == []


@pytest.mark.parametrize("function", [with_running_statistics, without_running_statistics])
def test_a_batch_norm_of_examples_that_ignores_the_mode_is_found(function):
    [finding] = find_in_text("missing-eval-mode", function)
    assert finding.message.startswith("batch_norm uses the batch's statistics")


# --- guards -------------------------------------------------------------------------------------


def run_three_times(model, optimizer):
    with torch.no_grad():
        for _ in range(3):
            model(data()[0])


def test_evaluation_in_training_mode_is_a_warning():
    found, _ = watched(cross_entropy, after=run_three_times)
    assert found == [("missing-eval-mode", "warning")]


def test_single_runs_in_training_mode_every_few_steps_are_a_warning():
    steps = iter(range(100))

    def after(model, optimizer):
        if next(steps) % 4 == 3:
            with torch.no_grad():
                model(data()[0])

    found, [finding] = watched(cross_entropy, after=after, steps=16)
    assert found == [("missing-eval-mode", "warning")]
    assert finding.location == line_of(after, "model(data()[0])")


def test_a_final_evaluation_soon_after_the_last_one_makes_no_difference():
    steps = iter(range(100))

    def after(model, optimizer):
        if next(steps) % 5 in (0, 4) and model.training:
            with torch.no_grad():
                model(data()[0])

    assert watched(cross_entropy, after=after, steps=16)[0] == []
    evaluated = iter((4, 9, 14, 15, None))
    due, made = [next(evaluated)], iter(range(100))

    def at_the_end(model, optimizer):
        if next(made) == due[0]:
            due[0] = next(evaluated)
            with torch.no_grad():
                model(data()[0])

    found, _ = watched(cross_entropy, after=at_the_end, steps=16)
    assert found == [("missing-eval-mode", "warning")]


def test_single_runs_at_every_step_pass():
    def after(model, optimizer):
        with torch.no_grad():
            model(data()[0])

    assert watched(cross_entropy, after=after, steps=16)[0] == []


class Noisy(Net):
    def forward(self, x):
        return self.last(F.dropout(self.first(x).relu(), 0.1))  # noise


class BatchStatistics(Net):
    def __init__(self):
        super().__init__(dropout=0.0)
        self.first = nn.Linear(8, 16, bias=False)
        self.mean, self.variance = torch.zeros(16), torch.ones(16)

    def forward(self, x):
        x = F.batch_norm(self.first(x), self.mean, self.variance, training=True)  # noise
        return self.last(x.relu())


def evaluation(batches):
    def after(model, optimizer):
        model.eval()
        with torch.no_grad():
            for x in batches():
                model(x)
        model.train()

    return after


@pytest.mark.parametrize("network", [Noisy, BatchStatistics])
def test_functions_that_ignore_the_evaluation_mode_are_a_warning(network):
    after = evaluation(lambda: data()[0].split(8))
    found, [finding] = watched(cross_entropy, model=network(), after=after)
    assert found == [("missing-eval-mode", "warning")]
    assert finding.location == line_of(network.forward, "# noise")


class NoisyByALayer(Net):
    def forward(self, x):
        return self.last(nn.Dropout(0.1)(self.first(x).relu()))  # noise


class QuietLayer(Net):
    def forward(self, x):
        return self.last(nn.Dropout(0.1).train(self.training)(self.first(x).relu()))


def test_a_dropout_that_is_built_in_forward_is_a_warning():
    after = evaluation(lambda: data()[0].split(8))
    found, [finding] = watched(cross_entropy, model=NoisyByALayer(), after=after)
    assert found == [("missing-eval-mode", "warning")]
    assert finding.location == line_of(NoisyByALayer.forward, "# noise")
    assert "does not reach" in finding.message
    assert watched(cross_entropy, model=QuietLayer(), after=after)[0] == []
    twice = evaluation(lambda: 3 * [data()[0]])
    assert watched(cross_entropy, model=NoisyByALayer(), after=twice)[0] == []


def test_a_registered_dropout_that_is_put_into_training_mode_is_meant():
    def after(model, optimizer):
        model.eval()
        model.dropout.train()
        with torch.no_grad():
            for x in data()[0].split(8):
                model(x)
        model.train()

    assert watched(cross_entropy, after=after)[0] == []


def test_monte_carlo_dropout_passes():
    twice = evaluation(lambda: 3 * [data()[0]])
    assert watched(cross_entropy, model=Noisy(), after=twice)[0] == []
    repeated = evaluation(lambda: [x.repeat(2, 1) for x in data()[0].split(8)])
    assert watched(cross_entropy, model=Noisy(), after=repeated)[0] == []


class Deep(Net):
    def __init__(self):
        super().__init__(dropout=0.0)
        self.front = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.1))
        self.back = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.1))

    def forward(self, x):
        return super().forward(self.back(self.front(x)))


@pytest.mark.parametrize("frozen", [False, True])
def test_a_part_that_stays_in_evaluation_mode_is_a_warning_unless_something_is_frozen(frozen):
    def after(model, optimizer):
        model.eval()
        run_three_times(model, optimizer)
        model.back.train()
        model.front.requires_grad_(not frozen)

    found, _ = watched(cross_entropy, model=Deep(), after=after)
    assert found == ([] if frozen else [("missing-train-mode", "warning")])


def test_a_mode_that_is_lost_after_evaluation():
    def after(model, optimizer):
        model.eval()
        run_three_times(model, optimizer)

    found, [finding] = watched(cross_entropy, after=after)
    assert found == [("missing-train-mode", "error")]
    assert finding.location == line_of(after, "model.eval()")


def test_training_in_evaluation_mode_from_the_start_is_a_warning():
    found, _ = watched(cross_entropy, model=Net().eval())
    assert found == [("missing-train-mode", "warning")]


class OwnLoss(Net):
    def forward(self, x):
        scores = super().forward(x)
        self.loss = F.cross_entropy(scores, (x[:, 0] > 0).long())
        return scores.detach()


def test_a_model_that_keeps_its_loss_and_returns_no_graph_trains():
    def own(model, x, y):
        model(x)
        return model.loss

    found, _ = watched(own, model=OwnLoss().eval())
    assert found == [("missing-train-mode", "warning")]
    assert watched(own, model=OwnLoss())[0] == []


def test_switching_back_and_forth_passes():
    def after(model, optimizer):
        model.eval()
        run_three_times(model, optimizer)
        model.train()

    assert watched(cross_entropy, after=after)[0] == []


def measure_in_evaluation_mode(model, optimizer):
    model.eval()
    return (model(data()[0]).argmax(-1) == data()[1]).float().mean().item()


def back_to_training(model, optimizer):
    model.train()


@pytest.mark.parametrize("moment", ["before", "between", "after"])
def test_guards_pass_a_step_that_measures_in_evaluation_mode(moment):
    def before(model, optimizer):
        optimizer.zero_grad()
        if moment == "before":
            measure_in_evaluation_mode(model, optimizer)
        model.train()

    others = {} if moment == "before" else {moment: measure_in_evaluation_mode}
    assert watched(cross_entropy, before=before, **others, steps=16)[0] == []


def test_guards_pass_a_measurement_that_comes_when_they_do_not_look():
    steps = iter(range(100))

    def between(model, optimizer):
        if next(steps) % 5 == 4:  # eval() makes them look, after the training forward
            measure_in_evaluation_mode(model, optimizer)

    assert watched(cross_entropy, between=between, after=back_to_training, steps=16)[0] == []


def test_guards_pass_an_accuracy_between_loss_and_backward():
    def loss_of(model, x, y):
        loss = cross_entropy(model, x, y)
        measure_in_evaluation_mode(model, None)
        return loss

    assert watched(loss_of, after=back_to_training, steps=16)[0] == []


def in_evaluation_mode(model, x, y):
    model.eval()
    loss = cross_entropy(model, x, y)
    model.train()
    return loss


def test_guards_find_a_training_forward_in_evaluation_mode_whatever_follows():
    def measured(model, x, y):
        loss = in_evaluation_mode(model, x, y)
        model(x)
        return loss

    for loss_of in (in_evaluation_mode, measured):
        found, [finding] = watched(loss_of)
        assert found == [("missing-train-mode", "warning")]
        assert finding.location == line_of(in_evaluation_mode, "model.eval()")


def test_guards_find_a_mode_that_is_lost_for_the_forward_only():
    def after(model, optimizer):
        model.eval()
        run_three_times(model, optimizer)

    found, [finding] = watched(cross_entropy, between=back_to_training, after=after)
    assert found == [("missing-train-mode", "error")]
    assert finding.location == line_of(after, "model.eval()")


def test_an_evaluation_with_gradients_counts_as_one():
    def after(model, optimizer):
        run_three_times(model, optimizer)
        measure_in_evaluation_mode(model, optimizer)
        model.train()

    assert watched(cross_entropy, after=after, steps=16)[0] == []
