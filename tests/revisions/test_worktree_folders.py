"""Worktrees that are kept, left by killed runs, and used by two runs at once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from git_projects import Project, names_in, on_branch, project

from pytest_mlregress.revisions.worktree import WorktreeError

HERE = Path(__file__).parent
HOLD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from git_projects import Project
checkout = Project(Path({top!r})).prepare(place=Path({place!r}))
print(checkout.top, flush=True)
time.sleep(600)
"""


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return on_branch(project(tmp_path / "project", {"model.py": "WIDTH = 1\n", "tests/t.py": ""}))


def start(made: Project, place: Path | None = None) -> tuple[subprocess.Popen[str], Path]:
    """A run in a process of its own that holds its checkout."""
    program = HOLD.format(here=str(HERE), top=str(made.top), place=str(place or made.place))
    running = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    return running, Path(running.stdout.readline().strip())


def kill(running: subprocess.Popen[str]) -> None:
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert running.stdout is not None
    running.stdout.close()


def left_over(made: Project) -> list[str]:
    """What is in the place for worktrees, and in git's list of them."""
    return [*(path.name for path in made.place.iterdir()), *made.worktrees()]


def test_a_kept_worktree_is_used_again_as_clean_as_a_new_one(made: Project) -> None:
    first = made.prepare()
    (first.top / "model.py").write_text("spoiled")
    (first.top / "tests" / "t.py").unlink()
    (first.top / "results").mkdir()
    (first.top / "results" / "model.pyc").touch()
    (first.top / "model.so").touch()  # ignored by git
    Project(first.top).git("checkout", "--quiet", "-b", "a-test-made-it")
    first.release(keep=True)
    assert made.worktrees() == [str(first.top)]

    second = made.prepare()

    assert second.top == first.top
    assert names_in(second.top) == ["model.py", "tests/t.py"]
    assert (second.top / "model.py").read_text() == "WIDTH = 1\n"
    assert Project(second.top).git("status", "--porcelain") == ""
    assert made.git("rev-parse", "a-test-made-it") == second.commit
    second.release(keep=False)
    assert left_over(made) == [".gitignore"]


@pytest.mark.parametrize("points", ["nowhere", "to the project"])
def test_a_kept_worktree_that_lost_its_link_to_git_does_not_endanger_the_project(
    made: Project, points: str
) -> None:
    """Git run in it would take the project around it for its own, and restore that."""
    first = made.prepare()
    first.release(keep=True)
    (first.top / ".git").unlink()
    if points == "to the project":
        (first.top / ".git").write_text(f"gitdir: {made.top / '.git'}\n")
    made.write({"model.py": "WIDTH = 'not committed'\n", "new.py": ""})
    before = made.state()
    second = made.prepare()
    assert second.top != first.top
    assert made.state() == before
    assert (made.top / "model.py").read_text() == "WIDTH = 'not committed'\n"
    assert (made.top / "new.py").exists()
    second.release(keep=False)


@pytest.mark.parametrize("spoil", ["git's entry", "the worktree", "the note", "everything"])
def test_a_kept_worktree_that_lost_a_part_is_replaced(made: Project, spoil: str) -> None:
    first = made.prepare()
    first.release(keep=True)
    parts = {
        "git's entry": made.top / ".git" / "worktrees" / first.top.name,
        "the worktree": first.top,
        "the note": first.top.with_name(f"{first.top.name}.json"),
        "everything": made.top / ".pytest_cache",
    }
    part = parts[spoil]
    assert part.exists()
    part.unlink() if part.is_file() else shutil.rmtree(part)
    second = made.prepare()
    assert (second.top / "model.py").read_text() == "WIDTH = 1\n"
    assert made.worktrees() == [str(second.top)]
    second.release(keep=False)
    assert left_over(made) == [".gitignore"]


def test_an_index_lock_that_a_killed_git_left_is_no_obstacle(made: Project) -> None:
    first = made.prepare()
    entry = Path(Project(first.top).git("rev-parse", "--absolute-git-dir"))
    (entry / "index.lock").touch()
    first.release(keep=True)
    second = made.prepare()
    assert second.top == first.top
    second.release(keep=False)


