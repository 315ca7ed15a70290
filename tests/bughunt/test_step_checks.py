"""The step, the optimizer and the parameters: each bug is found, its correct twin is not."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from snippets import BATCH, find, line_of, loss_fn, make_model, make_optimizer, train_step
from torch import nn

from pytest_mlregress.bughunt.checks.learning.single_batch_overfit import Run
from pytest_mlregress.bughunt.replaying.constant_predictor import Score


def test_step_before_backward():
    def step(model, optimizer, batch):
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        optimizer.step()
        loss.backward()

    [finding] = find("step-before-backward", train_step=step)
    assert finding.location == line_of(step, "optimizer.step()")
    assert find("step-before-backward") == []


def clip_first(model, optimizer, batch):
    optimizer.zero_grad()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # here
    loss_fn(model, batch).backward()
    optimizer.step()


def clip_last(model, optimizer, batch):
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    optimizer.step()
    nn.utils.clip_grad_value_(model.parameters(), 1.0)  # here


def clip_well(model, optimizer, batch):
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


@pytest.mark.parametrize("step", [clip_first, clip_last])
def test_clip_misorder(step):
    [finding] = find("clip-misorder", train_step=step)
    assert finding.location == line_of(step, "# here")
    assert find("clip-misorder", train_step=clip_well) == []


def with_scheduler(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"o": optimizer, "s": torch.optim.lr_scheduler.StepLR(optimizer, 10)}


def test_scheduler_misorder():
    def early(model, optimizer, batch):
        optimizer["s"].step()
        train_step(model, optimizer["o"], batch)

    def late(model, optimizer, batch):
        train_step(model, optimizer["o"], batch)
        optimizer["s"].step()

    [finding] = find("scheduler-misorder", train_step=early, make_optimizer=with_scheduler)
    assert finding.location == line_of(early, 'optimizer["s"].step()')
    assert find("scheduler-misorder", train_step=late, make_optimizer=with_scheduler) == []


def test_optimizer_recreated():
    def anew(model, optimizer, batch):
        train_step(model, make_optimizer(model), batch)  # here

    def stateless(model, optimizer, batch):
        train_step(model, torch.optim.SGD(model.parameters(), 0.1), batch)

    [finding] = find("optimizer-recreated", train_step=anew)
    assert finding.location == line_of(anew, "# here")
    assert find("optimizer-recreated", train_step=stateless) == []
    assert find("optimizer-recreated") == []


@pytest.mark.parametrize("kind", [torch.optim.Adagrad, torch.optim.Adam])
def test_an_optimizer_that_makes_its_state_at_once_is_recreated_all_the_same(kind):
    def fresh(model, optimizer, batch):
        train_step(model, kind(model.parameters(), lr=0.05), batch)

    def kept(model, optimizer, batch):
        train_step(model, optimizer, batch)

    once = {"make_optimizer": lambda model: kind(model.parameters(), lr=0.05)}
    assert len(find("optimizer-recreated", train_step=fresh, **once)) == 1
    assert find("optimizer-recreated", train_step=kept, **once) == []


def test_zero_grad_between_backward_and_step():
    def step(model, optimizer, batch):
        loss_fn(model, batch).backward()
        optimizer.zero_grad(set_to_none=False)
        optimizer.step()

    [finding] = find("missing-zero-grad", train_step=step)
    assert finding.location == line_of(step, "zero_grad")


def parts(batch):
    return [tuple(t[rows] for t in batch) for rows in (slice(0, 6), slice(6, 12))]


def test_micro_batches_that_are_not_averaged():
    def added(model, optimizer, batch):
        optimizer.zero_grad()
        for part in parts(batch):
            loss_fn(model, part).backward()
        optimizer.step()

    def averaged(model, optimizer, batch):
        optimizer.zero_grad()
        for part in parts(batch):
            (loss_fn(model, part) / 2).backward()
        optimizer.step()

    def forgetful(model, optimizer, batch):
        for part in parts(batch):
            optimizer.zero_grad()
            (loss_fn(model, part) / 2).backward()
        optimizer.step()

    assert len(find("loss-sum-vs-mean", train_step=added)) == 1
    assert find("loss-sum-vs-mean", train_step=averaged) == []
    assert find("missing-zero-grad", train_step=averaged) == []
    [finding] = find("missing-zero-grad", train_step=forgetful)
    assert finding.location == line_of(forgetful, "zero_grad")


def test_a_loss_that_mixes_sum_and_mean():
    def mixed(model, batch):
        logits = model(batch[0])
        return F.cross_entropy(logits, batch[1]) + 0.1 * logits.square().sum()  # here

    def decayed(model, batch):
        penalty = sum(p.square().sum() for p in model.parameters())
        return F.cross_entropy(model(batch[0]), batch[1], reduction="sum") + penalty

    [finding] = find("loss-sum-vs-mean", loss_fn=mixed, train_step=None)
    assert finding.location == line_of(mixed, "# here")
    assert find("loss-sum-vs-mean", loss_fn=decayed, train_step=None) == []


class Hidden(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(6, 6), nn.Linear(6, 3)]

    def forward(self, x):
        return self.layers[1](self.layers[0](x).relu())


class HiddenTeacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = make_model()
        self.teacher = [make_model().requires_grad_(False)]

    def forward(self, x):
        return self.student(x) + self.teacher[0](x)


def test_unregistered_parameters():
    def own(model):
        return torch.optim.Adam([torch.zeros(1, requires_grad=True)])

    [finding] = find("unregistered-parameters", make_model=Hidden, make_optimizer=own)
    assert finding.module.startswith("layers[")
    assert finding.location == line_of(Hidden, "self.layers =")
    assert find("unregistered-parameters", make_model=HiddenTeacher) == []


def test_optimizer_misses_parameters():
    def partial(model):
        return torch.optim.Adam(model[0].parameters())

    def frozen():
        model = make_model()
        model[2].requires_grad_(False)
        return model

    [finding] = find("optimizer-misses-parameters", make_optimizer=partial)
    assert finding.location == line_of(partial, "Adam")
    assert find("optimizer-misses-parameters", make_optimizer=partial, make_model=frozen) == []
    assert len(find("optimizer-misses-parameters", make_optimizer=partial, train_step=None)) == 1


class Rivals(nn.Module):
    def __init__(self):
        super().__init__()
        self.maker, self.judge = nn.Linear(6, 6), nn.Linear(6, 1)


def rivals_optimizers(model):
    return [torch.optim.SGD(part.parameters(), lr=0.1) for part in (model.maker, model.judge)]


def rivals_loss(model, batch):
    return model.judge(model.maker(batch[0])).square().mean()


def rivals_step(second):
    def step(model, optimizers, batch):
        maker, judge = optimizers
        judge.zero_grad()
        model.judge(batch[0]).mean().backward()
        judge.step()
        maker.zero_grad()
        rivals_loss(model, batch).backward()
        if second == "maker":
            maker.step()
        elif second == "judge":
            judge.step()  # here

    return step


@pytest.mark.parametrize(("second", "found"), [("judge", 1), ("maker", 0), ("waits", 0)])
def test_the_wrong_one_of_two_optimizers_steps(second, found):
    step = rivals_step(second)
    findings = find(
        "optimizer-misses-parameters",
        make_model=Rivals,
        make_optimizer=rivals_optimizers,
        loss_fn=rivals_loss,
        train_step=step,
    )
    assert [f.location for f in findings] == [line_of(step, "# here")] * found


def test_a_module_flag_that_torch_never_reads():
    def make():
        model = make_model()
        model[0].requires_grad = False
        return model

    [finding] = find("frozen-parameter", make_model=make)
    assert "attribute of the module" in finding.message
    assert find("frozen-parameter") == []


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.gate, self.head = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 3)

    def mix(self, x):
        return self.body(x) * self.gate(x).sigmoid()

    def forward(self, x):
        return self.head(self.mix(x))


class Cut(Branch):
    def mix(self, x):
        return self.body(x) * self.gate(x).sigmoid().detach()  # here


class NoGrad(Branch):
    def mix(self, x):
        with torch.no_grad():  # here
            gate = self.gate(x).sigmoid()
        return self.body(x) * gate


class Unused(Branch):
    def mix(self, x):
        return self.body(x)


class ZeroGate(Branch):
    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.head.weight)


@pytest.mark.parametrize("model", [Cut, NoGrad])
def test_detached_graph(model):
    [finding] = find("detached-graph", make_model=model)
    assert finding.severity == "error"
    assert finding.location == line_of(model, "# here")


def rivals(first_loss):
    """A step with two optimizers whose losses pull the scorer's offset up and down alike."""

    def step(model, optimizers, batch):
        maker, scorer = optimizers
        made = model.body(batch[0])
        scorer.zero_grad()
        first_loss(model, made.detach(), batch[0]).backward()
        scorer.step()
        maker.zero_grad()
        (-model.head(made).mean()).backward()
        maker.step()

    return step


