"""What guards find in a plain loop, at which line, and what they let pass."""

from __future__ import annotations

import inspect
import itertools

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402

from pytest_mlregress.bughunt.guards import watch  # noqa: E402


def data(count=32):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 8, generator=generator)
    return x, (x[:, 0] > 0).long()


class Net(nn.Module):
    def __init__(self, out=2, dropout=0.1):
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.last(self.dropout(self.first(x).relu()))


def fit(
    loss_of,
    *,
    steps=6,
    before=lambda model, optimizer: optimizer.zero_grad(),
    between=lambda model, optimizer: None,
    after=lambda model, optimizer: None,
    model=None,
    optimizer_of=lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
):
    """A training loop with room for mistakes."""
    torch.manual_seed(0)
    model = Net() if model is None else model
    optimizer = optimizer_of(model)
    x, y = data()
    for _ in range(steps):
        before(model, optimizer)
        loss = loss_of(model, x, y)
        loss.backward()
        between(model, optimizer)
        optimizer.step()
        after(model, optimizer)
    return model


def cross_entropy(model, x, y):
    return F.cross_entropy(model(x), y)


def watched(*arguments, **keywords):
    with watch() as guard:
        fit(*arguments, **keywords)
    assert guard.silent is None
    return [(f.check, f.severity) for f in guard.findings], guard.findings


def line_of(function, text):
    lines, first = inspect.getsourcelines(function)
    [found] = [first + index for index, line in enumerate(lines) if text in line]
    return f"{__file__}:{found}"


def test_a_correct_loop_hears_nothing():
    assert watched(cross_entropy)[0] == []


WRONG_INPUTS = {
    "softmax-into-cross-entropy": lambda m, x, y: F.cross_entropy(m(x).softmax(-1), y),
    "double-softmax": lambda m, x, y: F.nll_loss(m(x).softmax(-1).log_softmax(-1), y),
    "sigmoid-into-bce-with-logits": lambda m, x, y: F.binary_cross_entropy_with_logits(
        m(x).sigmoid()[:, 0], y.float()
    ),
    "probabilities-into-nll": lambda m, x, y: F.nll_loss(m(x).softmax(-1), y),
    "logits-into-nll": lambda m, x, y: F.nll_loss(m(x), y),
    "wrong-softmax-dim": lambda m, x, y: F.nll_loss(m(x).log_softmax(0), y),
    "softmax-into-cross-entropy along another axis": lambda m, x, y: F.cross_entropy(
        m(x).softmax(0), y
    ),
    "sigmoid-into-bce-with-logits by a softmax": lambda m, x, y: F.binary_cross_entropy_with_logits(
        m(x).softmax(-1), F.one_hot(y, 2).float()
    ),
    "double-softmax in one line": lambda m, x, y: F.nll_loss(m(x).softmax(-1).softmax(-1).log(), y),
    "relu-on-logits by a clamp": lambda m, x, y: F.cross_entropy(m(x).clamp(min=0), y),
    "swapped-loss-arguments of counts": lambda m, x, y: F.poisson_nll_loss(
        y.float(), m(x)[:, 0].exp()
    ),
    "dropout-on-logits": lambda m, x, y: F.cross_entropy(F.dropout(m(x), 0.5), y),
    "relu-on-logits": lambda m, x, y: F.cross_entropy(F.relu(m(x)), y),
    "broadcast-loss": lambda m, x, y: F.mse_loss(m(x)[:, :1], y.float()),
    "swapped-loss-arguments": lambda m, x, y: F.binary_cross_entropy_with_logits(
        y.float(), m(x)[:, 0]
    ),
}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("slug", WRONG_INPUTS)
def test_a_wrong_loss_input_is_an_error_in_this_file(slug):
    found, findings = watched(WRONG_INPUTS[slug])
    assert (slug.partition(" ")[0], "error") in found
    assert all(finding.location.startswith(__file__) for finding in findings)


def test_the_line_is_that_of_the_softmax_not_of_the_loss():
    def loss_of(model, x, y):
        probabilities = model(x).softmax(-1)  # here
        return F.cross_entropy(probabilities.view(-1, 2), y)

    _, [finding] = watched(loss_of)
    assert finding.location == line_of(loss_of, "# here")


def several_terms(model, x, y):
    return (model(x)[:, :1] - y.float()).square().mean() + 0.1 * model(x).abs().mean()


