"""Markers that cannot be used: errors at collection that name test, value and remedy."""

from __future__ import annotations

import pytest
from training_suite import Suite

NUMBER = "the number of seeds must be between 1 and 10000"
TYPE = "expected a whole number or a list of whole numbers, not"
SEED = "is not a whole number between 0 and 4294967295"
ONE = (
    "takes one argument, a number of seeds (seeds(5)) or a list of them (seeds([3, 7, 11])), "
    "and vectorized=True to train them together"
)
SEVERAL = "appears more than once; a repeated seed is not another sample"
NAMED = "takes named tiers, such as tiers(fast={'epochs': 1}, full={'epochs': 20})"
KNOWN = "test, pairing, expect, deterministic, on_nonfinite, suppress, num_cpus, num_gpus, memory"
OWN_SEED = (
    "'seed' is parametrized by the test itself and by its marker; remove "
    "@pytest.mark.parametrize('seed', ...) and write @pytest.mark.seeds([...]) instead"
)

MARKERS = {
    "seeds(0)": f"seeds(0): {NUMBER}",
    "seeds(-1)": f"seeds(-1): {NUMBER}",
    "seeds(10**9)": f"seeds(1000000000): {NUMBER}",
    "seeds('5')": f"seeds('5'): {TYPE} str",
    "seeds(2.0)": f"seeds(2.0): {TYPE} float",
    "seeds(True)": f"seeds(True): {TYPE} bool",
    "seeds({1, 2})": f"seeds({{1, 2}}): {TYPE} set",
    "seeds([])": "seeds([]): the list is empty; name at least one seed",
    "seeds([3, 7, 3])": f"seeds([3, 7, 3]): 3 {SEVERAL}",
    "seeds([1, -2])": f"seeds([1, -2]): -2 {SEED}",
    "seeds([1, 2**32])": f"seeds([1, 4294967296]): 4294967296 {SEED}",
    "seeds([1, 'a'])": f"seeds([1, 'a']): 'a' {SEED}",
    "seeds()": f"seeds(): {ONE}",
    "seeds(3, 4)": f"seeds(3, 4): {ONE}",
    "seeds(n=3)": f"seeds(n=3): {ONE}",
    "mlregress(5)": "mlregress(5): takes keyword arguments only, such as test='welch'; the "
    "number of "
    "seeds belongs in the marker seeds(n)",
    "mlregress(tset='t')": "mlregress(tset=...): unknown argument; did you mean test? known are "
    f"{KNOWN}",
    "mlregress(alpha=1)": f"mlregress(alpha=...): unknown argument; known are {KNOWN}",
    "mlregress(test='t')": "mlregress(test='t'): not one of 'robust-t', 'welch', 'student', "
    "'paired', 'rank'",
    "mlregress(pairing=True)": "mlregress(pairing=True): not one of 'auto', 'always', 'never'",
    "mlregress(expect='equal')": "mlregress(expect='equal'): not one of 'identical'",
    "mlregress(deterministic='x')": "mlregress(deterministic='x'): not one of True, False",
    "mlregress(suppress='x')": "mlregress(suppress='x'): expected a list of check names, such as "
    "['batch-leak']",
    "mlregress(suppress=['bach-leak'])": "mlregress(suppress=['bach-leak']): there is no check "
    "'bach-leak'; did you mean 'batch-leak' or 'causal-leak' or 'padding-leak'?",
    "mlregress(suppress=[1])": "mlregress(suppress=[1]): every entry must be a string",
    "mlregress(num_gpus=-1)": "mlregress(num_gpus=-1): expected a number >= 0",
    "mlregress(num_cpus='2')": "mlregress(num_cpus='2'): expected a number >= 0",
    "mlregress(memory=-1)": "mlregress(memory=-1): expected a number >= 0",
    "mlregress(memory='4 cows')": "mlregress(memory='4 cows'): expected a number of bytes, or one "
    "with kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as '4GB'",
    "tiers()": f"tiers(): {NAMED}",
    "tiers({'fast': {}})": f"tiers({{'fast': {{}}}}): {NAMED}",
    "tiers(fast=3)": "tiers(fast=3): expected a mapping of parameters, such as {'epochs': 1}",
}


@pytest.mark.parametrize(("marker", "message"), MARKERS.items(), ids=list(MARKERS))
def test_a_marker_that_cannot_be_used_is_an_error_at_collection(
    suite: Suite, marker: str, message: str
) -> None:
    suite.write(f"import pytest\n@pytest.mark.{marker}\ndef test_it(mlregress): assert 0\n")
    result = suite.run()
    assert f"test_training.py::test_it: {message}" in result.outlines
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["ERROR test_training.py*", "=* 1 error in *"])


