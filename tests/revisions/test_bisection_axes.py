"""Which axis moved, states whose axes come from different commits, and the axis that lost."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from git_projects import Project, project

from pytest_mlregress.reporting.bisection.axes_text import axes_lines
from pytest_mlregress.revisions.bisection.axis_narrowing import Narrowed, narrow_to_axis
from pytest_mlregress.revisions.bisection.axis_rules import Axis, AxisRules
from pytest_mlregress.revisions.bisection.bisect_request import BisectRequest
from pytest_mlregress.revisions.bisection.candidate_weights import changes_by_candidate
from pytest_mlregress.revisions.bisection.commit_range import read_range
from pytest_mlregress.revisions.bisection.composed_commit import CommitComposer
from pytest_mlregress.revisions.bisection.data_template import DataTemplate
from pytest_mlregress.revisions.bisection.history import first_parent_history
from pytest_mlregress.revisions.bisection.moved_axes import MovedAxis, find_moved_axes
from pytest_mlregress.revisions.bisection.search import Knowledge, run_search
from pytest_mlregress.revisions.bisection.search_notes import axis_notes
from pytest_mlregress.revisions.bisection.search_settings import SearchSettings
from pytest_mlregress.revisions.bisection.searched_history import SearchedHistory
from pytest_mlregress.revisions.bisection.state_seed import StateSeed
from pytest_mlregress.revisions.bisection.tree_changes import TreeChanges, read_tree_changes
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.repository import find_repository
from pytest_mlregress.running.reads import Reads
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.statistics.bisection_problem import NamedCommit

TEMPLATE = DataTemplate("data/v{version}")


@pytest.mark.parametrize(
    ("path", "axis"),
    [
        ("src/model.py", "commits"),
        ("requirements.txt", "env"),
        ("ci/dev-requirements.in", "env"),
        ("requirements/base.txt", "env"),
        ("uv.lock", "env"),
        ("environment.yml", "env"),
        ("conf/train.yaml", "config"),
        ("pyproject.toml", "commits"),
        (".github/workflows/ci.yml", "commits"),
        ("data/train.csv.dvc", "data"),
        ("data/v2/train.csv", "data"),
        ("data/v2", "data"),
        ("data/raw.csv", "commits"),
        ("my.pins", "env"),
        ("conf/special.py", "config"),
    ],
)
def test_the_axis_of_a_file(path: str, axis: Axis) -> None:
    rules = AxisRules(locks=("my.pins",), configs=("conf/*",), data=TEMPLATE)
    assert rules.axis_of(path) == axis


def test_a_template_finds_and_replaces_versions() -> None:
    text = "read('data/v1.2/x.csv'), old_data/v3, data/v4."
    assert TEMPLATE.versions_in(text) == {"1.2", "4"}
    assert TEMPLATE.with_version(text, "9") == "read('data/v9/x.csv'), old_data/v3, data/v9."
    assert DataTemplate("d/{version}.csv").version_of_path("d/2024-01.csv") == "2024-01"


@pytest.mark.parametrize("text", ["data", "{version}", "a{version}b{version}"])
def test_a_template_needs_one_version(text: str) -> None:
    with pytest.raises(CommandError) as caught:
        DataTemplate(text)
    assert str(caught.value) == (
        f"--data {text!r}: expected a path with one {{version}}, such as data/v{{version}}"
    )


MODEL = "CODE = {code}\nDATA = 'data/v{data}/x.csv'\n"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Code, configuration and the version of the data move, one of them twice."""
    made = project(
        tmp_path_factory.mktemp("moved") / "repo",
        {"model.py": MODEL.format(code=0, data=1), "conf.yaml": "rate: 0\n"},
    )
    made.git("tag", "good")
    made.commit({"model.py": MODEL.format(code=1, data=1)}, "Code 1")
    made.commit({"conf.yaml": "rate: 1\n"}, "Rate 1")
    made.commit({"model.py": MODEL.format(code=1, data=2)}, "Data 2")
    made.commit({"README.md": "1\n"}, "Docs")
    made.commit({"conf.yaml": "rate: 2\n"}, "Rate 2")
    made.commit({"model.py": MODEL.format(code=2, data=2)}, "Code 2")
    return made


