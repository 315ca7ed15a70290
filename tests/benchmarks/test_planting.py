"""Each operator of the benchmark plants the mistake that it is named after, on the line it says."""

from __future__ import annotations

import pytest

from benchmarks.bughunt.operators import Planted, plant

PROGRAM = """
import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def forward(self, x, mask):
        h = self.inlet(x).transpose(1, 2)
        score = h @ h.mT
        weight = score.masked_fill(~mask, -1e9).softmax(dim=-1)
        y = self.outlet(weight @ h)
        return y.squeeze(-1)


def data(seed):
    return torch.rand(3, 4, 5).transpose(1, 2)


def loss_fn(model, ids):
    return F.cross_entropy(model(ids[:, :-1]), ids[:, 1:])


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.schedule.step()


def evaluate(model, batches):
    model.eval()
    return 0.0
"""


def planted(operator: str) -> list[Planted]:
    """What one operator plants in the program."""
    return [each for each in plant(PROGRAM) if each.operator == operator]


@pytest.mark.parametrize(
    ("operator", "slug", "before", "after"),
    [
        ("drop zero_grad", "missing-zero-grad", "    optimizer.zero_grad()", "    pass"),
        ("add a softmax", "softmax-into-cross-entropy", None, "torch.softmax(model(ids[:, :-1])"),
        ("view for permute", "view-instead-of-permute", None, "t.reshape(t.transpose(1, 2)"),
        ("detach", "detached-graph", None, "y = self.outlet(weight @ h).detach()"),
        ("wrong dim", "wrong-softmax-dim", None, "softmax(dim=-2)"),
        ("broadcast", "broadcast-loss", "return y.squeeze(-1)", "return y"),
        ("drop the mask", "padding-leak", "masked_fill", "weight = score.softmax(dim=-1)"),
        ("drop the shift", "labels-not-shifted", "ids[:, 1:]", "ids[:, :-1]), ids[:, :-1])"),
    ],
)
def test_an_operator_rewrites_its_line(
    operator: str, slug: str, before: str | None, after: str
) -> None:
    (mistake,) = planted(operator)
    assert slug in mistake.slugs
    assert after in mistake.source
    assert before is None or before not in mistake.source
    changed = [
        number
        for number, (old, new) in enumerate(
            zip(PROGRAM.splitlines(), mistake.source.splitlines(), strict=True), start=1
        )
        if old != new
    ]
    assert changed
    assert mistake.lines.issuperset(changed)


def test_both_mode_switches_are_dropped_one_at_a_time() -> None:
    slugs = [mistake.slugs[0] for mistake in planted("drop mode switch")]
    assert slugs == ["missing-train-mode", "missing-eval-mode"]


@pytest.mark.parametrize(
    ("operator", "order"),
    [
        ("clip order", ["optimizer.step", "clip_grad_norm_", "schedule.step"]),
        ("scheduler order", ["clip_grad_norm_", "schedule.step", "optimizer.step"]),
    ],
)
def test_neighbouring_calls_change_places(operator: str, order: list[str]) -> None:
    (mistake,) = planted(operator)
    places = [mistake.source.index(name) for name in order]
    assert places == sorted(places)


def test_functions_that_make_data_are_left_alone() -> None:
    assert all("torch.rand(3, 4, 5).transpose(1, 2)" in each.source for each in plant(PROGRAM))
