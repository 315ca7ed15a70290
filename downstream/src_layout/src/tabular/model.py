import numpy as np

from tabular.data import Table


class LogisticRegression:
    """Trained by stochastic gradient descent, from a random start."""

    def __init__(self, width: int = 8) -> None:
        self.weights = np.random.normal(scale=0.1, size=width)
        self.bias = 0.0

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + np.exp(-(features @ self.weights + self.bias)))

    def fit(self, table: Table, epochs: int = 5, rate: float = 0.05) -> "LogisticRegression":
        for _ in range(epochs):
            for row in np.random.permutation(len(table)):
                features, label = table.features[row], table.labels[row]
                error = self.probabilities(features) - label
                self.weights -= rate * error * features
                self.bias -= rate * error
        return self

    def accuracy(self, table: Table) -> float:
        return float(np.mean((self.probabilities(table.features) > 0.5) == table.labels))