class Reader:
    """A repository's history, and all that a search along an axis needs of it."""

    def __init__(self, made: Project, rules: AxisRules | None = None) -> None:
        self.made = made
        self.shown: dict[tuple[str, str], str] = {}
        self.rules = rules or AxisRules(data=TEMPLATE)
        self.repository = find_repository(made.top)
        history = first_parent_history(read_range(self.repository, "good", "main"))
        trees = self.trees([*history.states])
        self.whole = SearchedHistory(history, trees, changes_by_candidate(history, trees))
        self.composer = CommitComposer(self.repository, trees, self.rules)

    def trees(self, commits: Sequence[str]) -> TreeChanges:
        return read_tree_changes(self.repository, commits[0], commits, is_test=lambda path: False)

    def axes(self) -> tuple[MovedAxis, ...]:
        states = self.whole.history.states
        return find_moved_axes(self.repository, self.whole.trees, states[0], states[-1], self.rules)

    def show(self, commit: str, path: str) -> str:
        if (commit, path) not in self.shown:
            self.shown[commit, path] = self.made.git("show", f"{commit}:{path}")
        return self.shown[commit, path]


def test_the_axes_that_moved_are_found(moved: Project) -> None:
    assert Reader(moved).axes() == (
        MovedAxis("commits", ("README.md", "model.py")),
        MovedAxis("data", (), ("1", "2")),
        MovedAxis("config", ("conf.yaml",)),
    )
    assert [own.axis for own in Reader(moved, AxisRules()).axes()] == ["commits", "config"]


def test_several_versions_at_one_end_are_refused(tmp_path: Path) -> None:
    made = project(tmp_path / "repo", {"model.py": "'data/v1'\n", "other.py": "'data/v1'\n"})
    made.git("tag", "good")
    made.commit({"model.py": "'data/v2'\n", "other.py": "'data/v3'\n"})
    with pytest.raises(CommandError) as caught:
        Reader(made).axes()
    bad = made.git("rev-parse", "main")[:7]
    assert str(caught.value) == (
        f"--data data/v{{version}}: {bad} names the versions 2 (model.py) and 3 (other.py); narrow "
        "the template to the data whose version moved"
    )


def test_a_state_can_have_each_axis_of_another_commit(moved: Project) -> None:
    own = Reader(moved)
    good, bad = own.whole.history.states[0], own.whole.history.states[-1]
    before = moved.state()
    mixed = own.composer.compose({"commits": bad, "env": bad, "data": good, "config": good})
    assert own.show(mixed, "conf.yaml") == "rate: 0"
    assert own.show(mixed, "model.py") == MODEL.format(code=2, data=1).strip()
    other = own.composer.compose({"commits": good, "env": good, "data": bad, "config": bad})
    assert own.show(other, "model.py") == MODEL.format(code=0, data=2).strip()
    assert own.composer.compose(dict.fromkeys(("commits", "env", "data", "config"), bad)) == bad
    again = own.composer.compose({"commits": bad, "env": bad, "data": good, "config": good})
    assert again == mixed
    assert moved.state() == before


_READS = Reads(files={"model.py": "1", "conf.yaml": "1"})


class FileTrainer:
    """Trains by what the files of a commit say; a loss for each that the losses name."""

    def __init__(self, own: Reader, losses: dict[str, float], noise: float = 1.0) -> None:
        self.own = own
        self.noise = noise
        self.losses = losses
        self.asked: list[tuple[str, int]] = []

    def train(self, requests: Sequence[tuple[str, int]]) -> list[StateSeed]:
        self.asked += requests
        return [self.seed(state, seed) for state, seed in requests]

    def seed(self, state: str, seed: int) -> StateSeed:
        files = self.own.show(state, "model.py") + self.own.show(state, "conf.yaml")
        lost = sum(
            loss
            for words, loss in self.losses.items()
            if all(re.search(word, files) for word in words.split("&"))
        )
        if lost == math.inf:
            return StateSeed(state, seed, SeedResult(seed, "failed", message="boom"), _READS)
        own = Random(f"{seed} {files}").gauss(0, 1)
        noise = self.noise * (0.8 * Random(seed).gauss(0, 1) + 0.6 * own)
        metric = RecordedMetric("accuracy", 10 + noise - lost, True)
        return StateSeed(state, seed, SeedResult(seed, "finished", (metric,)), _READS)


def search(
    own: Reader, trainer: FileTrainer, *, deterministic: bool = False
) -> tuple[Narrowed, Knowledge]:
    settings = SearchSettings(
        metric=None,
        confidence=0.95,
        budget=160,
        batch=1,
        seeds=(0,) if deterministic else tuple(range(80)),
        deterministic=deterministic,
    )
    narrowed = narrow_to_axis(
        own.whole,
        own.axes(),
        ["commits", "data", "config"],
        lambda end: trainer,
        settings,
        own.composer,
        own.rules,
        own.trees,
    )
    searched = narrowed.searched
    known = run_search(
        searched.history, searched.trees, searched.changes, narrowed.trainer, narrowed.settings
    )
    return narrowed, known


