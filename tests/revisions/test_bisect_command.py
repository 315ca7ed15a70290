"""``mlregress bisect`` on small histories, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
from bisect_projects import (
    LOSS,
    bisect,
    command,
    environment,
    lines_with,
    model,
    start,
    twelve_commits,
)
from git_projects import Project

pytestmark = pytest.mark.usefixtures("lean_pytest")

TEST = "tests/test_model.py::test_accuracy"


def journal_lines(made: Project) -> int:
    files = made.top.glob(".pytest_cache/**/mlregress-runs/*.jsonl")
    return sum(len(file.read_text().splitlines()) for file in files)


def kill_after(made: Project, arguments: list[str], lines: int) -> None:
    """Run the command until its journal has so many lines, and kill it and its processes."""
    running = subprocess.Popen(
        command(*arguments),
        cwd=made.top,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 600
    while journal_lines(made) < lines and running.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def printed_commands(text: str) -> list[str]:
    """The commands that search again, each on one line."""
    joined = re.sub(r" \\\n +", " ", text)
    return [line.strip() for line in lines_with(joined, ["  mlregress bisect "])]


@pytest.mark.slow
def test_a_search_goes_on_after_its_budget_and_after_a_kill(tmp_path: Path) -> None:
    made = twelve_commits(tmp_path / "repo")
    culprit = made.git("rev-parse", "culprit")
    before = made.state()

    short = bisect(made, "good", "main", "--test", TEST, "--max-trainings=6", "-n", "2")
    assert short.returncode == 1, short.stderr
    said = " ".join(short.stdout.split())
    assert "cannot tell with 6 trainings: " in said
    (again,) = printed_commands(short.stdout)
    assert again == f"mlregress bisect good main --test {TEST} --max-trainings=12"

    arguments = ["good", "main", "--test", TEST, "-n", "2", "--json"]
    kill_after(made, arguments, lines=8)  # the question, the six, and one more
    found = bisect(made, *arguments)
    assert found.returncode == 1, found.stderr
    document = json.loads(found.stdout)
    assert document["finding"] == "commit"
    assert document["named"] == [culprit]
    assert document["sources"]["journal"] >= 7
    assert document["probability"] >= 0.95
    low, high = document["interval"]
    assert low < -LOSS < high < 0
    assert journal_lines(made) == 0  # answered

    once_more = bisect(made, *arguments, "--report", str(tmp_path / "out" / "report.html"))
    repeated = json.loads(once_more.stdout)
    assert repeated["sources"].keys() == {"cache"}
    for key in ("named", "probability", "interval", "trainings"):
        assert repeated[key] == document[key]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Use a cheaper initialisation" in page
    assert "<svg" in page

    plain = bisect(made, "good", "main", "--test", TEST)
    short_name = culprit[:7]
    lines = plain.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines_with(plain.stdout, [f"{short_name} loses accuracy: -0.0"])
    assert f"  {short_name} Use a cheaper initialisation" in lines
    assert "    files that the test's seeds read: src/model.py (it changed 1)" in lines
    assert lines_with(plain.stdout, ["git bisect run: 30 with 5 seeds a"])
    assert (
        "prior weights: 1 for 7 commits that touched what the test's seeds read, 0.02 for" in lines
    )
    assert f"  git show {short_name}" in lines
    assert f"  mlregress explain {TEST} '--against={short_name}^'" in lines
    assert made.state() == before
    assert made.worktrees() == []


@pytest.mark.slow
def test_a_merge_is_named_and_its_branch_searched_by_the_printed_command(tmp_path: Path) -> None:
    made = start(tmp_path / "repo")
    made.git("checkout", "--quiet", "-b", "topic")
    made.commit({"src/notes.py": "1\n"}, "Take notes")
    made.commit(model(-0.1, "2"), "Lose")
    made.git("tag", "culprit")
    made.commit({"src/notes.py": "2\n"}, "Take more notes")
    made.git("checkout", "--quiet", "main")
    made.commit({"src/other.py": "1\n"}, "Do something else")
    made.git("merge", "--quiet", "--no-ff", "-m", "Merge the topic", "topic")
    merge = made.git("rev-parse", "HEAD")

    line = bisect(made, "good", "main", "--test", TEST)
    assert line.returncode == 1, line.stderr
    assert lines_with(line.stdout, [f"{merge[:7]} loses accuracy: -0."])
    assert lines_with(line.stdout, ["    it merged 3 commits: "])
    (printed,) = printed_commands(line.stdout)
    arguments = shlex.split(printed)[2:]
    branch = bisect(made, *arguments, "--json")
    culprit = made.git("rev-parse", "culprit")
    assert json.loads(branch.stdout)["named"] == [culprit], branch.stderr

    graph = bisect(made, "good", "main", "--test", TEST, "--all-parents", "--json")
    document = json.loads(graph.stdout)
    assert document["named"] == [culprit]
    assert len(document["candidates"]) == 5


@pytest.mark.slow
def test_nothing_that_is_read_has_changed_and_a_moved_lock_file_is_said(tmp_path: Path) -> None:
    made = start(tmp_path / "repo", {"requirements.txt": "numpy==1.26\n"})
    made.commit({"README.md": "1\n"}, "Write a README")
    made.commit({"requirements.txt": "numpy==2.0\n"}, "Update numpy")
    done = bisect(made, "good", "HEAD", "--test", "test_accuracy")
    good, bad = made.git("rev-parse", "--short=7", "good"), made.git("rev-parse", "HEAD")[:7]
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert (
        f"no commit is worse: {good} and {bad} give the same results bit for bit, since they "
        "differ in nothing that the test's seeds read"
    ) in text
    assert "2 trainings; git bisect run: 15 with 5 seeds a step, 60 with 20" in text
    again = bisect(made, "good", "HEAD", "--test", "test_accuracy", "--fresh", "--json")
    assert json.loads(again.stdout)["sources"] == {"trained": 2}
    assert (
        f"note: {good} declares other dependencies than the working tree (requirements.txt: "
        "numpy==1.26, numpy==2.0), and this environment is the working tree's; what this changes "
        "is not seen"
    ) in text


@pytest.mark.slow
def test_bad_input_is_one_line(tmp_path: Path) -> None:
    made = start(tmp_path / "repo")
    made.commit(model(0.0, "1"), "Change")
    made.commit({"src/model.py": "import nothing_of_that_name\n"}, "Break")

    def refusal(*arguments: str) -> str:
        done = bisect(made, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
        return done.stderr.strip().splitlines()[-1]

    assert refusal("good", "main", "--test", TEST, "--report=x.pdf") == (
        "Error: --report x.pdf: a report's name ends with .html, .md, .json, .svg, which says its "
        "kind"
    )
    made.git("checkout", "--quiet", "main~1")
    assert refusal("good", "main", "--test", "tests/test_model.py::test_acuracy") == (
        "Error: there is no regression test tests/test_model.py::test_acuracy; there are: "
        "tests/test_model.py::test_accuracy"
    )
    assert refusal("nowhere", "main", "--test", TEST).startswith("Error: nowhere names no commit")
    text = refusal("good", "main", "--test", TEST)
    assert text.startswith(f"Error: the bad end {made.git('rev-parse', 'main')[:7]} cannot be run")
    assert "nothing_of_that_name" in text
    assert refusal("good", "main~1", "--test", TEST, "--metric", "acuracy") == (
        "Error: no seed at either end recorded the metric acuracy; the test records: accuracy"
    )
    assert made.worktrees() == []
