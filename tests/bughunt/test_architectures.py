"""What real architectures do that only looks like a mistake, and the mistake that looks like it.

Each was met by `benchmarks/bughunt/architectures` in a model of transformers or timm.
"""

from __future__ import annotations

import pytest
import torch
from snippets import line_of
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt

WORDS, LENGTH, WIDTH = 20, 9, 8


class Net(nn.Module):
    """A function of (layers, inputs) with an embedding, a linear layer and a head."""

    def __init__(self, function, table=WORDS):
        super().__init__()
        self.function = function
        self.embed = nn.Embedding(table, WIDTH)
        self.mix = nn.Linear(3 * WIDTH, WIDTH)
        self.conv = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def text(n=6):
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([LENGTH, 7, 5, LENGTH, 6, 8])
    mask = torch.arange(LENGTH) < lengths[:, None]
    ids = torch.randint(1, WORDS, (n, LENGTH), generator=generator) * mask
    return {"ids": ids, "mask": mask.long(), "labels": ids.masked_fill(~mask, -100)}


def token_loss(model, batch):
    logits = model(batch["ids"], batch["mask"])
    return F.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten())


def find(slug, function, *, loss_fn=token_loss, table=WORDS, batch=None):
    return hunt(
        lambda: Net(function, table),
        batch or text(),
        loss_fn=loss_fn,
        make_optimizer=lambda model: torch.optim.AdamW(model.parameters()),
        checks=[slug],
    )


# --- softmax ------------------------------------------------------------------------------------


def scores_of(x, mask):
    return x @ x.transpose(-1, -2) + (mask[:, None] - 1) * 1e9


def attention_sink(m, ids, mask):
    """One more score that takes what no key deserves: the other weights sum to less than one."""
    x = m.embed(ids)
    scores = scores_of(x, mask)
    sink = torch.zeros_like(scores[..., :1])
    weights = torch.cat([scores, sink], -1).softmax(-1)[..., :-1]
    return m.head(weights @ x)


def global_and_local_keys(m, ids, mask):
    """One softmax over two sets of keys, whose values are averaged apart and then added."""
    x = m.embed(ids)
    weights = scores_of(x, mask).softmax(-1)
    first, rest = weights[..., :2], weights[..., 2:]
    return m.head(first @ x[:, :2] + rest @ x[:, 2:])


def dropped_and_reshaped(m, ids, mask):
    x = m.embed(ids)
    weights = m.drop(scores_of(x, mask).softmax(-1)).view(-1, LENGTH, LENGTH)
    return m.head(torch.bmm(weights, x))


def dropped_and_reshaped_over_queries(m, ids, mask):
    x = m.embed(ids)
    weights = m.drop(scores_of(x, mask).softmax(-2)).view(-1, LENGTH, LENGTH)  # here
    return m.head(torch.bmm(weights, x))


@pytest.mark.parametrize("function", [attention_sink, global_and_local_keys, dropped_and_reshaped])
def test_weights_that_are_a_part_of_a_softmax_are_silent(function):
    assert find("wrong-softmax-dim", function) == []


def test_weights_over_the_queries_are_found_behind_dropout_and_a_view():
    [finding] = find("wrong-softmax-dim", dropped_and_reshaped_over_queries)
    assert finding.severity == "error"
    assert finding.location == line_of(dropped_and_reshaped_over_queries, "# here")


# --- padding ------------------------------------------------------------------------------------


def attended(m, x, mask):
    return scores_of(x, mask).softmax(-1) @ x


def trigrams(m, ids, mask):
    """A convolution of width three, written as shifted copies."""
    x = m.embed(ids)
    after, before = F.pad(x[:, 1:], (0, 0, 0, 1)), F.pad(x[:, :-1], (0, 0, 1, 0))
    return m.head(attended(m, m.mix(torch.cat([after, x, before], -1)), mask))


def convolution_added_in_place(m, ids, mask):
    x = m.embed(ids)
    y = attended(m, x, mask)
    y += m.conv(x.transpose(1, 2)).transpose(1, 2)
    return m.head(y)


def open_attention_scaled_in_place(m, ids, mask):
    x = m.embed(ids)
    y = (x @ x.transpose(-1, -2)).softmax(-1) @ x  # here
    z = y * 1.0
    z += x
    return m.head(z)


def mean_over_padding(m, ids, mask):
    x = m.embed(ids)
    return m.head(x + x.mean(1, keepdim=True))  # here


@pytest.mark.parametrize("function", [trigrams, convolution_added_in_place])
def test_padding_that_comes_in_by_a_neighbourhood_cannot_be_judged(function):
    findings = find("padding-leak", function)
    assert findings == []
    assert "may be meant" in findings.skipped[0].reason


@pytest.mark.parametrize("function", [open_attention_scaled_in_place, mean_over_padding])
def test_padding_that_reaches_every_position_is_found(function):
    [finding] = find("padding-leak", function)
    assert finding.severity == "error"
    assert finding.location == line_of(function, "# here")