LEGITIMATE = {
    "logits": cross_entropy,
    "soft targets": lambda m, x, y: F.cross_entropy(m(x), F.one_hot(y, 2) * 0.9 + 0.05),
    "log-probabilities": lambda m, x, y: F.nll_loss(m(x).log_softmax(-1), y),
    "attention's softmax": lambda m, x, y: F.cross_entropy(
        m(x) * torch.softmax(x @ x.T, -1).sum(-1, keepdim=True), y
    ),
    "probabilities into BCE": lambda m, x, y: F.binary_cross_entropy(
        m(x)[:, 0].sigmoid(), y.float()
    ),
    "a written-out outer difference": lambda m, x, y: (
        (m(x)[:, :1] - y.float()[None, :]).square().mean()
    ),
    "logits that are clamped on both sides": lambda m, x, y: F.cross_entropy(m(x).clamp(-9, 9), y),
    "counts": lambda m, x, y: F.poisson_nll_loss(m(x)[:, 0], y.float()),
    "kernel distances": lambda m, x, y: torch.exp(-torch.cdist(m(x), x[:, :2])).mean(),
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_legitimate_losses_hear_nothing(name):
    assert watched(LEGITIMATE[name])[0] == []


def test_an_outer_difference_that_is_averaged_is_a_warning():
    found, _ = watched(lambda m, x, y: (m(x)[:, :1] - y.float()).square().mean())
    assert found == [("broadcast-loss", "warning")]


def test_an_outer_difference_in_one_of_several_terms_is_a_warning():
    assert watched(several_terms)[0] == [("broadcast-loss", "warning")]


def nothing(model, optimizer):
    pass


def test_gradients_that_are_never_zeroed():
    found, [finding] = watched(cross_entropy, before=nothing)
    assert found == [("missing-zero-grad", "error")]
    assert finding.location == line_of(fit, "loss.backward()")


def test_gradients_that_are_zeroed_before_use():
    found, _ = watched(cross_entropy, between=lambda m, o: o.zero_grad())
    assert ("missing-zero-grad", "error") in found


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("place", ["before", "after"])
def test_every_way_to_zero_passes(set_to_none, place):
    places = {"before": nothing, "after": nothing}
    places[place] = lambda model, optimizer: model.zero_grad(set_to_none)
    assert watched(cross_entropy, **places)[0] == []


def test_zeroing_by_hand_passes():
    def zero(model, optimizer):
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()

    assert watched(cross_entropy, before=zero)[0] == []


def test_accumulation_passes():
    def before(model, optimizer):
        optimizer.zero_grad()
        for _ in range(2):
            cross_entropy(model, *data()).backward()

    assert watched(cross_entropy, before=before)[0] == []


def test_a_closure_passes():
    model, (x, y) = Net(dropout=0.0), data()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(model, x, y)
        loss.backward()
        return loss

    with watch() as guard:
        for _ in range(5):
            optimizer.step(closure)
    assert guard.findings == []
    assert guard.silent is None


def evaluate(model, optimizer):
    with torch.no_grad():
        for _ in range(3):
            model(data()[0])


def test_evaluation_in_training_mode_is_a_warning():
    found, _ = watched(cross_entropy, after=evaluate)
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
        evaluate(model, optimizer)
        model.back.train()
        model.front.requires_grad_(not frozen)

    found, _ = watched(cross_entropy, model=Deep(), after=after)
    assert found == ([] if frozen else [("missing-train-mode", "warning")])


def test_a_mode_that_is_lost_after_evaluation():
    def after(model, optimizer):
        model.eval()
        evaluate(model, optimizer)

    found, [finding] = watched(cross_entropy, after=after)
    assert found == [("missing-train-mode", "error")]
    assert finding.location == line_of(after, "model.eval()")


def test_training_in_evaluation_mode_from_the_start_is_a_warning():
    found, _ = watched(cross_entropy, model=Net().eval())
    assert found == [("missing-train-mode", "warning")]


def test_switching_back_and_forth_passes():
    def after(model, optimizer):
        model.eval()
        evaluate(model, optimizer)
        model.train()

    assert watched(cross_entropy, after=after)[0] == []


def test_a_scheduler_that_runs_ahead_and_one_that_does_not():
    schedulers = {}

    def step(model, optimizer):
        new = torch.optim.lr_scheduler.StepLR
        schedulers.setdefault(id(optimizer), new(optimizer, 2)).step()

    with pytest.warns(UserWarning, match="lr_scheduler"):
        found, _ = watched(cross_entropy, between=step)
    assert found == [("scheduler-misorder", "error")]
    assert watched(cross_entropy, after=step)[0] == []


def test_clipping_before_backward_is_in_vain():
    def clip(model, optimizer):
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)

    def too_early(model, optimizer):
        optimizer.zero_grad()
        clip(model, optimizer)

    found, _ = watched(cross_entropy, before=too_early)
    assert found == [("clip-misorder", "error")]
    assert watched(cross_entropy, between=clip)[0] == []


