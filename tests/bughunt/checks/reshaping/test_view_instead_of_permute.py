"""Views where a permute was intended, and the many reshapes that are correct."""

from __future__ import annotations

import inspect
import itertools

import pytest
import torch
from guarded_training import cross_entropy, watched
from snippets import line_of
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import check_view_permute, hunt

# --- hunt ---------------------------------------------------------------------------------------


SLUG = "view-instead-of-permute"


def images(n=6, c=3, h=8, w=8):
    return torch.randn(n, c, h, w, generator=torch.Generator().manual_seed(0))


def sequences(n=6, t=5, c=12):
    return torch.randn(n, t, c, generator=torch.Generator().manual_seed(1))


def tokens(n=6, t=6, vocab=11):
    return torch.randint(0, vocab, (n, t), generator=torch.Generator().manual_seed(2))


def line(function, text):
    """``file:line`` of the line of a function that holds a text."""
    lines, first = inspect.getsourcelines(function)
    [offset] = [index for index, source in enumerate(lines) if text in source]
    return f"{__file__}:{first + offset}"


class Net(nn.Module):
    """Calls a function of (model, x) between two layers."""

    def __init__(self, function, layers):
        super().__init__()
        self.function = function
        self.layers = nn.ModuleDict(layers())

    def forward(self, x):
        return self.function(self.layers, x)


def find(function, layers, x):
    def loss_fn(model, batch):
        output = model(batch)
        weights = torch.linspace(1, 2, output.numel()).view(output.shape)
        return (output * weights).sum()

    return hunt(lambda: Net(function, layers), x, loss_fn=loss_fn, checks=[SLUG])


def linear(**sizes):
    return lambda: {name: nn.Linear(*size) for name, size in sizes.items()}