@pytest.mark.parametrize("parameters", ["'seed', [1, 2]", "'a, seed', [(1, 2)]", "['seed'], [[1]]"])
def test_a_test_that_parametrizes_its_seed_is_refused(suite: Suite, parameters: str) -> None:
    arguments = "a, seed" if "a, " in parameters else "seed"
    suite.write(
        f"""
        import pytest
        @pytest.mark.seeds(3)
        @pytest.mark.parametrize({parameters})
        def test_it({arguments}): pass
        """
    )
    assert f"test_training.py::test_it: {OWN_SEED}" in suite.run().outlines


def test_seeds_of_a_single_parameter_set_are_refused(suite: Suite) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.parametrize("a", [pytest.param(1, marks=pytest.mark.seeds(3)), 2])
        def test_it(a, mlregress): pass
        """
    )
    assert (
        "test_training.py::test_it: seeds(...) on a single pytest.param is not supported; every "
        "parameter set of a test has the same seeds: move the marker to the test"
    ) in suite.run().outlines


def test_a_marker_that_cannot_be_used_is_an_error_with_workers(suite: Suite) -> None:
    suite.write("import pytest\n@pytest.mark.seeds(0)\ndef test_it(mlregress): pass\n")
    result = suite.run("-n2")
    result.stdout.fnmatch_lines(
        ["test_training.py::test_it: seeds(0): the number of seeds must be between 1 and 10000"]
    )
    assert result.ret != 0


def test_a_tier_that_a_test_lacks_is_an_error_at_collection(suite: Suite) -> None:
    suite.write("import pytest\n@pytest.mark.tiers(fast={}, full={})\ndef test_it(): pass\n")
    close = suite.run("--mlregress-tier=ful").outlines
    assert (
        "test_training.py::test_it: --mlregress-tier=ful: this test has the tiers fast, full; did "
        "you mean full?"
    ) in close
    result = suite.run("--mlregress-tier=huge")
    message = "test_training.py::test_it: --mlregress-tier=huge: this test has the tiers fast, full"
    assert message in result.outlines


def test_a_tier_where_no_test_has_any_is_a_warning(suite: Suite, workers: str) -> None:
    suite.write("import pytest\n@pytest.mark.seeds(2)\ndef test_it(mlregress): pass\n")
    result = suite.run(workers, "--mlregress-missing=warn", "--mlregress-tier=nope")
    message = (
        "MLRegressWarning: --mlregress-tier=nope chooses nothing: no regression test of this run "
        "has the marker tiers(...)"
    )
    assert len([line for line in result.outlines if line.endswith(message)]) == 1


def test_a_test_that_plugins_parametrize_by_seed_is_refused(suite: Suite) -> None:
    suite.write(
        "def pytest_generate_tests(metafunc): metafunc.parametrize('seed', [1, 2])\n", "conftest.py"
    )
    suite.write("import pytest\n@pytest.mark.seeds(3)\ndef test_it(seed): pass\n")
    assert f"test_training.py::test_it: {OWN_SEED}" in suite.run().outlines


def test_a_projects_own_parameter_seed_is_left_alone(suite: Suite) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.parametrize("seed", [1, 2], ids=["seed1", "seed2"])
        def test_it(seed): assert seed in (1, 2)
        """
    )
    result = suite.run()
    assert " 2 passed in " in result.stdout.lines[-1]
    assert suite.verdicts == {}


def test_a_projects_own_fixture_seed_is_left_alone(suite: Suite) -> None:
    suite.write(
        """
        import pytest
        @pytest.fixture
        def seed(): return 42
        def test_it(seed): assert seed == 42
        """
    )
    result = suite.run()
    assert " 1 passed in " in result.stdout.lines[-1]


def test_the_fixture_outside_a_regression_test_says_so(suite: Suite) -> None:
    suite.write(
        """
        import unittest
        import pytest
        class TestOld(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _run(self, request):
                request.getfixturevalue("mlregress")
            def test_it(self): pass
        """
    )
    result = suite.run()
    result.stdout.fnmatch_lines(
        ["test_training.py::TestOld::test_it: the fixtures of pytest-mlregress serve "
         "plain test functions and methods, which can be run across seeds; this is none"]
    )  # fmt: skip


def test_a_file_that_cannot_be_imported_is_pytests_own_error(suite: Suite) -> None:
    suite.write("import no_such_module\n")
    result = suite.run()
    result.stdout.fnmatch_lines(["E   ModuleNotFoundError: No module named 'no_such_module'"])
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