@pytest.mark.parametrize("name", ["clip_grad_norm_", "clip_grad_value_"])
def test_clipping_after_the_step_is_in_vain(name):
    found, _ = watched(
        cross_entropy, after=lambda m, o: getattr(nn.utils, name)(m.parameters(), 1.0)
    )
    assert found == [("clip-misorder", "error")]


def test_kept_losses_keep_their_graphs():
    kept = []

    def loss_of(model, x, y):
        kept.append(cross_entropy(model, x, y))
        return kept[-1]

    assert watched(loss_of, steps=24)[0] == [("graph-growth", "error")]


@pytest.mark.parametrize("detached", [False, True])
def test_hidden_states_that_are_kept_keep_what_made_them(detached):
    kept = []

    def loss_of(model, x, y):
        hidden = model.first(x)
        kept.append(hidden.detach() if detached else hidden)
        return F.cross_entropy(model.last(hidden.relu()), y)

    found = watched(loss_of, steps=24)[0]
    assert found == ([] if detached else [("graph-growth", "error")])


def test_numbers_that_are_kept_pass():
    kept = []

    def loss_of(model, x, y):
        loss = cross_entropy(model, x, y)
        kept.append(loss.item())
        return loss

    assert watched(loss_of, steps=24)[0] == []


def test_parameters_that_no_optimizer_owns():
    found, [finding] = watched(
        cross_entropy, optimizer_of=lambda m: torch.optim.SGD(m.last.parameters(), lr=0.1)
    )
    assert found == [("optimizer-misses-parameters", "error")]
    assert finding.module == "first.weight"


def test_a_model_that_outlives_its_optimizer_is_judged_by_what_was_seen_before():
    model = Net()
    found, _ = watched(
        cross_entropy,
        model=model,
        optimizer_of=lambda m: torch.optim.SGD(m.last.parameters(), lr=0.1),
    )
    assert found == [("optimizer-misses-parameters", "error")]


def test_frozen_parameters_outside_of_the_optimizer_pass():
    model = Net()
    model.first.requires_grad_(False)
    found, _ = watched(
        cross_entropy,
        model=model,
        optimizer_of=lambda m: torch.optim.SGD(m.last.parameters(), lr=0.1),
    )
    assert found == []


def test_optimising_an_input_through_a_fixed_model_passes():
    model, image = Net(dropout=0.0), torch.zeros(1, 8, requires_grad=True)
    optimizer = torch.optim.Adam([image], lr=0.1)
    with watch() as guard:
        for _ in range(6):
            optimizer.zero_grad()
            model(image).square().sum().backward()
            optimizer.step()
    assert guard.findings == []


class Hidden(Net):
    def __init__(self, container, frozen=False, evaluating=False):
        super().__init__(dropout=0.0)
        layer = nn.Linear(8, 8).requires_grad_(not frozen).train(not evaluating)
        self.layers = {"one": layer} if container is dict else container([layer])

    def forward(self, x):
        [layer] = self.layers.values() if isinstance(self.layers, dict) else self.layers
        return super().forward(layer(x))


@pytest.mark.parametrize("container", [list, dict])
def test_parameters_that_the_model_does_not_know(container):
    found, [finding] = watched(cross_entropy, model=Hidden(container))
    assert found == [("unregistered-parameters", "error")]
    assert finding.module == {list: "layers[0].weight", dict: "layers['one'].weight"}[container]
    assert finding.location == f"{__file__}:{Hidden.__init__.__code__.co_firstlineno}"


@pytest.mark.parametrize(
    "model",
    [
        Hidden(nn.ModuleList),
        Hidden(list, frozen=True),
        Hidden(list, evaluating=True),
    ],
    ids=["registered", "frozen", "in evaluation mode"],
)
def test_parameters_that_are_known_or_hidden_on_purpose_pass(model):
    assert watched(cross_entropy, model=model)[0] == []


def test_an_optimizer_of_a_copy_changes_nothing():
    copy = Net()
    found, _ = watched(
        cross_entropy,
        before=lambda m, o: m.zero_grad(),
        optimizer_of=lambda m: torch.optim.SGD(copy.parameters(), lr=0.1),
    )
    assert ("detached-graph", "error") in found


@pytest.mark.parametrize("step", [2, 9])
def test_nan_is_told_with_the_line_of_its_first_operation(step):
    count = iter(range(100))

    def loss_of(model, x, y):
        scale = 0.0 if next(count) == step else 1.0
        return (model(x).square().sum(-1) * scale).log().mean()  # here

    found, [finding] = watched(loss_of, steps=12)
    assert found == [("nan-gradient", "error")]
    assert finding.location == line_of(loss_of, "# here")
    assert "begins at log" in finding.message


