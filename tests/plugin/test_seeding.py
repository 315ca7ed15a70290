"""Every generator starts from the seed, whoever reseeds, imports or draws before."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from training_suite import Suite

RECORD = """
    import json, random
    import pytest

    def draw(name, mlregress, numbers):
        with open(f"{name}{mlregress.seed}.txt", "w") as file:
            json.dump([float(number) for number in numbers], file)
"""


def drawn(folder: Path, name: str, seeds: int = 3) -> list[list[float]]:
    """What the seeds of a test have drawn; the files are removed."""
    files = [folder / f"{name}{seed}.txt" for seed in range(seeds)]
    numbers = [json.loads(file.read_text()) for file in files]
    for file in files:
        file.unlink()
    return numbers


def python_path(suite: Suite) -> str:
    """Where another process finds the suite's own libraries, and the plugin that is tested."""
    return os.pathsep.join([str(suite.path), os.environ.get("PYTHONPATH", "")])


def test_python_and_numpy_start_from_the_seed(suite: Suite, workers: str) -> None:
    import random

    import numpy as np

    suite.write(
        RECORD
        + """
    import numpy

    @pytest.mark.seeds(3)
    def test_it(mlregress):
        draw("it", mlregress, [random.random(), numpy.random.rand()])
    """
    )
    suite.run(workers)
    expected = [
        [random.Random(seed).random(), np.random.RandomState(seed).rand()] for seed in range(3)
    ]
    assert drawn(suite.path, "it") == expected


def test_torch_starts_from_the_seed(suite: Suite, workers: str) -> None:
    import torch

    suite.write(
        RECORD
        + """
    import torch

    @pytest.mark.seeds(3)
    def test_it(mlregress):
        draw("it", mlregress, [torch.rand(())])

    @pytest.mark.seeds(3)
    def test_layer(mlregress):
        draw("layer", mlregress, torch.nn.Linear(2, 2).weight.flatten().tolist())
    """
    )
    suite.run(workers, apart=True)
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    assert drawn(suite.path, "it") == [[torch.rand((), generator=g).item()] for g in generators]
    layers = drawn(suite.path, "layer")
    assert len({tuple(layer) for layer in layers}) == 3


def test_what_only_the_test_imports_is_seeded_too(suite: Suite) -> None:
    source = """
    @pytest.mark.seeds([7])
    def test_it(mlregress):
        import numpy, torch
        draw("it", mlregress, [numpy.random.rand(), torch.rand(())])
    """
    suite.write(RECORD + source)
    suite.run(apart=True)
    late = json.loads((suite.path / "it7.txt").read_text())
    suite.write(RECORD + "    import numpy, torch\n" + source)
    suite.run(apart=True)
    assert json.loads((suite.path / "it7.txt").read_text()) == late


FIXTURES = """
    @pytest.fixture
    def own(): return random.random()

    @pytest.fixture
    def built_on(own): return random.random()

    @pytest.fixture(scope="module")
    def shared(): return random.random()

    @pytest.fixture(scope="session", autouse=True)
    def everywhere(): return random.random()

    @pytest.mark.seeds(3)
    def test_it(built_on, own, shared, mlregress):
        draw("it", mlregress, [own, built_on, shared, random.random()])

    def test_plain(shared): random.random()
"""


def test_a_shared_fixture_is_the_same_whoever_asks_first_and_leaves_no_trace(suite: Suite) -> None:
    suite.write(
        RECORD
        + """
    @pytest.fixture(scope="module")
    def shared(): return random.random()

    def test_plain(request):
        random.seed(8)
        request.getfixturevalue("shared")
        assert random.random() == random.Random(8).random()

    @pytest.mark.seeds(2)
    def test_it(request, mlregress):
        shared = request.getfixturevalue("shared")
        draw("it", mlregress, [shared, random.random()])
    """
    )
    assert suite.run().ret == 0
    after_a_plain_test = drawn(suite.path, "it", seeds=2)
    suite.run("-k", "test_it")
    assert drawn(suite.path, "it", seeds=2) == after_a_plain_test
    for seed in (1, 0):  # each asks first
        suite.run("-k", f"seed{seed}")
    assert drawn(suite.path, "it", seeds=2) == after_a_plain_test


