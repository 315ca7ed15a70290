"""Guards on what layers are made of and what steps leave behind, each beside what is meant."""

from __future__ import annotations

import copy
import inspect

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402

from pytest_mlregress.bughunt.guards import watch  # noqa: E402


def data(count=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 8, generator=generator)
    return x, (x[:, 0] > 0).long()


def train(model, step, *, steps=16, optimizer=None):
    """Found slugs with severities, and the findings, of `steps` calls of ``step``."""
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-2)
    with watch() as guard:
        for index in range(steps):
            step(model, optimizer, *data(seed=index % 3))
    assert guard.silent is None
    return [(f.check, f.severity) for f in guard.findings], guard.findings


def plain(model, optimizer, x, y):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def line_of(function, text):
    lines, first = inspect.getsourcelines(function)
    [found] = [first + index for index, line in enumerate(lines) if text in line]
    return f"{__file__}:{found}"


class Normed(nn.Module):
    def __init__(self, layer, norm=None, between=lambda x: x):
        super().__init__()
        self.layer = layer
        self.norm = norm or nn.BatchNorm1d(16)
        self.between, self.last = between, nn.Linear(16, 2)

    def forward(self, x):
        return self.last(self.norm(self.between(self.layer(x))).relu())


def test_a_bias_before_batch_norm_is_a_warning_with_its_name():
    found, [finding] = train(Normed(nn.Linear(8, 16)), plain)
    assert found == [("bias-before-batchnorm", "warning")]
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


class Attention(nn.Module):
    """Eight numbers as eight tokens; `average` gets queries, keys and values of (n, 8, 4)."""

    def __init__(self, average):
        super().__init__()
        self.embed, self.average, self.last = nn.Linear(1, 12), average, nn.Linear(4, 2)
        self.place = nn.Parameter(torch.randn(8, 12))
        self.slots = nn.Parameter(torch.randn(4, 8))

    def forward(self, x):
        q, k, v = (self.embed(x[:, :, None]) + self.place).chunk(3, -1)
        return self.last(self.average(self, q, k, v).mean(1))


def over_queries(self, q, k, v):
    weights = (q @ k.mT).softmax(1)  # here
    return weights @ v


def over_examples(self, q, k, v):
    scores = torch.einsum("nqd,nkd->nqk", q, k).masked_fill(torch.eye(8).bool(), -1e9)
    return torch.einsum("nqk,nkd->nqd", F.dropout(scores.softmax(0), 0.1, self.training), v)


def by_hand(self, q, k, v):
    scores = (q @ k.mT).exp()
    return torch.bmm(scores / scores.sum(1, keepdim=True), v)


@pytest.mark.parametrize("average", [over_queries, over_examples, by_hand])
def test_attention_weights_along_another_axis_are_an_error(average):
    found, [finding] = train(Attention(average), plain)
    assert found == [("wrong-softmax-dim", "error")]
    if average is over_queries:
        assert finding.location == line_of(over_queries, "# here")


MEANT = {
    "over keys": lambda self, q, k, v: (q @ k.mT).softmax(-1) @ v,
    "over keys, with dropout": lambda self, q, k, v: F.dropout((q @ k.mT).softmax(-1), 0.5) @ v,
    "transposed": lambda self, q, k, v: (q @ k.mT).softmax(1).mT @ v,
    "efficient attention": lambda self, q, k, v: q.softmax(-1) @ (k.softmax(1).mT @ v),
    "slots": lambda self, q, k, v: (
        (k @ self.slots).softmax(1) @ v.mean(1, keepdim=True).expand(-1, 8, -1)
    ),
    "renormalised": lambda self, q, k, v: (
        ((w := (q @ k.mT).softmax(1)) / w.sum(-1, keepdim=True)) @ v
    ),
}


@pytest.mark.parametrize("name", MEANT)
def test_attention_that_is_meant_passes(name):
    assert train(Attention(MEANT[name]), plain)[0] == []


class Members(nn.Module):
    def __init__(self, members):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x):
        return torch.stack([member(x) for member in self.members])


def each(model, optimizer, x, y):
    optimizer.zero_grad()
    sum(F.cross_entropy(guess, y) for guess in model(x)).backward()
    optimizer.step()


def copies():
    first = nn.Linear(8, 2)
    return [first, copy.deepcopy(first)]


def test_members_that_start_and_stay_equal_are_an_error():
    found, [finding] = train(Members(copies()), each)
    assert found == [("shared-init", "error")]
    assert finding.module == "members.1.weight"
    assert finding.location == line_of(Members, "self.members = ")


def only_the_first(model, optimizer, x, y):
    optimizer.zero_grad()
    F.cross_entropy(model(x)[0], y).backward()
    optimizer.step()


