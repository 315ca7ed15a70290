"""What losses are given: each wrong input is found at its line, its legal look-alike is not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import by_loss, cross_entropy, train, watched
from snippets import BATCH, find, line_of
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


BITS = (BATCH[0], (BATCH[1] == 0).float())


def one_logit():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))


def softmax_then_cross_entropy(model, batch):
    return F.cross_entropy(F.softmax(model(batch[0]), -1), batch[1])  # here


def handmade_softmax(model, batch):
    scores = model(batch[0]).exp()
    probabilities = scores / scores.sum(1, keepdim=True)  # here
    return F.cross_entropy(probabilities, batch[1])


def clamped_softmax(model, batch):
    return F.cross_entropy(model(batch[0]).softmax(1).clamp(1e-6, 1 - 1e-6), batch[1])  # here


@pytest.mark.parametrize("loss", [softmax_then_cross_entropy, handmade_softmax, clamped_softmax])
def test_softmax_into_cross_entropy(loss):
    [finding] = find("softmax-into-cross-entropy", loss_fn=loss)
    assert (finding.severity, finding.location) == ("error", line_of(loss, "# here"))


def test_softmax_into_cross_entropy_of_one_example():
    def loss(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1])

    one = (BATCH[0][0], BATCH[1][0])
    assert find("softmax-into-cross-entropy", batch=one, loss_fn=loss, train_step=None) == []
    [finding] = find(
        "softmax-into-cross-entropy",
        make_model=lambda: nn.Sequential(nn.Linear(6, 3), nn.Softmax(-1)),
        batch=one,
        loss_fn=loss,
        train_step=None,
    )
    assert finding.severity == "error"


def test_a_softmax_layer_is_reported_where_it_is_constructed():
    def make_model():
        return nn.Sequential(
            nn.Linear(6, 3),
            nn.Softmax(-1),  # here
        )

    [finding] = find("softmax-into-cross-entropy", make_model=make_model)
    assert finding.location == line_of(make_model, "# here")
    assert finding.module == "1"


def soft_targets(model, batch):
    return F.cross_entropy(model(batch[0]), F.softmax(torch.randn(12, 3), -1))


def log_softmax_is_idempotent(model, batch):
    return F.cross_entropy(F.log_softmax(model(batch[0]), -1), batch[1])


def small_logits(model, batch):
    return F.cross_entropy(0.01 * model(batch[0]) + 0.3, batch[1])


@pytest.mark.parametrize("loss", [soft_targets, log_softmax_is_idempotent, small_logits])
def test_legal_inputs_of_cross_entropy(loss):
    assert find("softmax-into-cross-entropy", loss_fn=loss) == []


def test_double_softmax():
    def loss(model, batch):
        probabilities = model(batch[0]).softmax(-1).softmax(-1)  # here
        return F.nll_loss(probabilities.log(), batch[1])

    [finding] = find("double-softmax", loss_fn=loss)
    assert finding.location == line_of(loss, "# here")


def sigmoid_first(model, batch):
    return F.binary_cross_entropy_with_logits(model(batch[0]).sigmoid(), batch[1])  # here


def scaled_tanh(model, batch):
    chance = (model(batch[0]).tanh() + 1) / 2
    return F.binary_cross_entropy_with_logits(chance, batch[1])  # here


@pytest.mark.parametrize("loss", [sigmoid_first, scaled_tanh])
def test_sigmoid_into_bce_with_logits(loss):
    [finding] = find("sigmoid-into-bce-with-logits", make_model=one_logit, batch=BITS, loss_fn=loss)
    assert finding.location == line_of(loss, "# here")


def logits_that_happen_to_lie_in_the_unit_interval(model, batch):
    logits = model(batch[0])
    return F.binary_cross_entropy_with_logits(logits * 1e-3 + 0.5, batch[1])


def probabilities_into_bce(model, batch):
    return F.binary_cross_entropy(model(batch[0]).sigmoid(), batch[1])


@pytest.mark.parametrize(
    "loss", [logits_that_happen_to_lie_in_the_unit_interval, probabilities_into_bce]
)
def test_legal_inputs_of_binary_losses(loss):
    slug = "sigmoid-into-bce-with-logits"
    assert find(slug, make_model=one_logit, batch=BITS, loss_fn=loss) == []


def test_a_head_that_starts_at_zero_is_no_sigmoid():
    def make_model():
        model = one_logit()
        nn.init.zeros_(model[2].weight)
        nn.init.constant_(model[2].bias, 0.5)
        return model

    loss = logits_that_happen_to_lie_in_the_unit_interval
    assert (
        find("sigmoid-into-bce-with-logits", make_model=make_model, batch=BITS, loss_fn=loss) == []
    )


def nll_of_probabilities(model, batch):
    return F.nll_loss(model(batch[0]).softmax(-1), batch[1])


def nll_of_logits(model, batch):
    return F.nll_loss(model(batch[0]), batch[1])


def nll_of_log_probabilities(model, batch):
    return F.nll_loss(model(batch[0]).log_softmax(-1), batch[1])


def nll_over_the_wrong_axis(model, batch):
    return F.nll_loss(model(batch[0]).log_softmax(0), batch[1])


@pytest.mark.parametrize(
    ("slug", "loss"),
    [
        ("probabilities-into-nll", nll_of_probabilities),
        ("logits-into-nll", nll_of_logits),
        ("wrong-softmax-dim", nll_over_the_wrong_axis),
    ],
)
def test_nll_needs_log_probabilities(slug, loss):
    [finding] = find(slug, loss_fn=loss)
    assert finding.location == line_of(loss, "nll_loss(")
    assert find(slug, loss_fn=nll_of_log_probabilities) == []


def test_dropout_on_logits():
    def loss(model, batch):
        return F.cross_entropy(F.dropout(model(batch[0]), 0.3), batch[1])  # here

    def legal(model, batch):
        return F.cross_entropy(model(F.dropout(batch[0], 0.3)), batch[1])

    [finding] = find("dropout-on-logits", loss_fn=loss)
    assert finding.location == line_of(loss, "# here")
    assert find("dropout-on-logits", loss_fn=legal) == []


def test_relu_on_logits():
    def loss(model, batch):
        return F.cross_entropy(model(batch[0]).relu(), batch[1])  # here

    def counts(model, batch):
        return F.mse_loss(model(batch[0])[:, 0].relu(), batch[1].float())

    def signed(model, batch):
        return F.mse_loss(model(batch[0])[:, 0].relu(), batch[0][:, 0])  # here

    assert find("relu-on-logits", loss_fn=loss)[0].location == line_of(loss, "# here")
    assert find("relu-on-logits", loss_fn=signed)[0].location == line_of(signed, "# here")
    assert find("relu-on-logits", loss_fn=counts) == []


def test_swapped_arguments():
    def swapped(model, batch):
        return F.binary_cross_entropy_with_logits(batch[1], model(batch[0]))

    def symmetric(model, batch):
        return F.mse_loss(batch[1], model(batch[0]))

    program = {"make_model": one_logit, "batch": BITS}
    [finding] = find("swapped-loss-arguments", **program, loss_fn=swapped)
    assert finding.severity == "error"
    assert find("swapped-loss-arguments", **program, loss_fn=symmetric) == []


def with_a_policy(logits_of):
    def loss(model, batch):
        policy = torch.distributions.Categorical(logits=logits_of(model(batch[0])))
        return -policy.log_prob(batch[1]).mean()

    return loss


def test_a_distribution_normalises_what_is_normalised_already():
    [finding] = find("double-softmax", loss_fn=with_a_policy(lambda scores: scores.softmax(-1)))
    assert finding.severity == "error"
    assert find("double-softmax", loss_fn=with_a_policy(lambda scores: scores)) == []


@pytest.mark.parametrize(
    ("act", "found"),
    [
        (lambda h: F.leaky_relu(h, 0.0), 1),
        (lambda h: torch.where(h > 0, h, torch.zeros(())), 1),
        (lambda h: F.leaky_relu(h, 0.01), 0),
        (lambda h: F.softplus(h), 0),
        (lambda h: torch.where(h > -1, h, torch.zeros(())), 0),
    ],
)
def test_a_rectifier_is_known_by_what_it_does(act, found):
    def loss(model, batch):
        return F.cross_entropy(act(model(batch[0])), batch[1])

    assert len(find("relu-on-logits", loss_fn=loss)) == found


class Pupil(nn.Module):
    def __init__(self):
        super().__init__()
        self.teacher, self.student = nn.Linear(6, 3), nn.Linear(6, 3)
        self.teacher.requires_grad_(False)

    def forward(self, x):
        return self.student(x), self.teacher(x)


@pytest.mark.parametrize(("twice", "found"), [(True, 1), (False, 0)])
def test_a_teachers_probabilities_are_softened_as_logits(twice, found):
    def distil(model, batch):
        student, teacher = model(batch[0])
        if twice:
            teacher = teacher.softmax(1)
        goal = (teacher / 2.0).softmax(1)  # here
        return F.kl_div((student / 2.0).log_softmax(1), goal, reduction="batchmean")

    findings = find("double-softmax", make_model=Pupil, loss_fn=distil, train_step=None)
    assert len(findings) == found


def test_probabilities_that_are_weighed_and_compared_again_are_no_target():
    """A router that looks at its own probabilities, without gradient, sets no target."""

    def routed(model, batch):
        student, teacher = model(batch[0])
        weights = (teacher.softmax(1) / 0.5).softmax(1)
        return F.cross_entropy(student * weights, batch[1])

    assert find("double-softmax", make_model=Pupil, loss_fn=routed, train_step=None) == []


# --- guards -------------------------------------------------------------------------------------


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


def test_guards_read_the_logits_of_one_example():
    found, _ = watched(lambda model, x, y: F.cross_entropy(model(x[0]), y[0]))
    assert found == []
