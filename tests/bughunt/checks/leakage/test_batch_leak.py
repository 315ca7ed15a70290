"""Examples that see each other."""

from __future__ import annotations

import pytest
import torch
from layer_functions import GENERATOR, classify, find, line_of
from snippets import line_of as line_with
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance


def rows(n=8, c=6):
    return torch.randn(n, c, generator=GENERATOR.manual_seed(0)), torch.arange(n) % 3


def signals(n=6, t=7, c=5):
    return torch.randn(n, t, c, generator=GENERATOR.manual_seed(0)), torch.arange(n) % 3


def mlp():
    return {"a": nn.Linear(6, 6), "b": nn.Linear(6, 3)}


def recurrent():
    return {"rnn": nn.GRU(5, 8), "o": nn.Linear(8, 3)}


def softmax_over_examples(m, x):
    return m["b"](m["a"](x).softmax(0))


def centred_over_examples(m, x):
    return m["b"](x - x.mean(0))


def ranked_among_examples(m, x):
    return m["b"](m["a"](x) / m["a"](x).norm())


def recurrent_over_examples(m, x):
    return m["o"](m["rnn"](x)[0].mean(1))


def neighbour_mixed_in(m, x):
    return m["b"](m["a"](x) + 0.1 * m["a"](x).roll(1, 0))


@pytest.mark.parametrize(
    ("function", "layers", "batch"),
    [
        (softmax_over_examples, mlp, rows()),
        (centred_over_examples, mlp, rows()),
        (ranked_among_examples, mlp, rows()),
        (recurrent_over_examples, recurrent, signals()),
    ],
)
def test_examples_that_see_each_other_are_found_at_the_line(function, layers, batch):
    [finding] = find("batch-leak", function, layers, batch)
    assert finding.severity == "error"
    assert finding.location == line_of(function)


def test_a_neighbour_in_rows_without_a_time_axis_may_be_a_sequence():
    findings = find("batch-leak", neighbour_mixed_in, mlp, rows())
    assert findings == []
    assert "may be time" in findings.skipped[0].reason


def with_batch_norm():
    return {"a": nn.Linear(6, 6), "n": nn.BatchNorm1d(6), "b": nn.Linear(6, 3)}


def normalised(m, x):
    return m["b"](m["n"](m["a"](x)).relu())


def similarities(m, x):
    z = F.normalize(m["a"](x), dim=-1)
    return z @ z.T


def two_views(m, x):
    return m["b"](torch.cat([x, x * 0.9]))


def time_first(m, x):
    return m["o"](m["rnn"](x.transpose(0, 1))[0])


def capacity_routed(m, x):
    gate = m["a"](x).softmax(-1)
    first = F.one_hot(gate.argmax(-1), 6).cumsum(0)
    fits = (first.gather(1, gate.argmax(-1, keepdim=True)) <= 2).float()
    return m["b"](x * fits * gate.amax(-1, keepdim=True))


def rolled_channels(m, x):
    return m["b"](x.roll(1, 1))


def summed(model, batch):
    return model(batch[0]).square().mean()


@pytest.mark.parametrize(
    ("function", "layers", "batch"),
    [
        (normalised, with_batch_norm, rows()),
        (similarities, mlp, rows()),
        (two_views, mlp, rows()),
        (time_first, recurrent, signals()),
        (capacity_routed, mlp, rows(16)),
        (rolled_channels, mlp, rows(6, 6)),
    ],
)
def test_what_examples_may_share_is_silent(function, layers, batch):
    assert find("batch-leak", function, layers, batch, summed) == []


def test_a_loss_may_compare_examples():
    def contrastive(model, batch):
        z = F.normalize(model(batch[0]), dim=-1)
        return F.cross_entropy(z @ z.T / 0.1, torch.arange(len(z)))

    assert find("batch-leak", lambda m, x: m["a"](x), mlp, rows(), contrastive) == []


def test_training_mode_inside_the_loss_is_no_leak():
    def trains(model, batch):
        model.train()
        return classify(model, batch)

    findings = find("batch-leak", normalised, with_batch_norm, rows(), trains)
    assert findings == []
    assert findings.skipped == []


def test_a_graph_has_no_examples():
    batch = (torch.randn(9, 4), torch.randint(0, 9, (2, 20)), torch.zeros(4))
    findings = find(
        "batch-leak", lambda m, x, e: m["a"](x), lambda: {"a": nn.Linear(4, 2)}, batch,
        lambda model, b: model(b[0], b[1]).mean() - b[2].mean(),
    )  # fmt: skip
    assert findings == []
    assert "share no number of examples" in findings.skipped[0].reason


# --- programs whose state or size decides -------------------------------------------------------


def leaks(model, batch, loss_fn=classify):
    return hunt(model, batch, loss_fn=loss_fn, checks=["batch-leak"])


