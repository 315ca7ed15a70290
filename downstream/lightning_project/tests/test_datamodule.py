import pytest
import torch


@pytest.mark.parametrize("batch_size", [32, 128])
def test_batches(datamodule, batch_size):
    datamodule.hparams.batch_size = batch_size
    datamodule.setup()
    x, y = next(iter(datamodule.train_dataloader()))
    assert x.shape == (batch_size, 64)
    assert x.dtype == torch.float32
    assert y.shape == (batch_size,)


def test_the_parts_do_not_overlap(datamodule):
    datamodule.setup()
    assert not set(datamodule.train.indices) & set(datamodule.val.indices)
