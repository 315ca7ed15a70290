"""Statistical regression testing for machine learning, as a pytest plugin.

`pytest_mlregress.statistics` holds the tests behind a verdict, `pytest_mlregress.bughunt` the
checks for training bugs; both work without pytest.  The plugin itself is `pytest_mlregress.plugin`.
This module imports nothing, because pytest imports it at every start.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