class Stateful(nn.Module):
    """Two layers around what a test is about, with a flag, a buffer and a scale."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 3)
        self.register_buffer("mean", torch.zeros(6))
        self.shift = nn.Parameter(torch.zeros(6))
        self.ready = False

    def forward(self, x):
        return self.b(self.between(self.a(x)))


class InitialisedByData(Stateful):
    def between(self, h):
        if not self.ready:
            self.shift.data, self.ready = -h.mean(0).detach(), True
        return h + self.shift


class NormalisedEachTime(Stateful):
    def between(self, h):
        return h - h.mean(0) + self.shift  # here


class RunningMean(Stateful):
    def between(self, h):
        with torch.no_grad():
            self.mean.lerp_(h.mean(0), 0.1)
        return h - self.mean


class BatchMeanInABuffer(Stateful):
    def between(self, h):
        self.mean = h.mean(0).detach()
        return h - self.mean


class ClassPrototypes(Stateful):
    def __init__(self):
        super().__init__()
        self.register_buffer("prototypes", torch.randn(3, 6, generator=torch.Generator()))

    def between(self, h):
        nearest = torch.cdist(h, self.prototypes).argmin(1)
        with torch.no_grad():
            for k in nearest.unique().tolist():
                self.prototypes[k] = 0.9 * self.prototypes[k] + 0.1 * h[nearest == k].mean(0)
        return torch.cdist(h, self.prototypes) @ self.prototypes


class BatchNormByHand(Stateful):
    def between(self, h):
        mean = h.mean(0) if self.training else self.mean
        if self.training:
            self.mean.lerp_(mean.detach(), 0.1)
        return h - mean


class MixedInTraining(Stateful):
    def between(self, h):
        return 0.9 * h + 0.1 * h.flip(0) - h.mean(0) if self.training else h


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.LazyLinear(3)

    def forward(self, x):
        return self.b(self.norm(self.a(x)).relu())


class StandardDeviationAsAFeature(Stateful):
    def __init__(self):
        super().__init__()
        self.b = nn.Linear(7, 3)

    def between(self, h):
        return torch.cat([h, h.std(0).mean().expand(len(h), 1)], 1)


class MeanAsFeatures(Stateful):
    def __init__(self):
        super().__init__()
        self.b = nn.Linear(12, 3)

    def between(self, h):
        return torch.cat([h, h.mean(0).expand_as(h)], 1)


def in_training(model, batch):
    model.train()
    return classify(model, batch)


@pytest.mark.parametrize(
    ("model", "loss_fn"),
    [
        (InitialisedByData, classify),
        (RunningMean, classify),
        (ClassPrototypes, classify),
        (BatchNormByHand, in_training),
        (MixedInTraining, in_training),
        (Lazy, classify),
        (StandardDeviationAsAFeature, classify),
    ],
)
def test_what_models_learn_from_batches_before_is_no_leak(model, loss_fn):
    findings = leaks(model, rows(), loss_fn)
    assert findings == []
    assert not [skip for skip in findings.skipped if "internal" in skip.reason]


@pytest.mark.parametrize("model", [NormalisedEachTime, BatchMeanInABuffer, MeanAsFeatures])
def test_statistics_of_the_batch_at_hand_are_found(model):
    [finding] = leaks(model, rows())
    assert finding.severity == "error"


class RoutedByCapacity(Stateful):
    def between(self, h):
        gate = h.softmax(-1)
        taken = F.one_hot(gate.argmax(-1), 6)
        fits = ((taken.cumsum(0) * taken).sum(1) <= 2).float()
        return h * (fits * gate.amax(-1))[:, None]


class RoutedAndCentred(RoutedByCapacity):
    def between(self, h):
        routed = super().between(h)
        return routed - routed.mean(0)  # here


def test_a_leak_behind_routing_is_found():
    assert leaks(RoutedByCapacity, rows(16)) == []
    [finding] = leaks(RoutedAndCentred, rows(16))
    assert finding.location == line_with(RoutedAndCentred.between, "# here")


class ChosenByEquality(Stateful):
    """The row with the largest value of a column is given a vector of that column."""

    def __init__(self):
        super().__init__()
        self.scores, self.vectors = nn.Linear(6, 64), nn.Parameter(torch.ones(64, 6))

    def between(self, h):
        scores = self.scores(h)
        chosen = scores == scores.max(0, keepdim=True).values
        return h + chosen.float() @ self.vectors


class CountedInBuckets(Stateful):
    def between(self, h):
        return h + 0.1 * (h.detach() // 0.5).sum(0).expand_as(h)


class PooledByAxis(nn.Module):
    """The largest of each signal, with `max` told its axis as NumPy calls it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 64), nn.Linear(64, 3)
        self.vectors = nn.Parameter(torch.eye(64))

    def forward(self, x):
        pooled = torch.max(self.a(x), axis=1).values
        chosen = torch.zeros_like(pooled).scatter(0, pooled.argmax(0, keepdim=True), 1.0)
        return self.b(pooled + chosen @ self.vectors)


