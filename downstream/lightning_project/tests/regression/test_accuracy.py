import pytest

from lit_digits.module import DigitsModule


@pytest.mark.seeds(5)
def test_accuracy(mlregress, datamodule, make_trainer):
    trainer = make_trainer(max_epochs=4)
    trainer.fit(DigitsModule(), datamodule)
    accuracy = trainer.callback_metrics["val/accuracy"]
    mlregress.record("accuracy", accuracy, higher_is_better=True, margin=0.05)
