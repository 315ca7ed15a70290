"""What the recorder sees of a training, and that it leaves the training as it was."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pytest_mlregress.divergence.digests import digest_of
from pytest_mlregress.divergence.events import Trace, read_trace
from pytest_mlregress.divergence.recorder import TraceEnded
from pytest_mlregress.divergence.request import TraceRequest
from pytest_mlregress.divergence.tracing import traced_into
from pytest_mlregress.seeding import seed_everything

ROOT = Path(__file__).parent


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.body(x)))


def train(steps: int = 4) -> list[float]:
    seed_everything(3)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    losses = []
    for _ in range(steps):
        x = torch.randn(8, 4)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), x[:, :3])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        losses.append(float(model(torch.ones(2, 4)).sum()))
    return losses


def traced(tmp_path: Path, **request: int) -> tuple[Trace, list[float]]:
    file = tmp_path / "seed.trace.jsonl"
    losses: list[float] = []
    try:
        with traced_into(file, TraceRequest(root=ROOT, **request), lambda: {"loss": losses[-1]}):
            losses += train()
    except TraceEnded:
        pass
    return read_trace(file), losses


def test_a_trace_holds_every_part_of_a_training(tmp_path: Path) -> None:
    trace, losses = traced(tmp_path)
    assert losses == train()  # the recorder changed no bit
    assert (trace.ended, trace.steps) == ("finished", 4)
    phases = {
        (e.kind, e.name): e.phase
        for e in trace.events
        if e.kind in ("op", "parameter", "input", "loss", "gradient", "settings", "update")
    }
    assert phases["op", "kaiming_uniform_"] == "initialisation"
    assert phases["parameter", "body.weight"] == "initialisation"
    assert phases["op", "randn"] == "setup"
    assert phases["input", "0"] == "data"
    assert phases["op", "mse_loss"] == "loss"
    assert phases["loss", "loss"] == "loss"
    assert phases["gradient", "norm.weight (backward)"] == "backward"
    assert phases["settings", "Adam"] == "optimizer"
    assert phases["update", "body.bias"] == "optimizer"
    assert phases["update", "norm.running_mean"] == "forward"
    linear = next(e for e in trace.events if e.name == "linear")
    assert (linear.module, linear.frames[0].function) == ("body", "Net.forward")
    assert linear.made[0].function == "Net.__init__"
    assert [e.name for e in trace.events if e.phase == "evaluation" and e.kind == "module"] == [
        "Net"
    ]
    last = trace.events[-1]
    assert (last.kind, last.digest) == ("metric", digest_of(losses[-1]))


def test_only_the_asked_steps_are_recorded_in_full(tmp_path: Path) -> None:
    trace, _ = traced(tmp_path, full_from=1, full_until=2)
    assert {e.step for e in trace.events if e.name == "linear" and e.phase == "forward"} == {1}
    assert {e.step for e in trace.events if e.kind == "loss"} == {0, 1, 2, 3}
    assert not any(e.name == "mse_loss" and e.step == 3 for e in trace.events)


def test_a_training_ends_after_the_last_step_that_is_asked_for(tmp_path: Path) -> None:
    trace, losses = traced(tmp_path, until_step=2)
    assert (trace.ended, trace.steps, losses) == ("stopped", 2, [])
    assert torch.nn.Module.__init__.__qualname__ == "Module.__init__"  # all patches are gone


def test_a_nudge_moves_what_follows_by_rounding(tmp_path: Path) -> None:
    plain, _ = traced(tmp_path)
    nudged, _ = traced(tmp_path, nudge_step=0)
    a, b = (next(e for e in t.events if e.name == "linear").digest for t in (plain, nudged))
    assert 0.0 < abs(a.projection - b.projection) < 1e-4 * a.norm


def test_a_failing_training_says_its_error(tmp_path: Path) -> None:
    file = tmp_path / "a"
    with pytest.raises(ValueError, match="lost"), traced_into(file, TraceRequest(root=ROOT)):
        raise ValueError("lost\nsecond line")
    trace = read_trace(file)
    assert (trace.ended, trace.error) == ("failed", "ValueError: lost")


def predict(weights: np.ndarray) -> float:
    return float(np.mean(weights**2))


def test_functions_and_what_they_call_in_libraries_are_recorded(tmp_path: Path) -> None:
    file = tmp_path / "a"
    with traced_into(file, TraceRequest(root=ROOT)):
        value = predict(np.arange(4.0))
    soft = {(e.kind, e.name): e for e in read_trace(file).events if e.kind in ("return", "library")}
    assert soft["return", "predict"].digest == digest_of(value)
    assert soft["library", "mean"].frames[0].function == "predict"


class Holder:
    def __init__(self, value: object) -> None:
        self.value = value
        self.itself = self
        self.callback = print


def test_equal_values_have_equal_digests_wherever_they_lie() -> None:
    values = [
        np.arange(3.0),
        torch.arange(3.0),
        {"a": [1, 2.0, None], "b": (np.float32(1), "x")},
        Holder([1, 2]),
        Net().eval,
        np.random.default_rng(1),
        random.Random(2),
        {3, 1, 2},
        float("nan"),
    ]
    again = [
        np.arange(3.0),
        torch.arange(3.0),
        {"a": [1, 2.0, None], "b": (np.float32(1), "x")},
        Holder([1, 2]),
        Net().eval,
        np.random.default_rng(1),
        random.Random(2),
        {2, 3, 1},
        float("nan"),
    ]
    assert list(map(digest_of, values)) == list(map(digest_of, again))
    assert len({digest_of(value).bits for value in values}) == len(values)
    assert digest_of(Holder([1, 2])) != digest_of(Holder([1, 3]))
    assert digest_of(torch.zeros(2)).kind == "float32[2]"
    assert digest_of(torch.zeros(2, dtype=torch.bfloat16)).kind == "bfloat16[2]"
