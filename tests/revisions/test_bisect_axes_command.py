"""``mlregress bisect --axes`` as a user runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from bisect_projects import bisect, lines_with, start
from git_projects import Project

sys.path.insert(0, str(Path(__file__).parents[1]))

from python_environments import install, make_environment

TRAIN = """
from pathlib import Path
from random import Random


def train(seed):
    rate = float(Path(__file__).with_name("conf.yaml").read_text().split()[1])
    own = Random(f"{{seed}} {{rate}} {salt}")
    return 0.8 - 0.05 * rate + 0.01 * Random(seed).gauss(0, 1) + 0.003 * own.gauss(0, 1)
"""

LUCK = """
from random import Random

from luck import SHIFT


def train(seed):
    own = Random(f"{{seed}} {{SHIFT}} {salt}")
    return 0.8 + SHIFT + 0.01 * Random(seed).gauss(0, 1) + 0.003 * own.gauss(0, 1)
"""


def moving(top: Path) -> Project:
    made = start(top, {"src/model.py": TRAIN.format(salt=0), "src/conf.yaml": "rate: 0\n"})
    made.commit({"src/model.py": TRAIN.format(salt=1)}, "Change the code")
    made.commit({"src/conf.yaml": "rate: 0.01\n"}, "Raise the rate a little")
    made.commit({"src/conf.yaml": "rate: 1\n"}, "Raise the rate")
    made.commit({"src/model.py": TRAIN.format(salt=2)}, "Change the code again")
    return made


@pytest.mark.slow
@pytest.mark.usefixtures("lean_pytest")
def test_configuration_that_lost_is_told_from_code(tmp_path: Path) -> None:
    made = moving(tmp_path / "repo")
    culprit = made.git("rev-parse", "main~1")
    before = made.state()
    done = bisect(made, "good", "main", "--test", "test_accuracy", "--axes=commits,config", "-n2")
    assert done.returncode == 1, done.stderr
    assert lines_with(done.stdout, [f"{culprit[:7]} loses accuracy: -0.0"])
    assert "moved: config (src/conf.yaml)" in done.stdout.splitlines()
    assert "config lost; the search is among the commits that touched config" in " ".join(
        done.stdout.split()
    )
    assert made.state() == before
    assert made.worktrees() == []


@pytest.mark.slow
def test_an_environment_that_lost_ends_the_search_at_its_lock_file(tmp_path: Path) -> None:
    pythons = {}
    for end, shift in (("good", 0.0), ("bad", -0.05)):
        folder = tmp_path / end
        pythons[end] = make_environment(folder)
        install(folder, "luck", "1" if end == "good" else "2", f"SHIFT = {shift}\n")
    made = start(
        tmp_path / "repo",
        {"src/model.py": LUCK.format(salt=0), "requirements.txt": "luck==1\n"},
    )
    made.commit({"src/model.py": LUCK.format(salt=1)}, "Change the code")
    made.commit({"requirements.txt": "luck==2\n"}, "Update luck")
    culprit = made.git("rev-parse", "main")
    done = bisect(
        made,
        *("good", "main", "--test", "tests/test_model.py::test_accuracy", "--axes=commits,env"),
        *(f"--env-good={pythons['good']}", f"--env-bad={pythons['bad']}", "--json"),
    )
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["finding"] == "environment"
    assert document["named"] == [culprit]
    assert document["axes"]["losing"] == ["env"]
    assert -0.07 < document["effect"] < -0.03
