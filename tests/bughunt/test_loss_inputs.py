"""What losses are given: each wrong input is found at its line, its legal look-alike is not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from snippets import BATCH, find, line_of
from torch import nn

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


class Attention(nn.Module):
    axis = -1

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(6, 6) for _ in range(3))
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = x.unsqueeze(1) * torch.linspace(0.5, 1.5, 5)[:, None]
        scores = self.q(x) @ self.k(x).transpose(1, 2) / 6**0.5
        weights = scores.softmax(dim=self.axis)
        return self.head((weights @ self.v(x)).mean(1))


class WrongAttention(Attention):
    axis = 1


class Pooling(nn.Module):
    """Soft assignment to clusters, summed over positions (NetVLAD): legal."""

    def __init__(self):
        super().__init__()
        self.assign, self.head = nn.Linear(6, 4), nn.Linear(24, 3)

    def forward(self, x):
        x = x.unsqueeze(1) * torch.linspace(0.5, 1.5, 5)[:, None]
        return self.head((self.assign(x).softmax(-1).transpose(1, 2) @ x).flatten(1))


def test_attention_normalised_over_the_queries():
    [finding] = find("wrong-softmax-dim", make_model=WrongAttention)
    assert finding.location == line_of(Attention.forward, "softmax")
    assert find("wrong-softmax-dim", make_model=Attention) == []
    assert find("wrong-softmax-dim", make_model=Pooling) == []


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


class Additive(nn.Module):
    """Attention of 6 queries over 4 keys whose scores come from a layer, with padding."""

    def __init__(self, axis, mask_axis=2):
        super().__init__()
        self.keys, self.energy, self.out = nn.Linear(1, 8), nn.Linear(8, 1), nn.Linear(8, 3)
        self.axis, self.mask_axis = axis, mask_axis

    def forward(self, x):
        keys = self.keys(x[:, :4, None])
        energy = self.energy(torch.tanh(x[:, :, None, None] + keys[:, None])).squeeze(-1)
        hidden = torch.arange(energy.shape[self.mask_axis]) > 2
        hidden = hidden[None, None] if self.mask_axis == 2 else hidden[None, :, None]
        weights = energy.masked_fill(hidden, -1e9).softmax(self.axis)
        return self.out((weights @ keys).mean(1))


@pytest.mark.parametrize(("axis", "mask_axis", "found"), [(1, 2, 1), (2, 2, 0), (2, 1, 0)])
def test_a_mask_that_the_softmax_cannot_see_tells_of_a_wrong_axis(axis, mask_axis, found):
    findings = find("wrong-softmax-dim", make_model=lambda: Additive(axis, mask_axis))
    assert len(findings) == found


@pytest.mark.parametrize(("axis", "found"), [(-1, 0), (-2, 1)])
def test_attention_normalised_by_logsumexp(axis, found):
    def loss(model, batch):
        rows = model(batch[0]).reshape(2, 6, 3)
        scores = rows @ rows[:, :4].mT
        weights = (scores - scores.logsumexp(axis, keepdim=True)).exp()
        return F.cross_entropy((weights @ rows[:, :4]).reshape(12, 3), batch[1])

    assert len(find("wrong-softmax-dim", loss_fn=loss)) == found


@pytest.mark.parametrize(("axis", "found"), [(0, 1), (1, 0), (-1, 0)])
def test_soft_targets_are_weighed_along_the_axis_of_the_softmax(axis, found):
    def soft(model, batch):
        want = F.one_hot(batch[1], 3).float() * 0.8 + 0.2 / 3
        return -(want * model(batch[0]).log_softmax(dim=axis)).sum(-1).mean()  # here

    findings = find("wrong-softmax-dim", loss_fn=soft)
    assert [f.location for f in findings] == [line_of(soft, "# here")] * found


def test_pairs_may_be_contrasted_both_ways():
    def contrast(model, batch):
        scores = model(batch[0]) @ model(batch[0] + 0.1).T
        same = torch.eye(len(scores))
        return -(same * scores.log_softmax(0)).sum(-1).mean()

    assert find("wrong-softmax-dim", loss_fn=contrast) == []


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
