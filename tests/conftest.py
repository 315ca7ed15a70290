"""What all of the project's own tests share."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# The same commit has the same verdict: a test's own source seeds its examples, not the clock.
# `HYPOTHESIS_PROFILE=explore pytest` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(scope="module")
def lean_pytest() -> Iterator[None]:
    """Each pytest that is started loads this plugin alone, which takes half as long.

    For modules that start many, in processes of their own; others run with all plugins there are.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patch.setenv("PYTEST_ADDOPTS", "-p pytest_mlregress.plugin -p xdist")
        yield
