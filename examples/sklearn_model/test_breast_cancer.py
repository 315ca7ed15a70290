"""Boosting, watched at two depths: each parameter set is a test with a baseline of its own."""

import breast_cancer
import pytest


@pytest.mark.seeds(5)
@pytest.mark.parametrize("max_depth", [1, 3])
def test_breast_cancer(mlregress, max_depth):
    patients = breast_cancer.load()
    mlregress.fingerprint("patients", patients.train_features)

    model = breast_cancer.train(patients, seed=mlregress.seed, max_depth=max_depth)

    auc, loss = breast_cancer.evaluate(model, patients)
    mlregress.record("auc", auc, higher_is_better=True)
    mlregress.record("log_loss", loss, higher_is_better=False, margin="20%")
