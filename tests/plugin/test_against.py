"""A/B runs as a user sees them: both sides trained in one session."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training_suite import Suite

MODEL = """
    import random


    def train(seed):
        return 0.9 + random.Random(seed).gauss(0, 0.01)
"""

WORSE = """
    import random


    def train(seed):
        return 0.8 + random.Random(seed).gauss(0, 0.01)


    def evaluate(seed):
        return train(seed)
"""

TESTS = """
    import pytest
    from package.model import train


    @pytest.mark.seeds(5)
    def test_training(mlregress):
        mlregress.record("accuracy", train(mlregress.seed), higher_is_better=True)


    def test_plain():
        assert True
"""

NEW_TEST = """
    import pytest
    from package.model import evaluate


    @pytest.mark.seeds(5)
    def test_new(mlregress):
        mlregress.record("accuracy", evaluate(mlregress.seed), higher_is_better=True)
"""


@pytest.fixture
def project(suite: Suite) -> Suite:
    """A repository with a package and its tests on main, and the branch of a change."""
    suite.configure(ini="pythonpath = src", baseline_seeds=None)
    ignore_own_files(suite)
    suite.write("", name="src/package/__init__.py")
    suite.write(MODEL, name="src/package/model.py")
    suite.write(TESTS, name="tests/test_training.py")
    git(suite, "checkout", "--quiet", "-b", "change")
    return suite


def ignore_own_files(suite: Suite) -> None:
    """What pytester writes beside the project is none of its files."""
    with (suite.path / ".gitignore").open("a", encoding="utf-8") as file:
        file.write("\nrunpytest-*\nstdout\nstderr\n__pycache__\n")


def git(suite: Suite, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=suite.path, capture_output=True, text=True, check=True
    )
    return done.stdout


def worktrees(suite: Suite) -> list[str]:
    """The worktrees that git knows besides the project's own."""
    listed = git(suite, "worktree", "list", "--porcelain").splitlines()
    return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")][1:]


def against(suite: Suite, *arguments: str, ref: str = "main") -> pytest.RunResult:
    return suite.run(f"--mlregress-against={ref}", *arguments, apart=True)


TEST = "tests/test_training.py::test_training"


def test_a_worse_change_is_red(project: Suite, workers: str) -> None:
    project.write(WORSE, name="src/package/model.py")

    result = against(project, workers)

    assert result.ret == 1
    commit = git(project, "rev-parse", "main").strip()[:10]
    result.stdout.fnmatch_lines(
        [
            "accuracy regressed: 0.9094 -> 0.8094 (-0.1 [[]-0.1, -0.1[]]), margin *",
            f"FAILED {TEST} - accuracy regressed: *",
        ]
    )
    result.stdout.fnmatch_lines(
        [f"A/B: this tree at * against main, merge base {commit}", "1 file changed between them; *"]
    )
    assert "uncommitted" not in result.stdout.str()
    test = project.tests[TEST]
    assert test["verdict"] == "regression"
    base, candidate = (
        {seed["seed"]: seed["metrics"][0]["value"] for seed in test[name]}
        for name in ("base_seeds", "seeds")
        if test[name]
    )
    assert all(base[seed] - value == pytest.approx(0.1) for seed, value in candidate.items())
    assert project.report["sides"]["changed"] == ["src/package/model.py"]


def test_an_unchanged_commit_is_identical_and_trains_alternately(project: Suite) -> None:
    result = against(project, "-v")

    assert result.ret == 0
    assert project.verdicts == {TEST: "identical"}
    ran = [line.split()[0] for line in result.outlines if " SEED " in line]
    assert ran == [f"{TEST}[{seed}]" for seed in ("seed0", "seed0-base", "seed1-base", "seed1")]
    result.stdout.fnmatch_lines(["*2 passed, 4 seeds, 6 saved*"])


def test_a_change_of_the_tests_alone_is_said_to_be_on_both_sides(project: Suite) -> None:
    project.write(f"{TESTS}\n    CHANGED = True\n", name="tests/test_training.py")

    against(project)

    assert project.verdicts == {TEST: "identical"}
    assert (
        "tests/test_training.py: both sides run this tree's tests, so what changed in them is not "
        "compared; to run each side's own: --mlregress-against=own-tests:main"
    ) in project.report["sides"]["notes"]
    assert "not compared" not in against(project, ref="own-tests:main").stdout.str()