def margin(model, made, x):
    return model.head(made).mean() - model.head(x @ torch.ones(6, 8)).mean()


def margin_with_slope(model, made, x):
    made.requires_grad_()
    slope = torch.autograd.grad(model.head(made).sum(), made, create_graph=True)[0]
    return margin(model, made, x) + slope.square().sum(1).mean()


def margin_of_a_cut_gate(model, made, x):
    return margin(model, made * model.gate(x).detach(), x)  # here


def two_optimizers(model):
    scorer = [*model.head.parameters(), *model.gate.parameters()]
    return [
        torch.optim.SGD(model.body.parameters(), lr=0.1),
        torch.optim.SGD(scorer, lr=0.1),
    ]


@pytest.mark.parametrize("loss", [margin, margin_with_slope])
def test_influence_is_measured_on_the_loss_of_the_own_optimizer(loss):
    def head_only(model):
        optimizers = two_optimizers(model)
        optimizers[1] = torch.optim.SGD(model.head.parameters(), lr=0.1)
        return optimizers

    program = {"make_model": Branch, "make_optimizer": head_only, "train_step": rivals(loss)}
    assert find("detached-graph", **program) == []


def test_detached_graph_of_one_of_two_optimizers():
    step = rivals(margin_of_a_cut_gate)
    [finding] = find(
        "detached-graph", make_model=Branch, make_optimizer=two_optimizers, train_step=step
    )
    assert finding.location == line_of(margin_of_a_cut_gate, "# here")


