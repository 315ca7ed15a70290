"""Gradient boosting on the breast cancer data that ships with scikit-learn: no torch at all.

569 patients with 30 measurements each, half of them for training; about 0.1 s a seed.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split


@dataclass(frozen=True)
class Patients:
    """Measurements of shape (n, 30), with diagnoses of shape (n,): 0 malignant, 1 benign."""

    train_features: NDArray[np.float64]
    train_labels: NDArray[np.int64]
    test_features: NDArray[np.float64]
    test_labels: NDArray[np.int64]


@cache
def load() -> Patients:
    """The data, split once and for all: the split does not depend on the seed of the training."""
    features, labels = load_breast_cancer(return_X_y=True)
    train_features, test_features, train_labels, test_labels = train_test_split(
        features, labels, test_size=0.5, stratify=labels, random_state=0
    )
    return Patients(train_features, train_labels, test_features, test_labels)


def train(data: Patients, *, seed: int, max_depth: int) -> GradientBoostingClassifier:
    """Stochastic boosting: the seed draws the rows and the features that each tree sees."""
    model = GradientBoostingClassifier(
        n_estimators=200, subsample=0.5, max_features="sqrt", max_depth=max_depth, random_state=seed
    )
    return model.fit(data.train_features, data.train_labels)


def evaluate(model: GradientBoostingClassifier, data: Patients) -> tuple[float, float]:
    """Area under the ROC curve (0..1) and log loss (nats) on the test patients."""
    benign = model.predict_proba(data.test_features)[:, 1]
    return roc_auc_score(data.test_labels, benign), log_loss(data.test_labels, benign)
