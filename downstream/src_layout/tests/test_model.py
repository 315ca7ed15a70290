import numpy as np
import pytest

from tabular import LogisticRegression, split


class TestLogisticRegression:
    def test_probabilities_lie_between_0_and_1(self, table):
        probabilities = LogisticRegression().probabilities(table.features)
        assert ((probabilities > 0) & (probabilities < 1)).all()

    def test_training_beats_the_start(self, table):
        train, test = split(table, 0.7)
        model = LogisticRegression()
        before = model.accuracy(test)
        assert model.fit(train).accuracy(test) > before

    def test_the_generator_starts_at_the_seed_of_the_project(self, seed):
        expected = np.random.RandomState(seed).normal(scale=0.1, size=8)
        assert np.array_equal(LogisticRegression().weights, expected)

    @pytest.mark.xfail(reason="regularisation is not written yet", raises=TypeError)
    def test_regularisation(self):
        LogisticRegression(penalty=0.1)