def test_fixtures_draw_the_same_numbers_for_any_number_of_workers(suite: Suite) -> None:
    suite.write(RECORD + FIXTURES)
    suite.run("-n0")
    alone = drawn(suite.path, "it")
    suite.run("-n2")
    assert drawn(suite.path, "it") == alone
    own, built_on, shared, called = zip(*alone, strict=True)
    assert len(set(own)) == len(set(built_on)) == len(set(called)) == 3
    assert len(set(shared)) == 1


def test_pytest_randomly_changes_no_number(suite: Suite, workers: str) -> None:
    suite.write(RECORD + "    import numpy\n" + FIXTURES)
    suite.run()
    without = drawn(suite.path, "it")
    suite.configure("randomly")
    for seed in ("1", "2"):
        suite.run(workers, "-p", "randomly", f"--randomly-seed={seed}")
        assert drawn(suite.path, "it") == without


def test_a_fixture_that_reseeds_changes_no_number_of_the_test(suite: Suite) -> None:
    suite.write(
        RECORD
        + """
    @pytest.fixture(autouse=True)
    def reseed(): random.seed()

    @pytest.mark.seeds(3)
    def test_it(mlregress): draw("it", mlregress, [random.random()])
    """
    )
    suite.run()
    first = drawn(suite.path, "it")
    suite.run()
    assert drawn(suite.path, "it") == first


def test_other_libraries_join_through_the_entry_point_group(suite: Suite, workers: str) -> None:
    suite.write("calls = []\ndef seed(number): calls.append(number)\n", "otherlib.py")
    folder = suite.path / "otherlib-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: otherlib\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[pytest_mlregress.seeders]\nother = otherlib:seed\n")
    suite.write(
        """
        import otherlib
        import pytest
        @pytest.mark.seeds([5, 6])
        def test_it(mlregress): assert otherlib.calls[-1] == mlregress.seed
        """
    )
    result = suite.run(workers, apart=True, PYTHONPATH=python_path(suite))
    assert re.search(r" 1 passed, (1 warning, )?2 seeds in ", result.stdout.lines[-1])


def test_a_seeder_that_fails_is_named(suite: Suite) -> None:
    suite.write("def seed(number): raise OSError('no device')\n", "otherlib.py")
    folder = suite.path / "otherlib-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: otherlib\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[pytest_mlregress.seeders]\nother = otherlib:seed\n")
    suite.write("import pytest\n@pytest.mark.seeds(1)\ndef test_it(mlregress): pass\n")
    result = suite.run(apart=True, PYTHONPATH=python_path(suite))
    result.stdout.fnmatch_lines(
        ["*SeederError: entry point 'other' of group 'pytest_mlregress.seeders' failed with "
    "seed 0: "
         "OSError: no device"]
    )  # fmt: skip


FAKES = {
    "tensorflow.py": "calls = []\nclass random: set_seed = calls.append\n",
    "keras.py": "calls = []\nclass utils: set_random_seed = calls.append\n",
}


@pytest.mark.parametrize("where", ["module", "test"])
def test_tensorflow_and_keras_start_from_the_seed(suite: Suite, where: str) -> None:
    for name, source in FAKES.items():
        suite.write(source, name)
    imports = "import tensorflow, keras"
    early, late = (imports, "") if where == "module" else ("", imports)
    suite.write(
        f"""
        import pytest
        {early}
        @pytest.mark.seeds([5, 6])
        def test_it(mlregress):
            {late}
            assert tensorflow.calls[-1] == keras.calls[-1] == mlregress.seed
        """
    )
    stop = "--mlregress-stop=never"
    result = suite.run(stop, "-k", "seed5" if late else "", apart=True)  # once imported, early
    assert " failed" not in result.stdout.lines[-1], result.stdout.str()
    assert result.ret == 0


SEEDS_ALL_OTHERS = """
import random as python_random
import tensorflow
calls = []
class utils:
    @staticmethod
    def set_random_seed(seed):
        calls.append(seed)
        python_random.seed(seed)
        tensorflow.random.set_seed(seed)
"""