def test_unused_module():
    [finding] = find("unused-module", make_model=Unused)
    assert (finding.severity, finding.module) == ("warning", "gate")
    for model in (Branch, ZeroGate):
        assert find("unused-module", make_model=model) == []
        assert find("detached-graph", make_model=model) == []


def test_symmetric_init():
    def constant():
        model = make_model()
        for layer in (model[0], model[2]):
            nn.init.constant_(layer.weight, 0.1)
            nn.init.zeros_(layer.bias)
        return model

    def zero_head():
        model = make_model()
        nn.init.zeros_(model[2].weight)
        return model

    [finding] = find("symmetric-init", make_model=constant)
    assert finding.severity == "error"
    assert finding.location == line_of(constant, "constant_")
    assert find("symmetric-init", make_model=zero_head) == []


class Ensemble(nn.Module):
    def __init__(self, clone=True):
        super().__init__()
        first = make_model()
        self.members = nn.ModuleList([first, copy.deepcopy(first) if clone else make_model()])

    def forward(self, x):
        return sum(member(x) for member in self.members)


def test_shared_init():
    assert len(find("shared-init", make_model=Ensemble)) == 1
    assert find("shared-init", make_model=lambda: Ensemble(clone=False)) == []


def test_cloned_layers_that_part_are_legal():
    def make():
        layer = nn.TransformerEncoderLayer(6, 2, 12, dropout=0.0, batch_first=True)
        encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        return nn.Sequential(nn.Unflatten(1, (1, 6)), encoder, nn.Flatten(), nn.Linear(6, 3))

    assert find("shared-init", make_model=make) == []


class Teacher(nn.Module):
    def __init__(self, alias=True):
        super().__init__()
        self.student = make_model()
        self.teacher = self.student if alias else copy.deepcopy(self.student)  # here

    def forward(self, x):
        with torch.no_grad():
            goal = self.teacher(x)
        return self.student(x) - 0.1 * goal


def test_target_alias():
    [finding] = find("target-alias", make_model=Teacher)
    assert finding.location == line_of(Teacher, "# here")
    assert find("target-alias", make_model=lambda: Teacher(alias=False)) == []


def test_lost_update():
    def put_back(model, optimizer, batch):
        old = copy.deepcopy(model.state_dict())
        train_step(model, optimizer, batch)
        model.load_state_dict(old)

    def never(model, optimizer, batch):
        optimizer.zero_grad()
        loss_fn(model, batch).backward()

    for step in (put_back, never):
        assert len(find("lost-update", train_step=step)) == 1
    assert find("lost-update") == []