def other_examples(model, optimizer, x, y):
    optimizer.zero_grad()
    one, other = model(x)
    (F.cross_entropy(one[:16], y[:16]) + F.cross_entropy(other[16:], y[16:])).backward()
    optimizer.step()


def test_copies_that_part_or_that_only_follow_pass():
    assert train(Members(copies()), other_examples)[0] == []
    target = Members(copies())
    target.members[1].requires_grad_(False)
    assert train(target, only_the_first)[0] == []


def test_two_trainings_of_one_seed_are_no_copies():
    one, other = copies()
    optimizer = torch.optim.Adam(other.parameters(), lr=1e-2)

    def both(model, own, x, y):
        plain(model, own, x, y)
        plain(other, optimizer, x, y)

    assert train(one, both)[0] == []


def same(value):
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
    for layer in (model[0], model[2]):
        nn.init.constant_(layer.weight, value)
        nn.init.zeros_(layer.bias)
    return model


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_units_that_are_and_stay_alike_are_an_error(value):
    found, findings = train(same(value), plain)
    also = [("constant-output", "warning")] if value == 0 else []
    assert found == [("symmetric-init", "error"), *also]
    assert findings[0].module == "0.weight"


def test_a_head_that_starts_at_zero_passes():
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
    nn.init.zeros_(model[2].weight)
    assert train(model, plain)[0] == []


def renewed(make, after=lambda model: None):
    def step(model, optimizer, x, y):
        own = make(model.parameters())  # made
        plain(model, own, x, y)
        after(model)

    return step


@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: torch.optim.Adam(parameters),  # made anew
        lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    ],
)
def test_an_optimizer_per_step_that_keeps_a_state_is_an_error(make):
    found, [finding] = train(nn.Linear(8, 2), renewed(make))
    assert found == [("optimizer-recreated", "error")]
    assert finding.location == f"{__file__}:{make.__code__.co_firstlineno}"


def test_optimizers_without_state_or_for_models_that_are_put_back_pass():
    assert train(nn.Linear(8, 2), renewed(lambda p: torch.optim.SGD(p, lr=0.1)))[0] == []
    model = nn.Linear(8, 2)
    start = copy.deepcopy(model.state_dict())
    adapt = renewed(torch.optim.Adam, after=lambda m: m.load_state_dict(start))
    assert train(model, adapt)[0] == []


def scaled(order):
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        order(scaler, optimizer, model)
        scaler.step(optimizer)
        scaler.update()

    return step


def clip_scaled(scaler, optimizer, model):
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # clips


def unscale_and_clip(scaler, optimizer, model):
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)


def clip_to_scaled_limit(scaler, optimizer, model):
    nn.utils.clip_grad_norm_(model.parameters(), 1.0 * scaler.get_scale())


def test_clipping_gradients_that_are_still_scaled_is_an_error():
    found, [finding] = train(nn.Linear(8, 2), scaled(clip_scaled))
    assert found == [("clip-misorder", "error")]
    assert finding.location == line_of(clip_scaled, "# clips")


@pytest.mark.parametrize("order", [unscale_and_clip, clip_to_scaled_limit])
def test_clipping_with_the_scale_in_mind_passes(order):
    assert train(nn.Linear(8, 2), scaled(order))[0] == []


def in_parts(between, loss_of=lambda model, x, y: F.cross_entropy(model(x), y)):
    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        for part in range(2):
            loss = loss_of(model, x[part::2], y[part::2]) / 2
            between(model, optimizer)
            loss.backward()
        optimizer.step()

    return step


def zero_each(model, optimizer):
    optimizer.zero_grad()  # zeroes


def test_zeroing_between_the_parts_of_a_batch_is_a_warning():
    found, [finding] = train(nn.Linear(8, 2), in_parts(zero_each))
    assert found == [("missing-zero-grad", "warning")]
    assert finding.location == line_of(zero_each, "# zeroes")


def collected(model, optimizer, x, y):
    """Conflicting gradients: each part's is taken by hand, and their sum is put back."""
    sums = [torch.zeros_like(p) for p in model.parameters()]
    for part in range(2):
        optimizer.zero_grad()
        F.cross_entropy(model(x[part::2]), y[part::2]).backward()
        for total, p in zip(sums, model.parameters(), strict=True):
            total += p.grad
    for total, p in zip(sums, model.parameters(), strict=True):
        p.grad = total
    optimizer.step()


def sharpness_aware(model, optimizer, x, y):
    for ascend in (True, False):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        if ascend:
            moves = [0.05 * p.grad for p in model.parameters()]
            with torch.no_grad():
                for p, move in zip(model.parameters(), moves, strict=True):
                    p.add_(move)
    with torch.no_grad():
        for p, move in zip(model.parameters(), moves, strict=True):
            p.sub_(move)
    optimizer.step()


