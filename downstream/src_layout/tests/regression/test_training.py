import pytest

from tabular import LogisticRegression, split


@pytest.mark.seeds(5)
def test_accuracy(mlregress, table, seed):
    assert seed == mlregress.seed  # not the fixture of the conftest, and `table` follows
    train, test = split(table, 0.7)
    model = LogisticRegression().fit(train)
    mlregress.record("accuracy", model.accuracy(test), higher_is_better=True)