def test_a_late_import_seeds_the_imported_library_alone(suite: Suite) -> None:
    suite.write(FAKES["tensorflow.py"], "tensorflow.py")
    suite.write(SEEDS_ALL_OTHERS, "keras.py")
    suite.write("calls = []\ndef seed(number): calls.append(number)\n", "otherlib.py")
    folder = suite.path / "otherlib-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: otherlib\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[pytest_mlregress.seeders]\nother = otherlib:seed\n")
    suite.write("calls = []\ndef pytest_mlregress_seed(seed): calls.append(seed)\n", "conftest.py")
    suite.write(
        """
        import random
        import otherlib, pytest, tensorflow

        @pytest.mark.seeds([5])
        def test_it(mlregress, pytestconfig):
            (hooks,) = [p for p in pytestconfig.pluginmanager.get_plugins()
                        if getattr(p, "__file__", "").endswith("conftest.py")]
            others = (tensorflow, otherlib, hooks)
            before = [list(other.calls) for other in others]
            first = random.random()
            set_seed = tensorflow.random.set_seed

            import keras

            assert keras.calls == [5]
            assert [other.calls for other in others] == before
            expected = random.Random(5)
            assert [first, random.random()] == [expected.random(), expected.random()]
            assert tensorflow.random.set_seed == set_seed
        """
    )
    result = suite.run(apart=True, PYTHONPATH=python_path(suite))
    assert re.search(r" 1 passed, (1 warning, )?1 seeds in ", result.stdout.lines[-1]), (
        result.stdout.str()
    )


def test_a_library_that_pytest_randomly_seeds_is_seeded(suite: Suite, workers: str) -> None:
    suite.write("calls = []\ndef seed(number): calls.append(number)\n", "otherlib.py")
    folder = suite.path / "otherlib-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: otherlib\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[pytest_randomly.random_seeder]\nother = otherlib:seed\n"
    )
    suite.write(
        """
        import otherlib
        import pytest
        @pytest.mark.seeds([5, 6])
        def test_it(mlregress): assert otherlib.calls[-1] == mlregress.seed
        """
    )
    result = suite.run(workers, apart=True, PYTHONPATH=python_path(suite))
    assert re.search(r" 1 passed, (1 warning, )?2 seeds in ", result.stdout.lines[-1])


def test_a_conftest_seeds_what_nobody_knows(suite: Suite, workers: str) -> None:
    suite.write(
        """
        calls = []
        def pytest_mlregress_seed(seed): calls.append(seed)
        """,
        "conftest.py",
    )
    suite.write(
        """
        import random
        import pytest

        @pytest.fixture
        def calls(pytestconfig):
            (plugin,) = [p for p in pytestconfig.pluginmanager.get_plugins()
                         if getattr(p, "__file__", "").endswith("conftest.py")]
            assert plugin.calls, "seeded before the fixtures"
            plugin.calls.clear()
            return plugin.calls

        @pytest.mark.seeds([5, 6])
        def test_it(calls, mlregress):
            assert calls == [mlregress.seed]
            assert random.random() == random.Random(mlregress.seed).random()
        """
    )
    result = suite.run(workers)
    assert re.search(r" 1 passed, (1 warning, )?2 seeds in ", result.stdout.lines[-1])


def test_a_hook_of_a_conftest_that_fails_shows_its_line(suite: Suite) -> None:
    suite.write("def pytest_mlregress_seed(seed): raise OSError('no device')\n", "conftest.py")
    suite.write("import pytest\n@pytest.mark.seeds(1)\ndef test_it(mlregress): pass\n")
    suite.run().stdout.fnmatch_lines(["conftest.py:1: OSError"])


def test_property_tests_with_torch_stay_reproducible(suite: Suite) -> None:
    suite.configure("hypothesispytest")
    suite.write(
        RECORD
        + """
    import torch
    from hypothesis import HealthCheck, given, settings, strategies

    @pytest.mark.seeds(2)
    @given(strategies.integers())
    @settings(max_examples=5, database=None,
              suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_it(mlregress, number):
        with open("numbers.txt", "a") as file:
            print(torch.rand(()).item(), file=file)
    """
    )
    result = suite.run(apart=True)
    assert re.search(r" 1 passed, (1 warning, )?2 seeds in ", result.stdout.lines[-1]), (
        result.stdout.str()
    )
    numbers = (suite.path / "numbers.txt").read_text().split()
    assert len(set(numbers)) == 1  # Hypothesis starts every example from the same state


@pytest.mark.parametrize("module", ["random", "numpy.random", "torch"])
def test_a_plain_tests_numbers_are_its_own_business(suite: Suite, module: str) -> None:
    suite.write(
        f"""
        import {module}
        def test_plain(): assert {module}.__name__
        """
    )
    assert suite.run(apart=module == "torch").ret == 0