@pytest.mark.parametrize(
    ("model", "batch"),
    [
        (ChosenByEquality, rows(16)),
        (CountedInBuckets, rows(16)),
        (PooledByAxis, signals(12)),
    ],
)
def test_choices_among_examples_are_held_fixed(model, batch):
    findings = leaks(model, batch)
    assert findings == []
    assert "counting or sorting only" in findings.skipped[0].reason


class FourierOverExamples(Stateful):
    def between(self, h):
        spectrum = torch.fft.fft(h, dim=0)  # here
        return h + spectrum.real


class SparseOverExamples(Stateful):
    def between(self, h):
        weights = torch.sparse.softmax(h.to_sparse(), dim=0)
        return h * weights.to_dense()


def test_complex_values_are_no_choices():
    [finding] = leaks(FourierOverExamples, rows())
    assert finding.location == line_with(FourierOverExamples.between, "# here")


def test_sparse_values_between_examples_break_nothing():
    findings = leaks(SparseOverExamples, rows())
    assert [skip for skip in findings.skipped if "internal" in skip.reason] == []
    assert [finding.severity for finding in findings] == ["error"]


class IteratedWeight(Stateful):
    """A weight made orthogonal by Newton's iteration, beside a running mean."""

    def between(self, h):
        with torch.no_grad():
            self.mean.lerp_(h.mean(0), 0.1)
        weight = self.a.weight
        for _ in range(9):
            weight = 1.5 * weight - 0.5 * weight @ weight.T @ weight
        return torch.einsum("bi,ij,cj->bi", h, weight, h)  # here


def test_a_weight_used_many_times_is_followed_back_once(monkeypatch):
    asked = 0
    producer = Provenance.producer

    def counted(*arguments):
        nonlocal asked
        asked += 1
        assert asked < 10_000
        return producer(*arguments)

    monkeypatch.setattr(Provenance, "producer", counted)
    [finding] = leaks(IteratedWeight, rows())
    assert finding.location == line_with(IteratedWeight.between, "# here")


class OfFixedSize(nn.Module):
    """Runs with 12 signals only."""

    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(5, 8, batch_first=True), nn.Linear(8, 3)
        self.state = torch.zeros(1, 12, 8)

    def forward(self, x):
        hidden, state = self.rnn(x, self.state)
        self.state = state.detach()
        return self.out(self.read(hidden.reshape(12, -1).view(12, 7, 8)))

    def read(self, hidden):
        return hidden[:, -1]


class OfFixedSizeWeighed(OfFixedSize):
    def read(self, hidden):
        return (hidden[:, -1].softmax(0) * hidden[:, -1]).relu()  # here


def test_programs_of_one_size_are_judged_at_that_size():
    findings = leaks(OfFixedSize, signals(12))
    assert findings == []
    assert findings.skipped == []
    [finding] = leaks(OfFixedSizeWeighed, signals(12))
    assert finding.severity == "error"
    assert finding.location == line_with(OfFixedSizeWeighed.read, "# here")


class Graph(nn.Module):
    """Twelve nodes whose edges the model holds."""

    def __init__(self, kind):
        super().__init__()
        self.a, self.b, self.kind = nn.Linear(6, 8), nn.Linear(8, 3), kind
        near = (torch.arange(12)[:, None] - torch.arange(12)).abs() < 3
        self.register_buffer("near", near / near.sum(1, keepdim=True))
        self.source, self.target = near.nonzero().T
        self.mix = nn.Linear(12, 12)

    def forward(self, x):
        h = self.a(x).relu()
        if self.kind == "dense":
            h = self.near @ h
        elif self.kind == "sparse":
            h = torch.sparse.mm(self.near.to_sparse(), h)
        elif self.kind == "edges":
            h = torch.zeros_like(h).index_add(0, self.target, h[self.source])
        else:
            h = self.mix(h.T).T
        return self.b(h)


@pytest.mark.parametrize("kind", ["dense", "sparse", "edges", "learned"])
def test_nodes_of_a_graph_that_the_model_holds_are_no_examples(kind):
    assert leaks(lambda: Graph(kind), rows(12)) == []


class StepByStep(nn.Module):
    """The batch is one sequence."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRUCell(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        state, states = torch.zeros(8), []
        for row in x:
            state = self.cell(row, state)
            states.append(state)
        return self.out(torch.stack(states))


def test_one_sequence_may_be_walked_step_by_step():
    assert leaks(StepByStep, rows()) == []