def heads_by_view(m, x):
    n, t, c = x.shape
    q = m.q(x).view(n, 3, t, c // 3)  # here
    return (q @ q.transpose(-1, -2)).softmax(-1) @ q


def merged_heads_by_view(m, x):
    n, t, c = x.shape
    y = m.q(x).view(n, t, 3, c // 3).transpose(1, 2)
    return m.o(y.reshape(n, t, c))  # here


def channels_first_by_reshape(m, x):
    return m.conv(x.reshape(len(x), x.shape[2], x.shape[1]))  # here


def both_directions_by_view(m, x):
    _, state = m.rnn(x)
    return m.o(state.view(len(x), -1))  # here


def stacked_steps_by_view(m, x):
    steps = torch.stack([m.q(x[:, t]) for t in range(x.shape[1])])
    return m.o(steps.view(x.shape[0], x.shape[1], -1))  # here


def pixels_as_tokens_by_view(m, x):
    y = m.conv(x)
    return m.o(y.flatten(2).view(len(y), -1, y.shape[1]))  # here


def time_major_by_unflatten(m, x):
    n, t, _c = x.shape
    y = m.q(x).flatten(0, 1).unflatten(0, (t, n))  # here
    return m.o(y).mean(0)


def last_axis_first(m, x):
    y = m.q(x)
    return m.o(torch.reshape(y, (y.shape[2], y.shape[0], y.shape[1])).mean(0))  # here


def grid_by_view(m, x):
    y = m.conv(x)
    n, c, h, w = y.shape
    return m.o(y.view(n, h, w, c))  # here


def groups_by_view(m, x):
    n, t, c = x.shape
    y = m.q(x).view(n, 4, t, c // 4)  # here
    return (y / (1 + y.square().mean(-1, keepdim=True)).sqrt()).mean(2)


def pixel_shuffle_by_reshape(m, x):
    y = m.conv(x)
    n, c, h, w = y.shape
    y = y.view(n, c // 4, 2, 2, h, w)
    return m.after(y.reshape(n, c // 4, 2 * h, 2 * w))  # here


def patches_by_reshape(m, x):
    return m.o(x.reshape(len(x), 4, -1)).relu().mean(1)  # here


def windows_by_view(m, x):
    n, c, h, w = x.shape
    y = x.permute(0, 2, 3, 1).reshape(n, h // 5, w // 5, 5, 5, c)  # here
    return m.o(y.flatten(3)).relu().mean((1, 2))


CONV = lambda: {"conv": nn.Conv1d(12, 4, 2)}  # noqa: E731
PIXELS = lambda: {"conv": nn.Conv2d(3, 5, 3), "o": nn.Linear(5, 2)}  # noqa: E731
RNN = lambda: {"rnn": nn.GRU(12, 7, batch_first=True, bidirectional=True), "o": nn.Linear(14, 2)}  # noqa: E731

SHUFFLE = lambda: {"conv": nn.Conv2d(3, 12, 1), "after": nn.Conv2d(3, 1, 3)}  # noqa: E731

MISTAKES = [
    (heads_by_view, linear(q=(12, 12)), sequences()),
    (merged_heads_by_view, linear(q=(12, 12), o=(12, 2)), sequences()),
    (channels_first_by_reshape, CONV, sequences()),
    (both_directions_by_view, RNN, sequences()),
    (stacked_steps_by_view, linear(q=(12, 8), o=(8, 2)), sequences(6, 6)),
    (pixels_as_tokens_by_view, PIXELS, images()),
    (time_major_by_unflatten, linear(q=(12, 12), o=(12, 2)), sequences(6, 6)),
    (last_axis_first, linear(q=(12, 7), o=(5, 2)), sequences()),
    (grid_by_view, PIXELS, images()),
    (groups_by_view, linear(q=(12, 12)), sequences(8, 8)),
    (pixel_shuffle_by_reshape, SHUFFLE, images(4, 3, 5, 7)),
    (patches_by_reshape, linear(o=(75, 2)), images(4, 3, 10, 10)),
    (windows_by_view, linear(o=(75, 2)), images(4, 3, 10, 15)),
]


def strips_by_reshape(m, x):
    """Tokens of four full rows: the sizes of patches of 4 x 4 with all channels."""
    tokens = x.reshape(len(x), 9, 48) + m.position.weight[:9]  # here
    return m.o(tokens).relu().mean(1)


FIXED = lambda *layers: lambda: {"position": nn.Embedding(16, 48), **dict(layers)}  # noqa: E731


def pairs_by_view(m, x):
    both = torch.cat([x, 1.5 * x])
    pairs = m.q(both).view(len(x), 2, -1)  # here
    return (pairs[:, 0] * pairs[:, 1]).sum(-1)


def test_views_joined_along_the_examples_are_not_split_the_other_way_round():
    x = sequences()[:, 0]
    [finding] = find(pairs_by_view, linear(q=(12, 8)), x)
    assert finding.location == line(pairs_by_view, "# here")


def queries_and_keys_by_reshape(m, x):
    n, t, _c = x.shape
    q, k = m.q(x).reshape(n, t, 2, 3, -1).reshape(2, n, 3, t, -1)  # here
    return (q @ k.transpose(-1, -2)).softmax(-1) @ k


def scaled_branch(m, x):
    n, c, h, w = x.shape
    return m.after(x + 1e-8 * m.conv(x).reshape(n, h, w, c).permute(0, 3, 1, 2))  # here


def table_of_distances(m, x):
    _n, t, _c = x.shape
    gap = (torch.arange(t)[:, None] - torch.arange(t)).abs().clamp(max=7)
    bias = m.table(gap).reshape(3, t, t)  # here
    return m.q(x).unflatten(-1, (3, -1)).movedim(2, 1).mul(bias.softmax(-1).sum(1)[..., None])


@pytest.mark.parametrize(
    ("function", "layers", "x"),
    [
        (queries_and_keys_by_reshape, linear(q=(12, 24)), sequences()),
        (
            scaled_branch,
            lambda: {"conv": nn.Conv2d(3, 3, 3, padding=1), "after": nn.Conv2d(3, 1, 3)},
            images(),
        ),
        (
            table_of_distances,
            lambda: {"q": nn.Linear(12, 12), "table": nn.Embedding(8, 3)},
            sequences(),
        ),
    ],
)
def test_several_axes_small_scales_and_tables_of_positions(function, layers, x):
    findings = find(function, layers, x)
    assert [f.location for f in findings] == [line(function, "# here")]
    assert findings[0].severity == "error"


def test_a_grid_of_as_many_cells_as_channels_earns_a_warning():
    def layers():
        return {"conv": nn.Conv2d(3, 16, 1), "scale": nn.Embedding(4, 64)}

    def scaled(m, x):
        y = m.conv(x)
        return (y.view(len(y), 4, 4, 2, 8) * m.scale.weight.view(4, 4, 2, 8)).sum((1, 2))  # here

    [finding] = find(scaled, layers, images(5, 3, 4, 4))
    assert finding.severity == "warning"
    assert finding.location == line(scaled, "# here")


def frames_first_by_reshape(m, x):
    y = x.reshape(len(x), 2, 6, 5)  # here
    return m.conv(y).flatten(1)


def test_a_swap_of_lengths_that_cannot_be_varied_earns_a_warning():
    x = torch.randn(4, 6, 2, 5, generator=torch.Generator().manual_seed(3))
    conv = lambda: {"conv": nn.Conv2d(2, 3, 3)}  # noqa: E731
    [finding] = find(frames_first_by_reshape, conv, x)
    assert finding.severity == "warning"
    assert finding.location == line(frames_first_by_reshape, "# here")


def test_tiles_whose_boundaries_fit_earn_a_warning():
    fixed = FIXED(("o", nn.Linear(48, 2)))
    [finding] = find(strips_by_reshape, fixed, images(4, 3, 12, 12))
    assert finding.severity == "warning"
    assert finding.location == line(strips_by_reshape, "# here")
    assert "it does not cut tiles of 4 x 4" in finding.message


@pytest.mark.parametrize(
    ("function", "layers", "x"), MISTAKES, ids=[m[0].__name__ for m in MISTAKES]
)
def test_a_view_for_a_permute_is_found_at_its_line(function, layers, x):
    findings = find(function, layers, x)
    assert [f.location for f in findings] == [line(function, "# here")]
    assert findings[0].check == SLUG
    assert findings[0].severity == "error"


def heads(m, x):
    n, t, c = x.shape
    q = m.q(x).view(n, t, 3, c // 3).transpose(1, 2)
    y = (q @ q.transpose(-1, -2)).softmax(-1) @ q
    return m.o(y.transpose(1, 2).reshape(n, t, c))


def fused_qkv(m, x):
    n, t, _c = x.shape
    q, k, v = m.q(x).view(n, t, 3, 3, -1).permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def channel_shuffle(m, x):
    y = m.conv(x)
    n, c, h, w = y.shape
    return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def pixel_shuffle(m, x):
    y = m.conv(x)
    n, c, h, w = y.shape
    return y.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)


def windows(m, x):
    n, c, h, w = x.shape
    y = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
    y = m.q(y).view(n, h // 4, w // 4, 4, 4, -1).permute(0, 5, 1, 3, 2, 4)
    return y.reshape(n, -1, h, w)


def patches(m, x):
    n, c, h, w = x.shape
    y = x.reshape(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 1, 3, 5)
    return m.q(y.reshape(n, (h // 4) * (w // 4), c * 16))


def flatten_before_linear(m, x):
    return m.q(x.flatten(1))


def unfolded_convolution(m, x):
    columns = F.unfold(x, 3, padding=1)
    return (m.q(columns.transpose(1, 2))).transpose(1, 2).view(len(x), -1, *x.shape[2:])


def stacked_frames(m, x):
    n, t, c = x.shape
    return m.q(x.reshape(n, t // 2, 2 * c))


def frames_as_many_as_features(m, x):
    n, t, c = x.shape  # t = 2c: the regrouped sizes swap by chance
    return m.q(x.reshape(n, t // 2, 2 * c))


def relative_shift_by_padding(m, x):
    n, t, _c = x.shape
    score = m.q(x)[:, :, : 2 * t - 1]
    y = F.pad(score, (1, 0)).view(n, 2 * t, t)[:, 1:].reshape(n, t, 2 * t - 1)
    return y[:, :, :t]


def relative_shift_by_slicing(m, x):
    n, t, _c = x.shape
    score = m.q(x)[:, :, : 2 * t - 1]
    return score.reshape(n, 2 * t - 1, t)[:, 1:].reshape(n, t, 2 * t - 2)


def relative_shift_that_ends_on_a_multiple(m, x):
    n, t, _ = x.shape
    score = m.q(x)[:, :, : 2 * t + 1]
    return score.reshape(n, 2 * t + 1, t)[:, 1:].reshape(n, t, 2 * t)


def transformer_xl_shift(m, x):
    n, t, _c = x.shape
    score = m.q(x)[:, :, :t]
    padded = torch.cat([torch.zeros(n, t, 1), score], -1)
    return padded.view(n, t + 1, t)[:, 1:].reshape(n, t, t)


def shift_with_a_new_column(m, x):
    n, t, _c = x.shape
    score = m.q(x).narrow(2, 0, t)
    longer = torch.concat((score.new_zeros(n, t, 1), score), dim=2)
    return longer.reshape(n, -1, t)[:, 1:].reshape_as(score)


def shift_with_a_full_column(m, x):
    n, t, _c = x.shape
    score = m.q(x).narrow(2, 0, t)
    longer = torch.cat((torch.full_like(score[..., :1], -1.0), score), dim=2)
    return longer.reshape(n, -1, t)[:, 1:].view_as(score)


def batch_and_time_merged(m, x):
    return m.q(x.reshape(-1, x.shape[-1])).view(*x.shape[:2], -1)


def rotary_pairs(m, x):
    y = m.q(x).unflatten(-1, (-1, 2))
    return torch.stack((-y[..., 1], y[..., 0]), -1).flatten(-2)


def both_directions(m, x):
    _, state = m.rnn(x)
    return m.o(state.transpose(0, 1).reshape(len(x), -1))


def group_norm_by_hand(m, x):
    y = m.conv(x)
    z = y.view(len(y), 2, -1)
    return ((z - z.mean(-1, keepdim=True)) / z.std(-1, keepdim=True)).view_as(y)


def yolo_head(m, x):
    y = m.conv(x)
    n, c, h, w = y.shape
    return y.view(n, 2, c // 2, h, w).permute(0, 1, 3, 4, 2).reshape(n, -1, c // 2)


def noise_in_any_order(m, x):
    noise = torch.linspace(-1, 1, x[0].numel()).view(x.shape[2], x.shape[1])
    return m.q(x + noise.view(x.shape[1], x.shape[2]))


def undone_at_once(m, x):
    n, t, c = x.shape
    return m.q(x).view(n, c, t).reshape(n, t, c)


CHANNELS = lambda: {"conv": nn.Conv2d(3, 8, 3, padding=1)}  # noqa: E731

LOOKALIKES = [
    (heads, linear(q=(12, 12), o=(12, 2)), sequences()),
    (fused_qkv, linear(q=(12, 36)), sequences(3, 3)),
    (channel_shuffle, CHANNELS, images()),
    (pixel_shuffle, CHANNELS, images(4, 3, 4, 4)),
    (windows, linear(q=(3, 5)), images(4)),
    (patches, linear(q=(48, 5)), images(4)),
    (flatten_before_linear, linear(q=(192, 2)), images()),
    (unfolded_convolution, linear(q=(27, 5)), images()),
    (stacked_frames, linear(q=(24, 2)), sequences(6, 8)),
    (frames_as_many_as_features, linear(q=(12, 4)), sequences(7, 12, 6)),
    (relative_shift_by_padding, linear(q=(12, 20)), sequences()),
    (relative_shift_by_slicing, linear(q=(12, 20)), sequences()),
    (relative_shift_that_ends_on_a_multiple, linear(q=(12, 40)), sequences()),
    (transformer_xl_shift, linear(q=(12, 20)), sequences()),
    (shift_with_a_new_column, linear(q=(12, 20)), sequences()),
    (shift_with_a_full_column, linear(q=(12, 20)), sequences()),
    (batch_and_time_merged, linear(q=(12, 5)), sequences()),
    (rotary_pairs, linear(q=(12, 12)), sequences()),
    (both_directions, RNN, sequences()),
    (group_norm_by_hand, CHANNELS, images()),
    (yolo_head, CHANNELS, images(4, 3, 4, 4)),
    (noise_in_any_order, linear(q=(12, 5)), sequences()),
    (undone_at_once, linear(q=(12, 12)), sequences()),
]


@pytest.mark.parametrize(
    ("function", "layers", "x"), LOOKALIKES, ids=[m[0].__name__ for m in LOOKALIKES]
)
def test_a_reshape_that_is_meant_is_silent(function, layers, x):
    findings = find(function, layers, x)
    assert findings == []
    assert findings.skipped == []


def test_predictions_and_targets_regrouped_alike_make_no_difference():
    def loss_fn(model, batch):
        x, y = batch
        guess = model(x).transpose(1, 2)
        return F.mse_loss(guess.reshape(-1, 12), y.transpose(1, 2).reshape(-1, 12))

    batch = sequences(), sequences() + 1
    assert hunt(lambda: nn.Linear(12, 12), batch, loss_fn=loss_fn, checks=[SLUG]) == []


def test_classes_flattened_in_the_wrong_order_are_found_in_the_loss():
    def loss_fn(model, batch):
        logits = model(batch["x"]).transpose(1, 2)
        return F.cross_entropy(logits.reshape(-1, 4), batch["y"].reshape(-1))  # here

    batch = {"x": sequences(), "y": torch.arange(30).view(6, 5) % 4}
    [finding] = hunt(lambda: nn.Linear(12, 4), batch, loss_fn=loss_fn, checks=[SLUG])
    assert finding.location == line(loss_fn, "# here")


def test_equal_sizes_do_not_hide_a_mistake():
    """With as many examples as steps the view does nothing at all, on this batch."""
    findings = find(stacked_steps_by_view, linear(q=(12, 8), o=(8, 2)), sequences(6, 6))
    assert [f.location for f in findings] == [line(stacked_steps_by_view, "# here")]


def test_a_batch_that_cannot_be_resized_earns_a_warning_only():
    def fixed(m, x):
        y = m.q(x)
        assert len(x) == 6
        return y.view(6, 3, 5, 4).mean(2)

    [finding] = find(fixed, linear(q=(12, 12)), sequences())
    assert finding.severity == "warning"


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        self.out = nn.Linear(6, 3)

    def forward(self, ids):
        x = self.embed(ids)
        return self.out(x.view(x.shape[1], x.shape[0], -1)).mean(0)


@pytest.mark.parametrize("batch", [tokens(), (tokens(),), {"ids": tokens()}])
def test_one_check_runs_on_a_model_at_hand_and_leaves_it_alone(batch):
    model = Tagger().train()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    [finding] = check_view_permute(model, batch)
    assert finding.check == SLUG
    assert model.training
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())


def in_pieces(cut, join=torch.cat):
    """Rows of batch and time are worked on in pieces, and come apart again."""

    def function(m, x):
        n, t, c = x.shape
        y = join([m.q(piece).tanh() for piece in cut(x.reshape(n * t, c), n, t)])
        return m.o(y.view(n, t, c)).relu().mean(1)  # here

    return function


PIECES = {
    "chunks": lambda x, n, t: x.chunk(t),
    "split by the examples": lambda x, n, t: x.split(n),
    "tensor_split": lambda x, n, t: x.tensor_split(t),
    "slices": lambda x, n, t: [x[k * n : (k + 1) * n] for k in range(t)],
    "two chunks": lambda x, n, t: x.chunk(2),
}
OTHER_PIECES = {
    "the other way round": lambda x, n, t: x.view(n, t, -1).transpose(0, 1).flatten(0, 1).split(n),
    "of every step": lambda x, n, t: x.view(n, t, -1).unbind(1),
    "in another order": lambda x, n, t: x.chunk(t)[::-1],
    "the first again": lambda x, n, t: [*x.chunk(t)[:-1], x.chunk(t)[0]],
}


@pytest.mark.parametrize("name", PIECES)
def test_all_pieces_of_a_tensor_in_their_order_are_that_tensor(name):
    assert find(in_pieces(PIECES[name]), linear(q=(12, 12), o=(12, 4)), sequences()) == []


@pytest.mark.parametrize("name", OTHER_PIECES)
def test_other_pieces_are_another_tensor(name):
    function = in_pieces(OTHER_PIECES[name])
    [finding] = find(function, linear(q=(12, 12), o=(12, 4)), sequences())
    assert finding.location == line(in_pieces, "# here")


def test_a_view_behind_pieces_in_their_order_is_found():
    def function(m, x):
        n, t, c = x.shape
        y = torch.cat([m.q(piece).tanh() for piece in x.reshape(n * t, c).chunk(2)])
        return m.o(y.view(t, n, c)).relu().mean(0)  # there

    [finding] = find(function, linear(q=(12, 12), o=(12, 4)), sequences())
    assert finding.location == line(function, "# there")


# --- guards -------------------------------------------------------------------------------------


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