def adversarial(model, optimizer, x, y):
    x = x.clone().requires_grad_()
    for move in (0.1, 0.0):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            x += move * x.grad.sign()
    optimizer.step()


@pytest.mark.parametrize(
    "step", [in_parts(lambda m, o: None), collected, sharpness_aware, adversarial]
)
def test_gradients_that_are_zeroed_between_on_purpose_pass(step):
    assert train(nn.Linear(8, 2), step)[0] == []


def noisy():
    return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.5), nn.Linear(16, 2))


def seeding(seed_of):
    steps = iter(range(100))

    def step(model, optimizer, x, y):
        torch.manual_seed(seed_of(next(steps)))  # seeds
        plain(model, optimizer, x, y)

    return step


def test_a_seed_that_is_set_again_at_every_step_is_a_warning():
    found, [finding] = train(noisy(), seeding(lambda step: 0))
    assert found == [("rng-reset", "warning")]
    assert finding.location == line_of(seeding, "# seeds")


class SeedsItself(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(8, 2)

    def forward(self, x):
        torch.manual_seed(0)
        return self.last(x + torch.randn_like(x))


def test_a_module_that_seeds_its_own_noise_is_a_warning():
    assert train(SeedsItself(), plain)[0] == [("rng-reset", "warning")]


def test_seeds_of_the_step_and_seeds_without_noise_pass():
    assert train(noisy(), seeding(lambda step: step))[0] == []
    assert train(nn.Linear(8, 2), seeding(lambda step: 0))[0] == []


class Spare(nn.Module):
    def __init__(self, uses=1, parts=2):
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(8, 2) for _ in range(parts))
        self.uses, self.calls = uses, 0

    def forward(self, x):
        self.calls += 1
        return self.parts[self.calls % self.uses](x)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
def test_a_layer_that_never_runs_is_a_warning(kind):
    model = Spare()
    found, [finding] = train(model, plain, optimizer=kind(model.parameters(), lr=0.1))
    assert found == [("unused-module", "warning")]
    assert finding.module == "parts.1"
    assert finding.location == line_of(Spare, "self.parts = ")


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
def test_parts_of_which_each_step_chooses_pass(kind):
    model = Spare(uses=2, parts=3)
    assert train(model, plain, optimizer=kind(model.parameters(), lr=0.1))[0] == []


def test_layers_that_no_optimizer_owns_or_that_run_for_nothing_pass():
    model = Spare()
    model.parts[1].requires_grad_(False)
    assert train(model, plain)[0] == []

    class Pooled(Spare):
        def forward(self, x):
            self.parts[1](x)
            return super().forward(x)

    assert train(Pooled(), plain)[0] == []


def test_a_part_whose_turn_comes_later_passes():
    def by_phase(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model.parts[model.calls // 60](x), y).backward()
        optimizer.step()
        model.calls += 1

    assert train(Spare(), by_phase, steps=120)[0] == []


def test_updates_that_are_lost_to_rounding_are_a_warning():
    model = nn.Linear(8, 2)
    found, _ = train(model, plain, optimizer=torch.optim.SGD(model.parameters(), lr=1e-10))
    assert found == [("lost-update", "warning")]
    model = nn.Linear(8, 2).bfloat16()

    def step(model, optimizer, x, y):
        plain(model, optimizer, x.bfloat16(), y)

    found, _ = train(model, step, optimizer=torch.optim.SGD(model.parameters(), lr=1e-5))
    assert found == [("lost-update", "warning")]


def test_a_warm_up_from_next_to_nothing_passes():
    model = nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    plan = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + step) * 1e-8)

    def step(model, optimizer, x, y):
        plain(model, optimizer, x, y)
        plan.step()

    assert train(model, step, optimizer=optimizer)[0] == []


def scheduled(make):
    model = nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plan = make(optimizer)

    def step(model, optimizer, x, y):
        plain(model, optimizer, x, y)
        plan.step()  # plans

    return train(model, step, optimizer=optimizer)


def test_a_schedule_that_is_used_up_at_once_is_a_warning():
    found, findings = scheduled(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.1))
    assert ("bad-learning-rate", "warning") in found
    assert findings[0].location == line_of(scheduled, "# plans")


@pytest.mark.parametrize(
    "make",
    [
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 16),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, 16),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 4, 0.1),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=20),
    ],
)
def test_schedules_that_end_with_the_training_pass(make):
    assert scheduled(make)[0] == []


def test_the_line_of_a_layer_is_that_of_its_own_class_or_base():
    class Inherits(Normed):
        pass

    model = nn.Sequential(Inherits(nn.Linear(8, 16)))
    _, [finding] = train(model, plain)
    assert finding.module == "0.layer.bias"
    assert finding.location == line_of(Normed, "self.layer = layer")


