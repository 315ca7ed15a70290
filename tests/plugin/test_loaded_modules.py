"""What each process of a run loads: no statistics and no hunt where seeds train."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("lean_pytest")

LEAN = ("-p", "pytest_mlregress.plugin", "-p", "xdist")

TRAINS = """
    import pytest
    import torch

    SHIFT = 0.0


    @pytest.mark.seeds(5)
    def test_fit(mlregress):
        model = torch.nn.Linear(4, 1)
        loss = torch.nn.functional.mse_loss(model(torch.randn(16, 4)), torch.randn(16, 1))
        loss.backward()
        mlregress.record("loss", loss.item() + SHIFT, higher_is_better=False)
"""

TELLS = """
    import sys
    from pathlib import Path


    def pytest_runtest_logreport(report):
        if hasattr(report, "mlregress_verdict"):
            write(report, "verdict")


    def pytest_sessionfinish(session):
        if hasattr(session.config, "workerinput"):
            Path(session.config.workerinput["workerid"]).write_text("\\n".join(sys.modules))


    def write(report, name):
        if not Path(name).exists():
            Path(name).write_text("\\n".join(sys.modules))
"""

HUNT = "pytest_mlregress.bughunt.checks."


def is_hunt_check(name: str) -> bool:
    """Whether a module is a check of the hunt, as each registers itself by a decorator."""
    if not name.startswith(HUNT):
        return False
    path = Path(__import__(HUNT.rstrip("."), fromlist=["x"]).__file__).parent
    file = path.joinpath(*name.removeprefix(HUNT).split(".")).with_suffix(".py")
    return file.exists() and "\n@check(" in file.read_text()


@pytest.fixture
def moved(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite with baselines whose values have moved, so that statistics decide."""
    pytester.makepyfile(test_fit=TRAINS)
    pytester.makeconftest(TELLS)
    update = (*LEAN, "-n0", "--mlregress-update", "--mlregress-allow-dirty")
    assert pytester.runpytest_subprocess(*update).ret == 0
    (pytester.path / "verdict").unlink()
    pytester.makepyfile(test_fit=TRAINS.replace("SHIFT = 0.0", "SHIFT = 0.001"))
    return pytester


def test_a_worker_loads_neither_scipy_nor_the_hunt_and_the_controller_no_more_than_it_needs(
    moved: pytest.Pytester,
) -> None:
    moved.runpytest_subprocess(*LEAN, "-n2").assert_outcomes(passed=1)
    worker = (moved.path / "gw0").read_text().splitlines()
    assert "pytest_mlregress.bughunt.guards.guard" in worker
    assert [name for name in worker if name.partition(".")[0] == "scipy"] == []
    assert [name for name in worker if is_hunt_check(name)] == []
    assert [name for name in worker if name.startswith("pytest_mlregress.statistics.")] == []
    assert "pytest_mlregress.session.controller" not in worker

    controller = (moved.path / "verdict").read_text().splitlines()
    assert "scipy.special._ufuncs" in controller
    assert {"torch", "scipy.special", "scipy.stats", "scipy.optimize"}.isdisjoint(controller)
    unneeded = ("revisions.worktree", "session.base_of_run", "reporting.failure_text")
    assert {f"pytest_mlregress.{name}" for name in unneeded}.isdisjoint(controller)


def test_the_only_process_loads_the_functions_of_scipy_alone(moved: pytest.Pytester) -> None:
    moved.runpytest_subprocess(*LEAN, "-n0").assert_outcomes(passed=1)
    loaded = (moved.path / "verdict").read_text().splitlines()
    assert "scipy.special._ufuncs" in loaded
    assert {"scipy.special", "scipy.stats", "scipy.optimize"}.isdisjoint(loaded)
    assert [name for name in loaded if is_hunt_check(name)] == []


def test_a_run_without_regression_tests_loads_what_looks_out_for_them(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_plain(): pass")
    pytester.makeconftest(
        """
        import sys
        from pathlib import Path


        def pytest_unconfigure():
            Path("loaded").write_text("\\n".join(sys.modules))
        """
    )
    pytester.runpytest_subprocess(*LEAN).assert_outcomes(passed=1)
    loaded = (pytester.path / "loaded").read_text().splitlines()
    own = {name.removeprefix("pytest_mlregress.") for name in loaded if "mlregress." in name}
    assert "session.controller_hooks" in own
    needs_seeds = {"settings", "session.item_hooks", "running.seed_items", "_compat.running"}
    assert needs_seeds.isdisjoint(own)
    assert len(own) <= 25
