"""The settings of a run are read when they are first needed."""

from __future__ import annotations

import pytest

from pytest_mlregress.session.settings_of_run import DEFAULT_HEADER
from pytest_mlregress.settings import Settings


def test_the_header_without_options_is_that_of_the_default_settings() -> None:
    assert Settings().header == DEFAULT_HEADER


def test_a_value_that_cannot_be_used_ends_a_run_without_regression_tests(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_plain(): pass")
    pytester.makeini("[pytest]\nmlregress_alpha = 2")
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: ini mlregress_alpha: '2' is not a probability *"])
