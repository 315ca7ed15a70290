"""The digits network, watched: five seeds a check, against the twenty of the baseline."""

import digits
import pytest


@pytest.mark.seeds(5)
def test_digits(mlregress):
    data = digits.load()
    mlregress.fingerprint("images", data.train_images)

    model = digits.train(
        data,
        seed=mlregress.seed,
        on_epoch=lambda epoch, loss: mlregress.log(epoch, train_loss=loss),
    )

    accuracy, loss = digits.evaluate(model, data)
    mlregress.record("accuracy", accuracy, higher_is_better=True, margin=0.01)
    mlregress.record("loss", loss, higher_is_better=False, margin=0.05)
