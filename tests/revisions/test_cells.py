"""The tests of a working tree, states of its code, and seeds that are trained at them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from git_projects import Project
from hypothesis import given
from hypothesis import strategies as st
from small_projects import TOY, TRAINING, small_project, toy

from pytest_mlregress.revisions.cells import warm_processes
from pytest_mlregress.revisions.cells.cell import Cells
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.suite import Suite, SuiteError, describe_suite, describe_test
from pytest_mlregress.revisions.cells.trainer import SeedRequest, TrainedSeed, Trainer
from pytest_mlregress.revisions.worktree_error import WorktreeError
from pytest_mlregress.running.reads import Reads, file_digest


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A loss of .05 in the second commit, a syntax error in the third, mended in the fourth."""
    project = small_project(tmp_path_factory.mktemp("cells") / "project")
    project.commit(toy("-0.05"), "Lose")
    project.commit({TOY: "def train(seed:\n"}, "Break")
    project.commit(toy("-0.05"), "Mend")
    project.write(toy("0.05"))
    return project


@pytest.fixture(scope="module")
def suite(project: Project) -> Suite:
    return describe_suite([], directory=project.top, seeds=4)


@pytest.fixture(scope="module")
def trained(project: Project, suite: Suite) -> dict[str, list[TrainedSeed]]:
    before = project.git("status", "--porcelain"), project.git("rev-parse", "HEAD")
    test = suite.test("test_toy").test
    with Cells(suite) as cells, Trainer(suite, workers=2) as trainer:
        states = [cells.at("HEAD~3"), cells.at("HEAD~1"), cells.at("HEAD"), cells.working_tree()]
        seeds = trainer.train(
            [SeedRequest(cell, test, seed) for seed in range(2) for cell in states]
        )
    after = project.git("status", "--porcelain"), project.git("rev-parse", "HEAD")
    assert before == after
    assert len(project.git("worktree", "list").splitlines()) == 1
    by_state: dict[str, list[TrainedSeed]] = {}
    for seed in seeds:
        by_state.setdefault(seed.request.cell.label, []).append(seed)
    return by_state


def values(seeds: list[TrainedSeed]) -> list[float]:
    return [seed.result.metrics[0].value for seed in seeds if seed.result is not None]


def test_the_suite_names_the_test_with_its_seeds(suite: Suite) -> None:
    (test,) = suite.tests
    assert test.test == "tests/test_toy.py::test_toy"
    assert test.node_ids[3] == "tests/test_toy.py::test_toy[seed3]"
    assert test.seeds == (0, 1, 2, 3)


@pytest.mark.parametrize("name", ["test_toy", "test_toy.py::test_toy"])
def test_the_end_of_a_name_finds_the_test(suite: Suite, name: str) -> None:
    assert suite.test(name).test == "tests/test_toy.py::test_toy"


def test_a_test_that_is_not_there_is_named_with_those_that_are(suite: Suite) -> None:
    with pytest.raises(SuiteError) as refused:
        suite.test("test_tov")
    assert str(refused.value) == (
        "there is no regression test test_tov; there are: tests/test_toy.py::test_toy"
    )


@pytest.mark.parametrize("name", ["tests/test_toy.py::test_toy", "test_toy"])
def test_one_test_by_its_node_id_or_the_end_of_it(project: Project, name: str) -> None:
    _, test = describe_test(name, directory=project.top)
    assert (test.test, test.seeds) == ("tests/test_toy.py::test_toy", (0, 1, 2))


@given(kept=st.integers(0, 100), total=st.integers(0, 2**45), share=st.floats(0, 1))
def test_a_process_is_kept_while_memory_is_left(kept: int, total: int, share: float) -> None:
    available = int(total * share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm_processes, "_memory", lambda: (total, available))
        patch.setattr(warm_processes, "_GPUS", Path("no such folder"))
        may = warm_processes.may_keep(kept)
    if kept < warm_processes.LEAST:
        assert may
    elif kept >= warm_processes.MOST or available <= min(total * 0.2, 2 * 2**30):
        assert not may
    else:
        assert may


def test_every_state_trains_its_own_code(trained: dict[str, list[TrainedSeed]]) -> None:
    names = list(trained)
    first, broken, last, tree = (trained[name] for name in names)
    assert [name.partition(" ")[2] for name in names] == [
        "(Train the toy)",
        "(Break)",
        "(Mend)",
        "working tree",
    ]
    assert [a - b for a, b in zip(values(first), values(last), strict=True)] == pytest.approx(
        [0.05, 0.05]
    )
    assert [a - b for a, b in zip(values(tree), values(first), strict=True)] == pytest.approx(
        [0.05, 0.05]
    )
    assert values(broken) == []


def test_a_state_that_cannot_run_says_why(trained: dict[str, list[TrainedSeed]]) -> None:
    (broken,) = (seeds for name, seeds in trained.items() if "Break" in name)
    assert broken[0].unavailable is not None
    assert "it cannot be imported at" in broken[0].unavailable
    assert "SyntaxError" in broken[0].unavailable


def test_a_seed_says_what_it_has_read(trained: dict[str, list[TrainedSeed]]) -> None:
    reads = trained["the working tree"][0].reads
    assert reads is not None
    assert sorted(reads.files) == ["src/toy/__init__.py", "tests/test_toy.py"]


def test_a_later_run_takes_them_from_the_cache(
    suite: Suite, trained: dict[str, list[TrainedSeed]]
) -> None:
    test = suite.test("test_toy").test
    with Cells(suite) as cells, Trainer(suite) as trainer:
        (again,) = trainer.train([SeedRequest(cells.at("HEAD"), test, 1)])
    (mended,) = (seeds for name, seeds in trained.items() if "Mend" in name)
    assert (again.source, trainer.trained, trainer.reused) == ("cache", 0, 1)
    assert again.result is not None
    assert again.result.cached
    assert values([again]) == values(mended[1:])


