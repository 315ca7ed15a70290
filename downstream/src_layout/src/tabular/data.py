from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Table:
    features: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def make_table(rows: int, seed: int) -> Table:
    """Two classes, split by a noisy plane."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 8))
    plane = np.linspace(1.0, 2.0, 8)
    labels = (features @ plane + rng.normal(scale=2.0, size=rows) > 0).astype(int)
    return Table(features, labels)


def split(table: Table, share: float) -> tuple[Table, Table]:
    if not 0 < share < 1:
        raise ValueError(f"share={share} must lie between 0 and 1")
    first = int(len(table) * share)
    return (
        Table(table.features[:first], table.labels[:first]),
        Table(table.features[first:], table.labels[first:]),
    )