def test_a_step_that_trains_a_copy():
    def step(model, optimizer, batch):
        model = copy.deepcopy(model)
        optimizer.zero_grad()
        loss_fn(model, batch).backward()
        optimizer.step()

    [finding] = find("lost-update", train_step=step)
    assert finding.location == line_of(step, "backward")
    assert find("detached-graph", train_step=step) == []


@pytest.mark.parametrize("rate", [0.0, 1e-12, 1e4])
def test_bad_learning_rate(rate):
    def sgd(model):
        return torch.optim.SGD(model.parameters(), lr=rate)

    for step in (train_step, None):
        [finding] = find("bad-learning-rate", make_optimizer=sgd, train_step=step)
        assert finding.location == line_of(sgd, "SGD")
        assert find("bad-learning-rate", train_step=step) == []


def test_a_rate_too_small_is_found_though_a_bias_leaves_zero():
    def normed():
        return nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3))

    def sgd(model):
        return torch.optim.SGD(model.parameters(), lr=1e-12)

    [finding] = find("bad-learning-rate", make_model=normed, make_optimizer=sgd)
    assert "too small" in finding.message


def test_a_warm_up_from_zero_is_legal():
    def warm(model):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: k / 10)

    def step(model, optimizer, batch):
        train_step(model, optimizer[0], batch)
        optimizer[1].step()

    program = {"make_optimizer": warm, "train_step": step}
    for slug in ("bad-learning-rate", "lost-update", "scheduler-misorder"):
        assert find(slug, **program) == []


KEPT: list[torch.Tensor] = []


def test_a_running_mean_in_an_attribute_keeps_every_graph():
    def step(keep):
        def inner(model, optimizer, batch):
            train_step(model, optimizer, batch)
            loss = loss_fn(model, batch)
            model.running = 0.9 * getattr(model, "running", 0.0) + 0.1 * keep(loss)

        return inner

    [finding] = find("graph-growth", train_step=step(lambda loss: loss))
    assert finding.message.startswith("a tensor in an attribute of the model keeps the graphs")
    assert find("graph-growth", train_step=step(torch.Tensor.detach)) == []


def test_graph_growth():
    def keeps(model, optimizer, batch):
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        loss.backward()
        optimizer.step()
        KEPT.append(loss)

    assert len(find("graph-growth", train_step=keeps)) == 1
    assert find("graph-growth") == []


def negative(model, batch):
    return -F.cross_entropy(model(batch[0]), batch[1])  # here


def without_minus(model, batch):
    log_p = model(batch[0]).log_softmax(-1)
    return log_p.gather(1, batch[1][:, None]).mean()  # here


def negative_square(model, batch):
    return -(model(batch[0])[:, 0] - batch[0][:, 0]).square().mean()  # here


@pytest.mark.parametrize("loss", [negative, without_minus, negative_square])
def test_wrong_loss_sign(loss):
    [finding] = find("wrong-loss-sign", loss_fn=loss, train_step=None)
    assert finding.location == line_of(loss, "# here")


def test_signs_that_are_meant():
    def adversary(model, batch):
        logits = model(batch[0])
        domain = F.binary_cross_entropy_with_logits(logits[:, 0], (batch[1] > 0).float())
        return F.cross_entropy(logits, batch[1]) - 0.1 * domain

    def fooling(model, batch):
        score = model(batch[0])[:, 0]
        return -F.binary_cross_entropy_with_logits(score, torch.zeros(12))

    for loss in (adversary, fooling):
        assert find("wrong-loss-sign", loss_fn=loss, train_step=None) == []


def test_a_step_that_goes_uphill():
    def uphill(model):
        return torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)

    assert len(find("wrong-loss-sign", make_optimizer=uphill)) == 1


def test_parameters_that_a_step_by_hand_ruins():
    def step(model, optimizer, batch):
        gradients = torch.autograd.grad(loss_fn(model, batch), list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= gradient / (gradient.norm() * 0)

    [finding] = find("nan-gradient", train_step=step)
    assert finding.message.startswith("what training makes of a parameter is not finite")


def test_nan_gradient():
    def rooted(model, batch):
        return (model(batch[0]) * 0).sum(1).sqrt().mean()  # here

    [finding] = find("nan-gradient", loss_fn=rooted, train_step=None)
    assert finding.location == line_of(rooted, "# here")
    assert find("nan-gradient") == []


class Deep(nn.Module):
    activation = torch.sigmoid

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6) for _ in range(14)])
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        for layer in self.layers:
            x = type(self).activation(layer(x))
        return self.head(x)


