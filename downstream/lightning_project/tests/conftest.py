import lightning as L
import pytest

from lit_digits.datamodule import DigitsDataModule


@pytest.fixture
def datamodule():
    return DigitsDataModule()


@pytest.fixture
def make_trainer(tmp_path):
    def make_trainer(**options):
        return L.Trainer(
            accelerator="cpu",
            default_root_dir=tmp_path,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )

    return make_trainer
