"""Ray's engine where Ray is not installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from pytest_mlregress.engines import ray_cluster


def test_the_command_that_installs_it_is_named(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ray_cluster, "find_spec", lambda name: None if name == "ray" else find_spec(name)
    )
    result = pytester.runpytest_inprocess("--mlregress-engine=ray")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines[0] == (
        "ERROR: --mlregress-engine=ray needs Ray: pip install 'pytest-mlregress[ray]'"
    )
