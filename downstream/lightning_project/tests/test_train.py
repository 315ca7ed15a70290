import lightning as L
import pytest
import torch

from lit_digits.module import DigitsModule


def test_fast_dev_run(datamodule, make_trainer):
    trainer = make_trainer(fast_dev_run=True)
    trainer.fit(DigitsModule(), datamodule)
    assert trainer.state.finished


def test_the_same_seed_trains_the_same_model(datamodule, make_trainer):
    weights = []
    for _ in range(2):
        L.seed_everything(7, verbose=False)
        module = DigitsModule()
        make_trainer(max_epochs=1, limit_train_batches=5).fit(module, datamodule)
        weights.append(module.net[0].weight.detach())
    assert torch.equal(*weights)


def test_a_checkpoint_restores_the_hyperparameters(datamodule, make_trainer, tmp_path):
    trainer = make_trainer(max_epochs=1, limit_train_batches=2)
    trainer.fit(DigitsModule(width=16), datamodule)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    assert DigitsModule.load_from_checkpoint(tmp_path / "model.ckpt").hparams.width == 16


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    raise AssertionError