def test_a_step_that_loss_scaling_skips_is_not_a_nan():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    model, (x, y) = Net(dropout=0.0), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch() as guard:
        for _ in range(6):
            optimizer.zero_grad()
            scaler.scale(cross_entropy(model, x, y) * 1e10).backward()
            scaler.step(optimizer)
            scaler.update()
    assert guard.findings == []


class Swapped(nn.Module):
    def __init__(self, right=False):
        super().__init__()
        self.conv, self.right = nn.Conv1d(4, 2, 3), right

    def forward(self, x):
        x = x.transpose(1, 2) if self.right else x.view(len(x), 4, 7)
        return self.conv(x).mean(-1)


def test_a_view_that_swaps_axes_is_a_warning_and_a_transpose_passes():
    def loss_of(model, x, y):
        return F.cross_entropy(model(x.repeat(1, 4)[:, :28].view(-1, 7, 4)), y)

    found, [finding] = watched(loss_of, model=Swapped())
    assert found == [("view-instead-of-permute", "warning")]
    assert finding.location == line_of(Swapped.forward, "x.view")
    assert watched(loss_of, model=Swapped(right=True))[0] == []


class Regrouping(nn.Module):
    """Eight features become a sequence; `regroup` is what the test is about."""

    def __init__(self, regroup):
        super().__init__()
        self.embed, self.regroup, self.head = nn.Linear(1, 6), regroup, nn.Linear(48, 2)

    def forward(self, x):
        return self.head(self.regroup(self.embed(x[:, :, None])).reshape(len(x), -1))


def relative_shift(x):
    n, t, s = x.shape
    return F.pad(x, (1, 0)).view(n, s + 1, t)[:, 1:].view(n, t, s)


def joined_shift(x):
    n, t, s = x.shape
    column = x.new_zeros(n, t, 1)
    return torch.cat([column, x], -1).view(n, s + 1, t)[:, 1:].reshape(n, t, s)


def skew_without_padding(x):
    n, t, s = x.shape
    return F.pad(x.reshape(n, s, t)[:, 1:].reshape(n, t, s - 1), (0, 1))


REGROUPED = {
    "split heads": lambda x: x.reshape(len(x), 3, 8, 2).sum(1, keepdim=True).repeat(1, 3, 1, 1),
    "joined heads": lambda x: x.view(len(x), 8, 3, 2).transpose(1, 2).reshape(len(x), 8, 6),
    "batch and time": lambda x: x.transpose(0, 1).reshape(len(x), 8, 6),
    "there and back": lambda x: F.relu(x.view(len(x), 6, 8)).view(len(x), 8, 6),
    "sizes that differ by one": lambda x: x[:, :7].reshape(len(x), 6, 7).repeat(1, 2, 1)[:, :, :4],
}
MEANT = {
    "split heads, then transposed": lambda x: x.view(len(x), 8, 3, 2).transpose(1, 2),
    "transposed, then joined": lambda x: (
        x.view(len(x), 8, 3, 2).transpose(1, 2).transpose(1, 2).reshape(len(x), 8, 6)
    ),
    "frames stacked": lambda x: x.view(len(x), 4, 12),
    "patches": lambda x: x.view(len(x), 2, 4, 3, 2).permute(0, 1, 3, 2, 4).reshape(len(x), 6, 8),
    "batch merged with heads": lambda x: x.transpose(1, 2).reshape(len(x) * 6, 8),
    "relative shift": relative_shift,
    "relative shift with a joined column": joined_shift,
    "skew that a second view ends": skew_without_padding,
}


@pytest.mark.parametrize("name", REGROUPED)
def test_views_that_only_a_permutation_explains_are_warnings(name):
    found, _ = watched(cross_entropy, model=Regrouping(REGROUPED[name]))
    assert found == [("view-instead-of-permute", "warning")]


@pytest.mark.parametrize("name", MEANT)
def test_reshapes_that_are_meant_pass(name):
    assert watched(cross_entropy, model=Regrouping(MEANT[name]))[0] == []


def test_a_line_that_regroups_in_another_way_too_passes():
    sizes = itertools.cycle([(8, 6), (6, 8), (4, 12)])

    def regroup(x):
        return x.reshape(len(x), *next(sizes))

    assert watched(cross_entropy, model=Regrouping(regroup), steps=9)[0] == []


def test_suppressed_findings_are_kept_apart():
    with watch(suppress=["missing-zero-grad"]) as guard:
        fit(cross_entropy, before=nothing)
    assert guard.findings == []
    assert [f.check for f in guard.findings.suppressed] == ["missing-zero-grad"]


def test_an_unknown_slug_is_refused():
    with pytest.raises(ValueError, match="there is no check 'zero'"), watch(suppress=["zero"]):
        pass
