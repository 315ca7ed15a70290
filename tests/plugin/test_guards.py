"""Guards around regression tests: what the user of the plugin sees."""

from __future__ import annotations

import importlib
import json
import textwrap

import pytest

pytest.importorskip("torch")

# A run inside this process forgets the modules that it was the first to import, which numpy, scipy
# and torch's compiler do not survive: they are loaded here.
for module in (
    "torch._dynamo",
    "torch._inductor.test_operators",
    "pytest_mlregress.bughunt.guards",
    "pytest_mlregress.reporting.terminal",
    "pytest_mlregress.statistics.multiple_comparisons",
    "pytest_mlregress.session.controller",
):
    importlib.import_module(module)

BUGGY = """
    import pytest
    import torch
    from torch import nn

    @pytest.mark.seeds(3)
    {marker}
    def test_training(seed):
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        x = torch.randn(16, 4)
        for _ in range(6):
            loss = (model(x) ** 2).mean()
            loss.backward(){comment}
            optimizer.step()
        {end}
"""
PLUGINS = [f"-pno:{name}" for name in ("randomly", "xdist", "cacheprovider", "asyncio", "html")]


@pytest.fixture
def run(pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*arguments, marker="", comment="", end=""):
        source = textwrap.dedent(BUGGY).format(marker=marker, comment=comment, end=end)
        pytester.makeini("[pytest]")
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess(*PLUGINS, *arguments)

    return run


def test_a_finding_is_a_warning_with_its_line_told_once_for_all_seeds(run):
    result = run()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*all_seeds.py:13: "
            "GuardWarning: missing-zero-grad: gradients that optimizer.step() has used are "
            "added to those of the next step; call optimizer.zero_grad() before backward(), once "
            "per optimizer step (if intended: suppress=*; --mlregress-guards=off disables the "
            "guards)"
        ]
    )


def test_fail_makes_an_error_fail_the_seed_and_says_how_to_declare_it(run):
    result = run("--mlregress-guards=fail")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "missing-zero-grad (*.py:13): 1 bug found while *::test_training trained "
            "(--mlregress-guards=fail)",
            "error: missing-zero-grad at *.py:13",
            "if intended, suppress it: @pytest.mark.mlregress(suppress=*missing-zero-grad*)",
        ]
    )


def test_summaries_name_the_bug(run):
    result = run("--mlregress-guards=fail")
    result.stdout.fnmatch_lines(
        [
            "*the only seed that ran failed: seed 0: Failed: missing-zero-grad*",
            "FAILED *::test_training[[]seed0[]] - Failed: missing*",
        ]
    )
    result.stdout.no_fnmatch_line("*guarding.py*")


def test_fail_tells_of_warnings_too(pytester):
    pytester.makepyfile(
        """
        import pytest
        import torch
        from torch import nn

        @pytest.mark.seeds(1)
        def test_training(seed):
            model = nn.Sequential(nn.Linear(4, 1), nn.Dropout(0.5))
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
            for _ in range(6):
                model(torch.ones(2, 4)).mean().backward()
                optimizer.step()
            with torch.no_grad():
                for _ in range(4):
                    model(torch.ones(2, 4))
        """
    )
    result = pytester.runpytest_inprocess(*PLUGINS, "--mlregress-guards=fail")
    result.assert_outcomes(failed=1, warnings=1)
    result.stdout.fnmatch_lines(
        ["error: missing-zero-grad at *.py:10", "*.py:14: GuardWarning: missing-eval-mode: *"]
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_reports_name_what_was_heard_in_any_seed_once(pytester, workers):
    pytester.makeini("[pytest]")
    pytester.makepyfile(test_it=textwrap.dedent(BUGGY).format(marker="", comment="", end=""))
    plugins = [name for name in PLUGINS if workers == 0 or name != "-pno:xdist"]
    parallel = [f"-n{workers}"] if workers else []
    result = pytester.runpytest_subprocess(*plugins, *parallel, "--mlregress-report=it.json")
    assert result.ret == 0
    [test] = json.loads((pytester.path / "it.json").read_text("utf-8"))["tests"]
    assert test["notes"][-1] == "guards: missing-zero-grad (test_it.py:13)"


def test_off_hears_nothing(run):
    run("--mlregress-guards=off").assert_outcomes(passed=1, warnings=0)


def test_the_marker_suppresses(run):
    result = run(
        "--mlregress-guards=fail",
        marker="@pytest.mark.mlregress(suppress=['missing-zero-grad'])",
    )
    result.assert_outcomes(passed=1, warnings=0)


def test_a_comment_at_the_line_suppresses(run):
    result = run(
        "--mlregress-guards=fail",
        comment="  # mlregress: ignore[missing-zero-grad] because it is momentum by hand",
    )
    result.assert_outcomes(passed=1, warnings=0)


def test_an_unknown_slug_is_refused_with_the_likely_one(run):
    result = run(marker="@pytest.mark.mlregress(suppress=['missing-zero-grads'])")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [
            "*::test_training: mlregress(suppress=?'missing-zero-grads'?): there is no check "
            "'missing-zero-grads'; did you mean 'missing-zero-grad'*"
        ]
    )


def test_a_seed_that_fails_by_itself_keeps_its_own_failure_and_hears_the_warning(run):
    result = run("--mlregress-guards=fail", end="assert loss < 0")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*assert *< 0*", "*GuardWarning: missing-zero-grad*"])
    result.stdout.no_fnmatch_line("*bug found while*")


def test_a_test_that_imports_torch_itself_is_watched_too(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.seeds(1)
        def test_training(seed):
            import torch
            model = torch.nn.Linear(4, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
            for _ in range(6):
                (model(torch.ones(2, 4)) ** 2).mean().backward()
                optimizer.step()
        """
    )
    result = pytester.runpytest_subprocess(*PLUGINS)
    result.stdout.fnmatch_lines(["*.py:9: GuardWarning: missing-zero-grad: *"])


def test_two_runs_of_one_seed_that_differ_are_nondeterministic(pytester):
    pytest.importorskip("pytest_rerunfailures")
    pytester.makepyfile(
        """
        import pytest
        import torch

        @pytest.mark.seeds(1)
        @pytest.mark.parametrize("twice", [0])
        def test_training(seed, twice):
            generator = torch.Generator()
            generator.seed()
            model = torch.nn.Linear(4, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
            for _ in range(3):
                optimizer.zero_grad()
                (model(torch.randn(2, 4, generator=generator)) ** 2).mean().backward()
                optimizer.step()
            assert False
        """
    )
    result = pytester.runpytest_inprocess(*PLUGINS, "--reruns=1")
    result.stdout.fnmatch_lines(
        ["*GuardWarning: nondeterministic: two runs of the same seed train differently; *"]
    )
