import numpy as np
import pytest

from tabular import make_table


@pytest.fixture(scope="session")
def seed():
    """The project's own fixture, of the name that the plugin's has too."""
    return 1234


@pytest.fixture
def table(seed):
    return make_table(600, seed)


@pytest.fixture(autouse=True)
def seeded(seed):
    np.random.seed(seed)