def test_a_layer_of_no_class_of_the_users_is_told_where_it_runs():
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    _, [finding] = train(model, plain)
    assert finding.module == "0.bias"
    assert finding.location == line_of(plain, "model(x)")


def by_loss(loss_of):
    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        loss_of(model, x, y).backward()  # backward
        optimizer.step()

    return step


UPHILL = {
    "negated": lambda m, x, y: -F.cross_entropy(m(x), y),
    "scaled": lambda m, x, y: F.cross_entropy(m(x), y) * -0.5,
    "log-probability": lambda m, x, y: m(x).log_softmax(-1)[torch.arange(len(y)), y].mean(),
    "gathered": lambda m, x, y: m(x).log_softmax(-1).gather(1, y[:, None]).sum() / 8,
}


@pytest.mark.parametrize("name", UPHILL)
def test_an_error_that_is_made_larger_is_a_warning(name):
    found, [finding] = train(nn.Linear(8, 2), by_loss(UPHILL[name]))
    assert found == [("wrong-loss-sign", "warning")]
    assert finding.location == line_of(by_loss, "# backward")


@pytest.mark.parametrize("name", UPHILL)
def test_the_same_with_maximize_passes(name):
    model = nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)
    assert train(model, by_loss(UPHILL[name]), optimizer=optimizer)[0] == []


DOWNHILL = {
    "negated log-probability": lambda m, x, y: -m(x).log_softmax(-1).gather(1, y[:, None]).mean(),
    "negated twice": lambda m, x, y: -1 * (-F.cross_entropy(m(x), y)),
    "policy gradient": lambda m, x, y: (
        m(x).log_softmax(-1).gather(1, y[:, None]) * -x[:, :1]
    ).mean(),
    "entropy": lambda m, x, y: -torch.special.entr(m(x).softmax(-1)).sum(-1).mean(),
    "a difference": lambda m, x, y: F.cross_entropy(m(x), y) - F.mse_loss(m(x)[:, 0], x[:, 0]),
}


@pytest.mark.parametrize("name", DOWNHILL)
def test_losses_with_minus_signs_that_are_meant_pass(name):
    assert train(nn.Linear(8, 2), by_loss(DOWNHILL[name]))[0] == []


def test_a_patch_that_is_to_fool_a_fixed_model_passes():
    model, patch = nn.Linear(8, 2), nn.Parameter(torch.zeros(8))
    optimizer = torch.optim.Adam([patch], lr=0.1)
    fool = by_loss(lambda m, x, y: -F.cross_entropy(m(x + patch), y))
    assert train(model.requires_grad_(False), fool, optimizer=optimizer)[0] == []


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
    lines, _ = inspect.getsourcelines(inspect.getmodule(train))
    assert name in lines[int(finding.location.rpartition(":")[2]) - 1]


@pytest.mark.parametrize("name", STRAIGHT)
def test_metrics_that_are_meant_pass(name):
    assert train(nn.Linear(8, 2), evaluating(STRAIGHT[name]))[0] == []


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


def binary(squash):
    return by_loss(
        lambda m, x, y: F.binary_cross_entropy_with_logits(squash(m(x))[:, 0], y.float())
    )


@pytest.mark.parametrize(
    "squash", [lambda z: (z.tanh() + 1) / 2, lambda z: 1 / (1 + torch.exp(-z))]
)
def test_probabilities_by_hand_into_a_loss_of_logits_are_an_error(squash):
    found, _ = train(nn.Linear(8, 2), binary(squash))
    assert found == [("sigmoid-into-bce-with-logits", "error")]


@pytest.mark.parametrize("squash", [lambda z: 10 * z.tanh(), lambda z: z.square() / 100])
def test_logits_that_are_clipped_or_happen_to_be_small_pass(squash):
    assert train(nn.Linear(8, 2), binary(squash))[0] == []


class Constant(nn.Module):
    def __init__(self, uses_input):
        super().__init__()
        self.layer, self.uses_input = nn.Linear(8, 2), uses_input
        nn.init.zeros_(self.layer.weight)

    def forward(self, x):
        return self.layer(x if self.uses_input else x.mean(0).expand(len(x), -1))


def test_an_output_that_is_the_same_for_all_is_a_warning():
    found, [finding] = train(Constant(uses_input=False), plain)
    assert found == [("constant-output", "warning")]
    assert finding.location == f"{__file__}:{Constant.forward.__code__.co_firstlineno}"


def test_a_head_that_starts_constant_and_one_example_over_and_over_pass():
    assert train(Constant(uses_input=True), plain)[0] == []

    def again(model, optimizer, x, y):
        plain(model, optimizer, x[:1].expand(8, -1), y[:1].expand(8))

    assert train(nn.Linear(8, 2), again)[0] == []
