"""The test that most projects have, for contrast: one seed, one threshold.

It stays green while the planted bug of `make demo-broken` costs two points of accuracy.
"""

import digits


def test_digits_plain():
    data = digits.load()
    accuracy, _ = digits.evaluate(digits.train(data, seed=0), data)
    assert accuracy > 0.9