def test_no_such_commit(suite: Suite) -> None:
    with Cells(suite) as cells, pytest.raises(WorktreeError, match="nowhere names no commit of"):
        cells.at("nowhere")


def test_a_commit_with_other_dependencies_cannot_run_here(project: Project, suite: Suite) -> None:
    project.git("stash", "--quiet")
    other = project.commit({"requirements.txt": "numpy==1.0\n"}, "Pin")
    project.git("reset", "--hard", "--quiet", "HEAD~1")
    project.git("stash", "pop", "--quiet")
    with Cells(suite) as cells, pytest.raises(WorktreeError) as refused:
        cells.at(other)
    assert str(refused.value) == (
        f"{other[:7]} declares other dependencies than the working tree (requirements.txt: "
        "numpy==1.0), and this environment is the working tree's"
    )


def test_a_pytest_without_this_plugin_is_said_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    with pytest.raises(SuiteError) as refused:
        describe_suite([], directory=project.top)
    assert str(refused.value).splitlines()[1:] == [
        "  ERROR: the plugin mlregress is not loaded: remove -p no:mlregress, or where "
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD is set add -p pytest_mlregress.plugin to addopts"
    ]
    with pytest.raises(SuiteError, match=r"error: unrecognized arguments: --mlregress-seeds=3"):
        describe_suite([], directory=project.top, seeds=3)


def test_files_that_cannot_be_collected_end_it_in_one_text(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("import nowhere_to_be_found\n")
    with pytest.raises(SuiteError) as refused:
        describe_suite(["test_broken.py"], directory=tmp_path)
    first, *rest = str(refused.value).splitlines()
    assert first == (
        "the tests of the working tree cannot be collected; see: pytest test_broken.py "
        "--collect-only"
    )
    assert "  E   ModuleNotFoundError: No module named 'nowhere_to_be_found'" in rest


class KilledJournal(Journal):
    """The process ends while it writes."""

    def put(self, key: str, record: Mapping[str, Any]) -> None:
        raise SystemExit


def test_what_a_journal_holds_is_in_the_cache_before(suite: Suite, tmp_path: Path) -> None:
    """A journal is forgotten with its question, and a later one finds its seeds in the cache."""
    test, question = suite.test("test_toy").test, {"command": "killed"}
    killed = KilledJournal.open(tmp_path, question)
    with Cells(suite) as cells:
        request = SeedRequest(cells.at("HEAD"), test, 3)
        with Trainer(suite, journal=killed) as trainer, pytest.raises(SystemExit):
            trainer.train([request])
        with Trainer(suite) as trainer:
            [seed] = trainer.train([request])
    assert seed.source == "cache"


def test_a_kept_seed_holds_until_what_it_read_changes(suite: Suite, tmp_path: Path) -> None:
    """Data that git ignores are no part of a state's name, but of what a seed has read."""
    with Cells(suite) as cells:
        tree = cells.working_tree()
    side = replace(tree.side, checkout=tmp_path)
    request = SeedRequest(replace(tree, side=side), "test", 0)
    (tmp_path / "data.txt").write_text("1.0")
    reads = Reads(files={"data.txt": file_digest(tmp_path / "data.txt")})
    kept = TrainedSeed(
        request, None, None, "journal", reads, packages={"pytest": pytest.__version__}
    )
    assert kept.still_holds
    assert not replace(kept, packages={"pytest": "1.0"}).still_holds
    (tmp_path / "data.txt").write_text("0.8")
    assert not kept.still_holds
    assert replace(kept, reads=None).still_holds


INTERRUPTED = """
import sys
from pathlib import Path
from pytest_mlregress.revisions.cells import warm_processes
from pytest_mlregress.revisions.cells.cell import Cells
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.suite import describe_suite
from pytest_mlregress.revisions.cells.trainer import SeedRequest, Trainer

suite = describe_suite([], directory=Path(sys.argv[1]))
journal = Journal.open(suite.state_folder, {"command": "interrupted"})
test = suite.tests[0].test
said = lambda seed: print(seed.request.seed, flush=True)
try:
    with Cells(suite) as cells, Trainer(suite, journal=journal, use_cache=False, on_seed=said) as t:
        t.train([SeedRequest(cells.at("HEAD"), test, seed) for seed in range(3)])
except KeyboardInterrupt as error:
    print(error, flush=True)
    raise SystemExit(130) from None
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_leaves_no_process_and_loses_no_seed(tmp_path: Path, how: int) -> None:
    project = small_project(tmp_path / "project")
    folder = project.top
    slow = TRAINING.replace("    return", "    import time\n    time.sleep(seed * 20)\n    return")
    project.commit({TOY: slow.format(shift="0")}, "Take long from the second seed on")
    command = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "0\n"
    time.sleep(0.5)
    os.killpg(command.pid, how) if how == signal.SIGINT else command.kill()
    printed, _ = command.communicate(timeout=60)
    if how == signal.SIGINT:
        assert command.returncode == 130
        assert printed == "interrupted; the same command goes on after 1 training\n"
        assert len(project.git("worktree", "list").splitlines()) == 1
    deadline = time.monotonic() + 30
    while _running(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _running(folder) == []
    suite = describe_suite([], directory=folder)
    assert Journal.open(suite.state_folder, {"command": "interrupted"}).resumed == 1


def _running(folder: Path) -> list[str]:
    """The command lines of processes whose working directory is in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve().is_relative_to(folder):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found