def named(known: Knowledge) -> list[str]:
    assert known.step is not None
    assert isinstance(known.step.answer, NamedCommit)
    return [
        known.history.candidates[known.kept[place]].subject
        for place in known.step.answer.candidates
    ]


@pytest.mark.parametrize(
    ("losses", "axis", "touched", "culprit"),
    [
        ({"rate: 2": 4.0}, "config", ["Rate 1", "Rate 2"], "Rate 2"),
        ({"CODE = [12]": 4.0}, "commits", ["Code 1", "Docs", "Code 2"], "Code 1"),
        ({"data/v2": 4.0}, "data", ["Data 2"], "Data 2"),
    ],
)
def test_the_axis_is_found_and_the_commit_in_it(
    moved: Project, losses: dict[str, float], axis: Axis, touched: list[str], culprit: str
) -> None:
    own = Reader(moved)
    narrowed, known = search(own, FileTrainer(own, losses))
    assert narrowed.axes.searched == axis
    assert narrowed.axes.losing == (axis,)
    assert narrowed.axes.held == "good"
    assert [commit.subject for commit in known.history.candidates] == touched
    assert named(known) == [culprit]
    text = " ".join(" ".join(axes_lines(narrowed.axes, 80)).split())
    assert text.endswith(
        f"{axis} lost; the search is among the commits that touched {axis}, with the rest as at "
        "the good end"
    )


def test_a_loss_of_two_axes_together_is_searched_at_the_bad_end(moved: Project) -> None:
    own = Reader(moved)
    narrowed, known = search(own, FileTrainer(own, {"rate: [12]&CODE = 2": 5.0}))
    assert set(narrowed.axes.losing) == {"commits", "config"}
    assert narrowed.axes.held == "bad"
    assert named(known) == [{"commits": "Code 2", "config": "Rate 1"}[narrowed.axes.searched or ""]]


def test_without_a_loss_all_changes_are_searched(moved: Project) -> None:
    own = Reader(moved)
    narrowed, known = search(own, FileTrainer(own, {}))
    assert narrowed.axes.searched is None
    assert narrowed.searched is own.whole
    assert known.answered


def test_the_axes_of_a_deterministic_test_are_told_apart_by_one_training_each(
    moved: Project,
) -> None:
    own = Reader(moved)
    trainer = FileTrainer(own, {"rate: 2": 0.5}, noise=0.0)
    narrowed, known = search(own, trainer, deterministic=True)
    assert narrowed.axes.losing == ("config",)
    assert {own.seeds for own in narrowed.axes.combinations} == {1}
    assert named(known) == ["Rate 2"]
    assert {seed for _, seed in trainer.asked} == {0}


def test_a_combination_that_fails_is_no_loss_of_an_axis(moved: Project) -> None:
    own = Reader(moved)
    config_alone = {r"rate: 2&CODE = 0": math.inf}
    with pytest.raises(CommandError) as caught:
        search(own, FileTrainer(own, config_alone))
    assert re.match(
        r"the combination config cannot be measured \(all \d+ seeds fail \(boom\)\), so that its "
        "axes cannot be told apart; search without --axes$",
        str(caught.value),
    )


def test_an_axis_that_was_asked_for_and_did_not_move_is_said() -> None:
    def notes(*moved: MovedAxis, data: DataTemplate | None = None) -> list[str]:
        request = BisectRequest(
            good="a",
            bad="b",
            test="t",
            metric=None,
            confidence=0.95,
            budget=20,
            all_parents=False,
            fresh=False,
            workers=1,
            rootdir=Path(),
            pytest_args=(),
            axes=("commits", "data", "config"),
            rules=AxisRules(data=data),
        )
        return list(axis_notes(moved, request))

    code, config = MovedAxis("commits", ("a.py",)), MovedAxis("config", ("c.yaml",))
    data = MovedAxis("data", ("data/v1/x.csv",))
    assert notes(code, data, config) == []
    assert notes(code, data) == [
        "--axes config: no file of this axis differs between both ends; name other configuration "
        "files with --config"
    ]
    assert notes(code, config, data=DataTemplate("sets/{version}/x")) == [
        "--axes data: no file that differs between both ends lies below sets/{version}/x or names "
        "two versions by it; the template may not be the one that this repository uses"
    ]