def test_two_worktrees_are_kept_and_one_of_each_commit(made: Project) -> None:
    commits = [made.commit({"model.py": f"WIDTH = {width}\n"}) for width in range(4)]
    for commit in commits:
        made.prepare(f"tip:{commit}").release(keep=True)
    again = [made.prepare(f"tip:{commits[-1]}") for _ in range(2)]
    assert again[0].top != again[1].top
    for checkout in again:
        checkout.release(keep=True)
    held = sorted(Project(Path(path)).git("rev-parse", "HEAD") for path in made.worktrees())
    assert held == sorted(commits[-2:])


def test_two_runs_at_once_do_not_share_a_worktree(made: Project) -> None:
    running, other = start(made)
    try:
        mine = made.prepare()
        assert mine.top != other
        assert other.is_dir()
        (other / "model.py").write_text("theirs")
        mine.release(keep=True)
        assert (other / "model.py").read_text() == "theirs"
        assert sorted(made.worktrees()) == sorted([str(mine.top), str(other)])
    finally:
        kill(running)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same place", "other place"])
def test_what_a_killed_run_left_is_removed_by_the_next(
    made: Project, tmp_path: Path, elsewhere: bool
) -> None:
    """Also one that ran where pytest has no cache, in a folder that the next run does not know."""
    running, left = start(made, tmp_path / "elsewhere" if elsewhere else None)
    assert left.is_dir()
    (left / "sealed").mkdir()
    (left / "sealed" / "file").touch()
    (left / "sealed").chmod(0o500)
    kill(running)
    assert str(left) in made.worktrees()

    checkout = made.prepare()

    assert not left.exists()
    assert made.worktrees() == [str(checkout.top)]
    checkout.release(keep=False)
    assert left_over(made) == [".gitignore"]
    assert not (made.top / ".git" / "worktrees").exists()


@pytest.mark.parametrize("delay_s", [0.002, 0.01, 0.03, 0.06])
def test_a_run_killed_at_any_moment_leaves_nothing_after_the_next(
    made: Project, delay_s: float
) -> None:
    before = made.state()
    program = HOLD.format(here=str(HERE), top=str(made.top), place=str(made.place))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 60
        while not made.place.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(delay_s)
        running.kill()
    checkout = made.prepare()
    assert made.worktrees() == [str(checkout.top)]
    checkout.release(keep=False)
    assert left_over(made) == [".gitignore"]
    assert made.state() == before


def test_half_made_parts_are_removed(made: Project) -> None:
    first = made.prepare()
    first.release(keep=False)
    (made.place / "mlregress-base-00000001.lock").touch()
    (made.place / "mlregress-base-00000002.json").write_text('{"clean": tru')
    (made.place / "mlregress-base-00000003" / "deep").mkdir(parents=True)
    unfinished = made.top / ".git" / "worktrees" / "mlregress-base-00000004"
    unfinished.mkdir(parents=True)
    (unfinished / "locked").write_text("initializing")
    os.utime(unfinished, (1, 1))
    made.prepare().release(keep=False)
    assert left_over(made) == [".gitignore"]
    assert not unfinished.exists()


def test_worktrees_of_the_user_are_none_of_ours(made: Project, tmp_path: Path) -> None:
    for name in ("feature", "mlregress-base-mine"):
        made.git("worktree", "add", "--quiet", "--detach", str(tmp_path / name))
    gone = tmp_path / "on-a-disk-that-is-not-mounted"
    made.git("worktree", "add", "--quiet", "--detach", str(gone))
    gone.rename(tmp_path / "unmounted")
    before = made.worktrees()
    made.prepare().release(keep=False)
    assert made.worktrees() == before


def test_a_failed_checkout_leaves_nothing(made: Project) -> None:
    commit = made.git("rev-parse", "main")
    blob = made.git("rev-parse", "main:tests/t.py")
    (made.top / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(WorktreeError, match="git worktree failed: "):
        made.prepare(f"tip:{commit}")
    assert left_over(made) == [".gitignore"]
