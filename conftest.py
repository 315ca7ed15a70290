"""pytest accepts `pytest_plugins` only here, in the topmost conftest."""

pytest_plugins = ["pytester"]
