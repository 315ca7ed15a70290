"""What guards find in a plain loop, at which line, and what they let pass."""

from __future__ import annotations

import inspect

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
    assert (slug, "error") in found
    assert all(finding.location.startswith(__file__) for finding in findings)


def test_the_line_is_that_of_the_softmax_not_of_the_loss():
    def loss_of(model, x, y):
        probabilities = model(x).softmax(-1)  # here
        return F.cross_entropy(probabilities.view(-1, 2), y)

    _, [finding] = watched(loss_of)
    assert finding.location == line_of(loss_of, "# here")


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
    "kernel distances": lambda m, x, y: torch.exp(-torch.cdist(m(x), x[:, :2])).mean(),
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_legitimate_losses_hear_nothing(name):
    assert watched(LEGITIMATE[name])[0] == []


def test_an_outer_difference_that_is_averaged_is_a_warning():
    found, _ = watched(lambda m, x, y: (m(x)[:, :1] - y.float()).square().mean())
    assert found == [("broadcast-loss", "warning")]


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


def test_kept_losses_keep_their_graphs():
    kept = []

    def loss_of(model, x, y):
        kept.append(cross_entropy(model, x, y))
        return kept[-1]

    assert watched(loss_of, steps=24)[0] == [("graph-growth", "error")]


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


def test_suppressed_findings_are_kept_apart():
    with watch(suppress=["missing-zero-grad"]) as guard:
        fit(cross_entropy, before=nothing)
    assert guard.findings == []
    assert [f.check for f in guard.findings.suppressed] == ["missing-zero-grad"]


def test_an_unknown_slug_is_refused():
    with pytest.raises(ValueError, match="there is no check 'zero'"), watch(suppress=["zero"]):
        pass
