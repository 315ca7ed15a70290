"""What real Lightning, Transformers and Keras tell their loggers, and what the run keeps of it.

Skipped where a framework is not installed; ``make frameworks`` makes an environment with all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlregress.running.recorded_metric import RecordError
from pytest_mlregress.running.run import Run
from pytest_mlregress.running.run_record import RunRecord

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

os.environ.setdefault("KERAS_BACKEND", "torch")


def new_run(record: RunRecord) -> Run:
    return Run(
        test="test_a.py::test_it", seed=3, tier="default", params={}, make_tmp_path=Path,
        record=record,
    )  # fmt: skip


def steps(record: RunRecord) -> dict[str, list[int]]:
    return {name: [step for step, _ in points] for name, points in record.curves.items()}


def lightning_trainer(record: RunRecord, folder: Path, prefix: str = "", **options: Any) -> Any:
    lightning = pytest.importorskip("lightning")
    return lightning.Trainer(
        logger=new_run(record).lightning_logger(prefix),
        accelerator="cpu",
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **{"max_epochs": 2, **options},
    )


def lightning_model() -> tuple[Any, Any]:
    torch = pytest.importorskip("torch")
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self, width: int = 2, extra: Any = None) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = torch.nn.Linear(2, width)

        def training_step(self, batch: Any, index: int) -> Any:
            loss = self.net(batch[0]).square().mean()
            self.log("loss", loss)
            self.logger.log_metrics({"norm": self.net.weight.norm(), "text": "no number"})
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_loss", self.net(batch[0]).square().mean())

        def test_step(self, batch: Any, index: int) -> None:
            self.log("test_loss", self.net(batch[0]).square().mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = torch.utils.data.TensorDataset(torch.ones(8, 2))
    return Module(extra={"depth": 1}), torch.utils.data.DataLoader(data, batch_size=4)


def test_lightning_fits_validates_and_tests_into_one_run(tmp_path: Path) -> None:
    record = RunRecord()
    model, loader = lightning_model()
    trainer = lightning_trainer(record, tmp_path)
    trainer.fit(model, loader, loader)
    trainer.validate(model, loader, verbose=False)
    trainer.test(model, loader, verbose=False)
    assert steps(record) == {
        "loss": [0, 1, 2, 3], "norm": [0, 1, 2], "val_loss": [1, 3, 4], "test_loss": [4],
    }  # fmt: skip
    assert record.params == {"width": 2, "extra/depth": 1}
    run = trainer.logger._log._run
    run.record_all(trainer.callback_metrics, higher_is_better=False)
    assert list(record.metrics) == ["test_loss"]


def test_a_second_lightning_training_needs_a_prefix(tmp_path: Path) -> None:
    record = RunRecord()
    model, loader = lightning_model()
    lightning_trainer(record, tmp_path).fit(model, loader)
    with pytest.raises(RecordError, match=r'mlregress.lightning_logger\(prefix="second/"\)'):
        lightning_trainer(record, tmp_path).fit(model, loader)
    lightning_trainer(record, tmp_path, "second/").fit(model, loader)
    assert steps(record)["second/loss"] == [0, 1, 2, 3]


def test_other_ranks_of_lightning_log_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    utilities = pytest.importorskip("lightning.pytorch.utilities")
    record = RunRecord()
    logger = new_run(record).lightning_logger()
    monkeypatch.setattr(utilities.rank_zero_only, "rank", 1)
    logger.log_metrics({"loss": 1.0}, step=0)
    logger.log_hyperparams({"lr": 1.0})
    assert (record.curves, record.params) == ({}, {})


PYTORCH_LIGHTNING = """
import sys
import pytorch_lightning
from test_framework_logs import RunRecord, new_run
logger = new_run(RunRecord()).lightning_logger()
print(isinstance(logger, pytorch_lightning.loggers.Logger), "lightning.pytorch" in sys.modules)
"""


def test_pytorch_lightning_is_enough() -> None:
    pytest.importorskip("pytorch_lightning")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PYTORCH_LIGHTNING],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True False\n", done.stderr


def test_other_ranks_of_the_trainer_log_nothing_and_text_is_skipped() -> None:
    transformers = pytest.importorskip("transformers")
    record = RunRecord()
    callback = new_run(record).transformers_callback("a/")
    assert isinstance(callback, transformers.TrainerCallback)
    logs = {"loss": 0.5, "note": "text", "train_runtime": 3.0, "epoch": 1.0, "total_flos": 9.0}
    other = SimpleNamespace(is_world_process_zero=False, global_step=5)
    callback.on_log(None, other, None, logs=logs)
    callback.on_train_begin(None, other, None)
    assert (record.curves, record.params) == ({}, {})
    main = SimpleNamespace(is_world_process_zero=True, global_step=5)
    callback.on_log(None, main, None, logs=logs)
    assert steps(record) == {"a/loss": [5]}


def test_the_trainer_keeps_what_was_chosen_without_places_and_secrets(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    record = RunRecord()
    arguments = transformers.TrainingArguments(
        str(tmp_path), hub_token="secret", run_name="mine", seed=7, weight_decay=0.5,
        lr_scheduler_type="cosine", optim="adamw_torch", report_to="none", use_cpu=True,
    )  # fmt: skip
    state = SimpleNamespace(is_world_process_zero=True)
    new_run(record).transformers_callback().on_train_begin(arguments, state, None, model=None)
    assert record.params.items() >= {"weight_decay": 0.5, "lr_scheduler_type": "cosine"}.items()
    text = repr(record.params)
    assert not [word for word in ("secret", "mine", str(tmp_path), "seed") if word in text]


def keras_model() -> tuple[Any, Any]:
    keras = pytest.importorskip("keras")
    import numpy as np

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    return model, np.ones((8, 2), "float32")


def test_a_second_fit_of_keras_goes_on_with_the_next_epoch() -> None:
    record = RunRecord()
    model, x = keras_model()
    callback = new_run(record).keras_callback()
    model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[callback])
    model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[callback])
    model.fit(x, x[:, :1], epochs=6, initial_epoch=4, verbose=0, callbacks=[callback])
    assert steps(record) == {"loss": [0, 1, 2, 3, 4, 5]}
    assert record.params.items() >= {"epochs": 6, "optimizer/name": "sgd"}.items()


def test_a_second_model_of_keras_needs_a_prefix() -> None:
    record = RunRecord()
    run = new_run(record)
    model, x = keras_model()
    model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[run.keras_callback()])
    with pytest.raises(RecordError, match=r'mlregress.keras_callback\(prefix="second/"\)'):
        model.fit(x, x[:, :1], verbose=0, callbacks=[run.keras_callback()])


def test_other_ranks_of_keras_log_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    record = RunRecord()
    model, _ = keras_model()
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    callback = new_run(record).keras_callback()
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 1.0})
    assert (record.curves, record.params) == ({}, {})


SEEDED = """
import os, sys
os.environ["KERAS_BACKEND"] = {backend!r}
import keras
from pytest_mlregress.seeding import SEED_LIBRARY, seed_everything

def drawn(seed):
    seed_everything(seed)
    return keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist()

same = drawn(1) == drawn(1)
other = drawn(1) != drawn(2)
seed_everything(1); keras.random.normal((3,))
import random
state = random.getstate()
SEED_LIBRARY["keras"](1)
alone = random.getstate() == state
print(same, other, alone, "tensorflow" in sys.modules)
"""


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_keras_is_seeded_and_no_other_framework_imported(backend: str) -> None:
    for library in ("keras", backend):
        pytest.importorskip(library)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SEEDED.format(backend=backend)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    imported = done.stdout.split()
    assert imported[:3] == ["True", "True", "True"], done.stderr
    if backend != "tensorflow":
        assert imported[3] == "False"