def test_a_plan_says_what_the_pairs_can_show_and_trains_nothing(project: Suite) -> None:
    result = against(project, "--mlregress-plan", "--mlregress-alpha=0.0025")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "tests/test_training.py::test_training: at most 5 pairs",
            "  looks after 2, 3, 5 pairs, each one training on both sides; *",
            "  5 pairs: sign flips reach 1/32 = .031 and two samples 1/252 = .0040, this suite*",
            "1 test, which share alpha 0.0025: at most 5 pairs, that is 10 trainings",
        ]
    )


def test_the_worktree_is_kept_after_a_regular_end(project: Suite) -> None:
    against(project)
    (kept,) = worktrees(project)

    against(project)

    assert worktrees(project) == [kept]
    assert git(project, "status", "--porcelain") == ""


def test_a_test_of_new_code_cannot_be_compared(project: Suite, workers: str) -> None:
    project.write(WORSE.replace("0.8", "0.9"), name="src/package/model.py")
    project.write(NEW_TEST, name="tests/test_new.py")

    result = against(project, workers)

    assert result.ret == 0
    assert project.verdicts == {TEST: "identical", "tests/test_new.py::test_new": "no-baseline"}
    (reason,) = project.tests["tests/test_new.py::test_new"]["reasons"]
    assert "ImportError: cannot import name 'evaluate' from 'package.model'" in reason
    assert "main" in reason


def test_own_tests_may_lack_a_test(project: Suite) -> None:
    project.write(NEW_TEST.replace("evaluate", "train"), name="tests/test_new.py")

    result = against(project, ref="own-tests:main")

    assert result.ret == 0
    new = project.tests["tests/test_new.py::test_new"]
    assert (new["verdict"], new["colour"]) == ("no-baseline", "yellow")
    assert any("does not have it" in reason for reason in new["reasons"])


def test_a_seed_that_fails_on_the_base_is_no_failure_of_the_change(project: Suite) -> None:
    git(project, "checkout", "--quiet", "main")
    project.write(f"{MODEL}    train = None", name="src/package/model.py")
    git(project, "checkout", "--quiet", "-B", "change")
    project.write(MODEL, name="src/package/model.py")

    result = against(project)

    assert result.ret == 0
    test = project.tests[TEST]
    assert test["colour"] == "yellow"
    assert any("'NoneType' object is not callable" in reason for reason in test["reasons"])


def test_a_base_that_kills_its_process_is_no_failure_of_the_change(
    project: Suite, workers: str
) -> None:
    git(project, "checkout", "--quiet", "main")
    fatal = MODEL.replace("import random", "import os, random").replace(
        "return", "os._exit(3) if seed == 1 else None; return"
    )
    project.write(fatal, name="src/package/model.py")
    git(project, "checkout", "--quiet", "-B", "change")
    project.write(MODEL, name="src/package/model.py")

    result = against(project, workers)

    assert result.ret == 0
    test = project.tests[TEST]
    assert test["colour"] == "yellow"
    assert any("died" in reason for reason in test["reasons"])


def test_a_base_whose_conftest_fails_is_no_failure_of_the_change(project: Suite) -> None:
    git(project, "checkout", "--quiet", "main")
    project.write("raise RuntimeError('no data here')", name="src/package/setup.py")
    git(project, "checkout", "--quiet", "-B", "change")
    project.write("", name="src/package/setup.py")
    project.write("import package.setup", name="conftest.py")

    result = against(project)

    assert result.ret == 0
    (reason,) = project.tests[TEST]["reasons"]
    assert "pytest cannot collect its tests at" in reason
    assert reason.endswith("RuntimeError: no data here")


def test_a_failing_candidate_fails_as_any_seed(project: Suite) -> None:
    project.write(f"{MODEL}    train = None", name="src/package/model.py")

    result = against(project)

    assert result.ret == 1
    result.stdout.fnmatch_lines([f"FAILED {TEST}[[]seed0[]] - TypeError: *"])


def test_an_expected_failure_of_both_sides_is_none_of_the_run(project: Suite) -> None:
    project.write(
        """
        import pytest


        @pytest.mark.xfail(reason="not yet", strict=True)
        @pytest.mark.seeds(3)
        def test_later(mlregress):
            assert False
        """,
        name="tests/test_later.py",
    )

    result = against(project, "tests/test_later.py")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*1 xfailed*"])


def test_a_companion_has_no_companion(project: Suite) -> None:
    run = run_in_training(project)
    try:
        (companion,) = children(run.pid)
        assert children(companion) == []
    finally:
        run.kill()
        run.wait(timeout=60)