class Shallow(Deep):
    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x).tanh()
        return self.head(x)


def test_vanishing_gradient():
    assert len(find("vanishing-gradient", make_model=Deep)) == 1
    assert find("vanishing-gradient", make_model=Shallow) == []


def test_exploding_gradient():
    def huge():
        model = make_model()
        for layer in (model[0], model[2]):
            nn.init.normal_(layer.weight, std=1e4)
        return model

    assert find("exploding-gradient", make_model=huge) != []
    assert find("exploding-gradient") == []


@pytest.mark.parametrize(("scale", "found"), [(1.0, 0), (300.0, 1)])
def test_predictions_far_out_of_the_scale_of_their_targets(scale, found):
    def regressor():
        model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 1))
        nn.init.normal_(model[0].weight, std=scale)
        return model

    def squares(model, batch):
        return F.mse_loss(model(batch[0])[:, 0], batch[1].float())

    assert (
        len(find("exploding-gradient", make_model=regressor, loss_fn=squares, train_step=None))
        == found
    )


def test_dead_relu():
    def dead():
        model = make_model()
        nn.init.constant_(model[0].bias, -100.0)
        return model

    [finding] = find("dead-relu", make_model=dead)
    assert finding.module == "1"
    assert find("dead-relu") == []


def test_rng_reset():
    def seeded(model, optimizer, batch):
        torch.manual_seed(0)  # here
        noisy = (batch[0] + 0.1 * torch.randn(12, 6), batch[1])
        train_step(model, optimizer, noisy)

    def generator(model, optimizer, batch):
        noise = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
        train_step(model, optimizer, (batch[0] + 0.1 * noise, batch[1]))

    [finding] = find("rng-reset", train_step=seeded)
    assert finding.location == line_of(seeded, "# here")
    assert find("rng-reset", train_step=generator) == []


def test_nondeterministic():
    def unseeded(model, optimizer, batch):
        noise = torch.randn(12, 6, generator=torch.Generator().manual_seed(next(CLOCK)))
        train_step(model, optimizer, (batch[0] + noise, batch[1]))

    CLOCK = iter(range(10_000))  # noqa: N806
    assert len(find("nondeterministic", train_step=unseeded)) == 1
    assert find("nondeterministic") == []


def test_constant_output():
    def erased():
        return nn.Sequential(nn.Linear(6, 1), nn.LayerNorm(1), nn.Linear(1, 3))

    assert len(find("constant-output", make_model=erased)) == 1
    assert find("constant-output") == []


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


def freezing(thaws):
    def step(model, optimizer, batch):
        if thaws:
            model.requires_grad_(True)
        train_step(model, optimizer, batch)

    return step


def evaluate_frozen(model, batches):
    model[0].requires_grad_(False)
    return float(loss_fn(model, BATCH))


@pytest.mark.parametrize(("thaws", "found"), [(True, 0), (False, 1)])
def test_what_an_evaluation_freezes_the_next_step_may_thaw(thaws, found):
    findings = find("frozen-parameter", train_step=freezing(thaws), evaluate=evaluate_frozen)
    assert len(findings) == found


class Product(nn.Module):
    """Two tables whose product is the answer."""

    def __init__(self, scale):
        super().__init__()
        self.left, self.right = nn.Linear(6, 4, bias=False), nn.Linear(6, 4, bias=False)
        self.scale = nn.Parameter(torch.ones(1))
        nn.init.zeros_(self.left.weight)
        nn.init.constant_(self.right.weight, scale)

    def forward(self, x):
        return (self.left(x) * self.right(x)).sum(1, keepdim=True) + self.scale


def product_loss(model, batch):
    return (model(batch[0])[:, 0] - 3 - batch[0][:, 0]).square().mean()


@pytest.mark.parametrize(("scale", "found"), [(0.0, 1), (0.3, 0)])
def test_factors_that_hold_each_other_at_zero(scale, found):
    findings = find(
        "vanishing-gradient",
        make_model=lambda: Product(scale),
        loss_fn=product_loss,
        train_step=product_step,
    )
    assert [f.module for f in findings] == ["left.weight"] * found


def product_step(model, optimizer, batch):
    optimizer.zero_grad()
    product_loss(model, batch).backward()
    optimizer.step()


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