def test_a_state_to_go_on_from_may_hold_padding():
    """Recurrent language models return their last state beside the logits."""

    def recurrent(m, ids, mask):
        x = m.embed(ids)
        return m.head(x.cumsum(1)), x.sum(1)

    def loss_fn(model, batch):
        logits, _state = model(batch["ids"], batch["mask"])
        return F.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten())

    def loss_of_the_state(model, batch):
        _logits, state = model(batch["ids"], batch["mask"])
        return F.cross_entropy(model.head(state), batch["ids"][:, 0])

    assert find("padding-leak", recurrent, loss_fn=loss_fn) == []
    [finding] = find("padding-leak", recurrent, loss_fn=loss_of_the_state)
    assert finding.severity == "error"


# --- modes --------------------------------------------------------------------------------------


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
    assert find("missing-eval-mode", function) == []


@pytest.mark.parametrize("function", [with_running_statistics, without_running_statistics])
def test_a_batch_norm_of_examples_that_ignores_the_mode_is_found(function):
    [finding] = find("missing-eval-mode", function)
    assert finding.message.startswith("batch_norm uses the batch's statistics")


# --- output bias --------------------------------------------------------------------------------


def plain(m, ids, mask):
    return m.head(m.embed(ids))


def test_a_language_head_may_have_fewer_rows_than_the_embedding():
    assert find("missing-output-bias", plain, table=WORDS + 4) == []


def test_a_classifier_of_texts_is_no_language_model():
    def loss_fn(model, batch):
        return F.cross_entropy(model(batch["ids"], batch["mask"])[:, 0], batch["labels"])

    batch = text() | {"labels": torch.arange(6) % 3}
    [finding] = find("missing-output-bias", plain, loss_fn=loss_fn, table=60, batch=batch)
    assert finding.severity == "warning"


# --- construction -------------------------------------------------------------------------------


class MaskOfPythonBools(Net):
    """torch takes Python's types for its own: ``dtype=bool``."""

    def __init__(self):
        super().__init__(plain)
        self.register_buffer("seen", torch.tril(torch.ones((LENGTH, LENGTH), dtype=bool)))


def test_a_model_may_be_built_with_types_of_python():
    assert hunt(MaskOfPythonBools, text(), loss_fn=token_loss, checks=["causal-leak"]) == []


class Straight(torch.autograd.Function):
    """Its backward gives a gradient to one of its two inputs, as a router's estimator does."""

    @staticmethod
    def forward(context, kept, chosen):
        return kept * (chosen > 0)

    @staticmethod
    def backward(context, gradient):
        return gradient, None


def routed(m, ids, mask):
    x = m.embed(ids)
    return m.head(Straight.apply(x * 1.0, m.head.weight.mean() + x))


def test_a_gradient_may_be_none_on_the_way():
    assert find("nan-gradient", routed) == []


# --- unused modules -----------------------------------------------------------------------------


class Towers(Net):
    """With a tower for images that texts do not use, one parameter of which is frozen."""

    def __init__(self):
        super().__init__(plain)
        self.tower = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4))
        self.tower[0].bias.requires_grad_(False)


def loss_of_all_but_the_conv(model, batch):
    x = model.mix(model.embed(batch["ids"]).repeat(1, 1, 3))
    return F.cross_entropy(model.head(x).flatten(0, 1), batch["labels"].flatten())


def test_an_unused_branch_is_one_finding():
    [conv, tower] = hunt(
        Towers,
        text(),
        loss_fn=loss_of_all_but_the_conv,
        make_optimizer=lambda model: torch.optim.AdamW(model.parameters()),
        checks=["unused-module"],
    )
    assert (conv.module, tower.module) == ("conv", "tower")
    assert "changing 5 parameters" in tower.evidence


class LayerDrop(Net):
    """Each of two layers is left out of half of all passes: both of them out of a quarter."""

    def __init__(self):
        super().__init__(plain)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))

    def forward(self, ids, mask):
        x = self.mix(self.embed(ids).repeat(1, 1, 3)) + self.conv.weight.mean()
        for layer, drawn in zip(self.layers, torch.rand(2), strict=True):
            x = x if drawn < 0.5 else x + layer(x)
        return self.head(x + self.conv.bias)


def test_layers_that_one_pass_leaves_out_at_random_are_used():
    for skipped in range(6):  # so that some of the first passes leave out both layers

        def loss_fn(model, batch, skipped=skipped):
            torch.rand(skipped)
            return token_loss(model, batch)

        findings = hunt(
            LayerDrop,
            text(),
            loss_fn=loss_fn,
            make_optimizer=lambda model: torch.optim.AdamW(model.parameters()),
            checks=["unused-module", "detached-graph"],
        )
        assert findings == []
