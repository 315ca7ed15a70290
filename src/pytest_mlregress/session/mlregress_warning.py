"""The category of the plugin's warnings; light, since filters of warnings import it at start-up."""

import pytest


class MLRegressWarning(pytest.PytestWarning):
    """A verdict that passes and still needs attention, or a test that is not what it seems."""
