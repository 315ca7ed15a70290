"""What the tests of the statistics share."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator of the test's own: the draws do not depend on which tests ran before."""
    return np.random.default_rng(5)