def test_shared_fixtures_of_the_base_are_set_up_once(project: Suite) -> None:
    project.write(
        """
        import os

        import pytest
        from package import model


        @pytest.fixture(scope="module")
        def data(request):
            with open(os.environ["LOG"], "a") as log:
                log.write(f"set up {model.__file__}\\n")
            yield 1
            with open(os.environ["LOG"], "a") as log:
                log.write(f"torn down {model.__file__}\\n")


        @pytest.mark.seeds(3)
        @pytest.mark.parametrize("case", [1, 2])
        def test_with_data(mlregress, case, data):
            mlregress.record("accuracy", model.train(mlregress.seed) * case, higher_is_better=True)
        """,
        name="tests/test_data.py",
    )
    log = project.path / "log.txt"

    result = project.run("--mlregress-against=main", "tests/test_data.py", apart=True, LOG=str(log))

    assert result.ret == 0, result.stdout.str()
    lines = log.read_text().splitlines()
    assert sorted(line.partition(" /")[0] for line in lines) == [
        *("set up", "set up", "torn down", "torn down")
    ]
    assert len({line.partition(" /")[2] for line in lines}) == 2


def test_rootdir_and_conftest_in_a_sub_folder(suite: Suite) -> None:
    suite.configure(baseline_seeds=None)
    (suite.path / "pytest.ini").unlink()
    suite.write("[pytest]\npythonpath = .\n", name="project/pytest.ini")
    suite.write("def train(seed): return 0.5 + seed / 100", name="project/model.py")
    suite.write(
        "import pytest\n@pytest.fixture\ndef factor(): return 2.0", name="project/tests/conftest.py"
    )
    suite.write(
        """
        import pytest
        from model import train


        @pytest.mark.seeds(4)
        def test_training(mlregress, factor):
            mlregress.record("accuracy", train(mlregress.seed) * factor, higher_is_better=True)
        """,
        name="project/tests/test_training.py",
    )
    git(suite, "checkout", "--quiet", "-b", "change")
    suite.write("def train(seed): return 0.1 + seed / 100", name="project/model.py")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:randomly", "--mlregress-against=main"],
        cwd=suite.path / "project",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stdout
    assert "FAILED tests/test_training.py::test_training - accuracy regressed: 1." in done.stdout


SLOW_MODEL = """
    import time
    from pathlib import Path


    def train(seed):
        Path("{started}").touch()
        time.sleep(60)
"""


def run_in_training(project: Suite) -> subprocess.Popen[bytes]:
    """A run whose base is in the middle of a training."""
    git(project, "checkout", "--quiet", "main")
    started = project.path.parent / f"{project.path.name}-started"
    project.write(SLOW_MODEL.format(started=started), name="src/package/model.py")
    git(project, "checkout", "--quiet", "-B", "change")
    project.write(MODEL, name="src/package/model.py")
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "--mlregress-against=main"],
        cwd=project.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_heed_interrupts,
    )
    _wait_for(started.exists)
    return run


@pytest.mark.parametrize("signalled", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_a_run_that_ends_early_leaves_nothing(project: Suite, signalled: signal.Signals) -> None:
    run = run_in_training(project)
    companions = children(run.pid)
    assert companions

    os.kill(run.pid, signalled)
    run.wait(timeout=180)

    _wait_for(lambda: not any(map(is_running, companions)))
    if signalled == signal.SIGKILL:  # the next run finds what it left
        project.write(MODEL, name="src/package/model.py")
        against(project, ref="tip:change")
        assert len(worktrees(project)) == 1
    else:
        assert worktrees(project) == []


def children(pid: int) -> list[int]:
    """The processes that a process has started, from procfs."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def _heed_interrupts() -> None:
    """A job in the background of a shell ignores interrupts, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for(condition: object) -> None:
    end = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


CACHED_FEATURES = """
    from pathlib import Path

    K = 1


    def train(seed):
        cache = Path(__file__).parents[2] / "feats" / "f.txt"
        if not cache.exists():
            cache.write_text(str(K))
        return float(cache.read_text()) + seed / 100
"""


@pytest.mark.slow
def test_a_cache_that_one_side_writes_is_not_read_by_the_other(project: Suite) -> None:
    with (project.path / ".git" / "info" / "exclude").open("a", encoding="utf-8") as file:
        file.write("\nfeats/\n")
    project.write("x", name="feats/points.csv")
    git(project, "checkout", "--quiet", "main")
    project.write(CACHED_FEATURES, name="src/package/model.py")
    git(project, "checkout", "--quiet", "-B", "change")
    project.write(CACHED_FEATURES.replace("K = 1", "K = -5"), name="src/package/model.py")

    against(project)

    assert project.verdicts == {TEST: "regression"}
    assert (project.path / "feats" / "f.txt").read_text() == "-5"
