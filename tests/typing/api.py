"""What a user's tests look like to mypy and pyright: `make lint` checks this file, nothing runs it.

Lines with two comments must not type-check. The comments name the error, and both checkers report
a comment that hides none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

import numpy as np
import pytest
import torch
from torch import nn

import pytest_mlregress
from pytest_mlregress import BugHunt, GuardWarning, MLRegressWarning, RecordError, Run
from pytest_mlregress.bughunt import Findings, hunt
from pytest_mlregress.bughunt.guards import watch
from pytest_mlregress.fixtures import CheckLogits, CheckViewPermute, OverfitSingleBatch
from pytest_mlregress.integrations import keras, transformers
from pytest_mlregress.integrations.lightning import MLRegressLogger
from pytest_mlregress.vectorized import Ensemble, PerSeed, VectorizedRun, batches

Batch = tuple[torch.Tensor, torch.Tensor]

BATCH: Batch = (torch.zeros(8, 4), torch.zeros(8, dtype=torch.long))


class Net(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Metric:
    """The interface of a metric of torchmetrics."""

    higher_is_better = True

    def compute(self) -> torch.Tensor:
        return torch.tensor(0.5)


class OtherNet(nn.Module):
    pass


def loss_fn(model: Net, batch: Batch) -> torch.Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def other_loss(model: OtherNet, batch: Batch) -> torch.Tensor:
    return batch[0].sum()


def make_optimizer(model: Net) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1)


def train_step(model: Net, optimizer: torch.optim.Optimizer, batch: Batch) -> torch.Tensor:
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()  # type: ignore[no-untyped-call]  # torch's own
    optimizer.step()
    return loss


def evaluate(model: Net, batches: list[Batch]) -> float:
    return float(loss_fn(model, batches[0]))


def test_run(mlregress: Run) -> None:
    assert_type(mlregress.seed, int)
    assert_type(mlregress.tier, str)
    width: int = mlregress.params["width"]
    assert_type(width, int)
    (mlregress.tmp_path / "model.pt").touch()
    mlregress.log_params({"lr": 0.1, "optimizer": "sgd"})
    assert_type(mlregress.fingerprint("train", np.zeros(3)), str)

    _ = mlregress.sead  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    _ = mlregress.result  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    _ = mlregress.watch_log  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_values(mlregress: Run) -> None:
    mlregress.record("float", 0.9, higher_is_better=True)
    mlregress.record("int", 9, higher_is_better=True)
    mlregress.record("decimal", Decimal("0.9"), higher_is_better=True)
    mlregress.record("numpy", np.float32(0.9), higher_is_better=True)
    mlregress.record("array", np.array([0.9]), higher_is_better=True)
    mlregress.record("tensor", torch.tensor(0.9), higher_is_better=True)
    mlregress.record("metric", Metric())
    mlregress.record("steps", 3, higher_is_better=False, version=2, resolution=1)

    mlregress.record("text", "0.9", higher_is_better=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mlregress.record("none", None, higher_is_better=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mlregress.record("list", [0.9], higher_is_better=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mlregress.record(1, 0.9, higher_is_better=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mlregress.record("word", 0.9, higher_is_better="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mlregress.record("keyword", 0.9, higher_better=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    mlregress.record("version", 0.9, higher_is_better=True, version="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_margins(mlregress: Run) -> None:
    mlregress.record("absolute", 0.9, higher_is_better=True, margin=0.01)
    mlregress.record("whole", 90, higher_is_better=True, margin=1)
    mlregress.record("relative", 0.9, higher_is_better=True, margin="1%")
    mlregress.record("sd", 0.9, higher_is_better=True, margin="0.5sd")
    mlregress.record("auto", 0.9, higher_is_better=True, margin="auto")
    mlregress.record(
        "uncommon", 0.9, higher_is_better=True, margin=pytest_mlregress.margin("0.37sd")
    )
    margins: dict[str, pytest_mlregress.Margin] = {"accuracy": 0.01, "loss": "2%"}
    mlregress.record("variable", 0.9, higher_is_better=True, margin=margins["accuracy"])

    mlregress.record("oops", 0.9, higher_is_better=True, margin="oops")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mlregress.record("no unit", 0.9, higher_is_better=True, margin="0.5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mlregress.record("none", 0.9, higher_is_better=True, margin=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pytest_mlregress.margin(0.01)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_curves(mlregress: Run) -> None:
    mlregress.log(1, loss=0.5, accuracy=torch.tensor(0.9))
    mlregress.log(2, {"val/loss": np.float32(0.4)}, loss=0.3)

    mlregress.log(3, loss="0.5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mlregress.log(loss=0.5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_many_metrics(mlregress: Run) -> None:
    metrics = {"loss": torch.tensor(0.5), "accuracy": torch.tensor(0.9)}
    mlregress.record_all(metrics, higher_is_better={"loss": False, "accuracy": True})
    mlregress.record_all(
        {"accuracy": 0.9, "runtime": 3},
        higher_is_better=True,
        margin={"accuracy": "1%"},
        version={"accuracy": 2},
        resolution=0.01,
        prefix="test/",
        skip=["run*"],
    )
    margins: dict[str, pytest_mlregress.Margin] = {"accuracy": 0.01}
    mlregress.record_all({"f1": Metric()}, margin=margins)

    mlregress.record_all([0.9], higher_is_better=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mlregress.record_all({"text": "0.9"}, higher_is_better=True)  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    mlregress.record_all(metrics, higher_is_better={"loss": "down"})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    mlregress.record_all(metrics, higher_is_better=True, margin={"loss": "oops"})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


def test_frameworks(mlregress: Run) -> None:
    assert_type(mlregress.lightning_logger(), MLRegressLogger)
    assert_type(mlregress.transformers_callback(prefix="a/"), transformers.MLRegressCallback)
    assert_type(mlregress.keras_callback("b/"), keras.MLRegressCallback)

    mlregress.keras_callback(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_hunt(bughunt: BugHunt) -> None:
    found = bughunt(Net, BATCH, loss_fn=loss_fn)
    assert_type(found, Findings)
    bughunt(
        lambda: Net(),
        lambda generator: torch.rand(8, 4, generator=generator),
        loss_fn=loss_fn,
        make_optimizer=make_optimizer,
        train_step=train_step,
        evaluate=evaluate,
        train_batches=[BATCH],
        val_batches=[BATCH],
        ablate=["encoder"],
        checks={"batch-leak"},
        suppress=["causal-leak"],
        budget_s=30,
    )

    bughunt(Net, BATCH, loss_fn=loss_fn, train_stp=train_step)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    bughunt(Net, BATCH)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    bughunt(Net, BATCH, loss_fn)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    bughunt(Net, BATCH, loss_fn=loss_fn, budget_s="30")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bughunt(Net, BATCH, loss_fn=other_loss)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    bughunt(Net, BATCH, loss_fn=evaluate)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_single_checks(
    overfit_single_batch: OverfitSingleBatch,
    check_view_permute: CheckViewPermute,
    check_logits: CheckLogits,
) -> None:
    overfit_single_batch(Net(), BATCH, loss_fn, optimizer=make_optimizer, steps=50, target=0.1)
    check_view_permute(Net(), BATCH[0])
    check_view_permute(Net(), BATCH, loss_fn, suppress=["view-instead-of-permute"])
    assert_type(check_logits(Net(), BATCH, loss_fn), Findings)

    overfit_single_batch(Net(), BATCH, loss_fn, step=50)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    check_view_permute(Net, BATCH)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    check_logits(Net(), BATCH)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_without_fixtures() -> None:
    for finding in hunt(Net, BATCH, loss_fn=loss_fn).errors:
        assert_type(finding.location, str | None)
    with watch() as guard:
        train_step(Net(), make_optimizer(Net()), BATCH)
    assert_type(guard.findings, Findings)
    hunt(Net, BATCH, loss_fn=loss_fn, budget=30)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


@pytest.mark.seeds(32, vectorized=True)
def test_vectorized(mlregress: VectorizedRun) -> None:
    assert_type(mlregress.seeds, tuple[int, ...])
    models = Ensemble(Net, mlregress.seeds, make_optimizer=make_optimizer)
    for step, batch in enumerate(batches(BATCH, 8, mlregress.seeds, epochs=2)):
        assert_type(batch, PerSeed)
        losses = models.step(loss_fn, batch, max_norm=1.0)
        assert_type(losses, torch.Tensor)
        mlregress.log(step, loss=losses)
    mlregress.record("loss", models.evaluate(loss_fn, BATCH), higher_is_better=False)
    mlregress.record("accuracy", [0.9] * 32, higher_is_better=True, margin="1%")
    Ensemble(Net)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


@pytest.mark.filterwarnings("error::pytest_mlregress.GuardWarning")
def test_warnings_and_errors(mlregress: Run) -> None:
    with pytest.warns(MLRegressWarning), pytest.warns(GuardWarning):
        pass
    with pytest.raises(RecordError) as raised:
        mlregress.record("accuracy", 0.9)
    assert_type(raised.value, RecordError)
    assert_type(pytest_mlregress.__version__, str)
    _ = pytest_mlregress.Rum  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
