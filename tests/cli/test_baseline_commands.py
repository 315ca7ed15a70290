"""`mlregress show`, `diff` and `prune`, in a real repository."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline, Provenance
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.history import first_artifact, revise
from pytest_mlregress.baselines.json_text import seal
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path
from pytest_mlregress.cli import main

TEST = "test_digits.py::test_fit"
FILE = "tests/__baselines__/test_digits/test_fit.default.json"


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def sample(mean: float, margin: float = 0.02) -> dict[str, MetricBaseline]:
    values = {seed: mean + (seed % 5 - 2) / 1000 for seed in range(20)}
    return {"accuracy": MetricBaseline(higher_is_better=True, values=values, margin=margin)}


def provenance(commit: str, day: int, torch: str) -> Provenance:
    return Provenance(
        plugin="0.1.0",
        time=f"2026-03-{day:02d}T10:00:00Z",
        commit=commit * 40,
        branch="main",
        seeds=tuple(range(20)),
        environment={"packages": {"torch": torch}},
    )


def old() -> Artifact:
    artifact = first_artifact(TEST, "default", sample(0.9), provenance("a", 2, "2.12.0"))
    return seal(replace(artifact, params={"lr": 0.1}, data={"train": "1234"}))


def new() -> Artifact:
    updated = revise(
        *(old(), sample(0.897), provenance("b", 12, "2.13.0")),
        effects={"accuracy": -0.003},
        reason="accuracy: minor",
        rebased=False,
        kind="update",
        data={"train": "1234"},
    )
    return seal(replace(updated, params={"lr": 0.2}))


def write(folder: Path, artifact: Artifact) -> None:
    key = BaselineKey(Path("tests"), artifact_path(TEST, "default"))
    FolderStore(folder, beside_tests=True).write(key, artifact)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose first commit has the old baseline, and its working tree the new one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    git(tmp_path, "init", "-q", "-b", "main")
    write(tmp_path, old())
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    write(tmp_path, new())
    return tmp_path


def run(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output.splitlines()


CHANGE = [
    "tests/test_digits.py::test_fit (default)",
    "  from         HEAD: recorded 2 Mar 2026 at aaaaaaa",
    "  to           the working tree: recorded 12 Mar 2026 at bbbbbbb",
    "  accuracy     0.900 -> 0.897 (-0.0030 [-0.0036, -0.0022], 85 %): a loss,",
    "               smaller than the margin, p of harm 5e-06, margin 0.02",
    "               anchor 0.9; loss accepted since 0.003 of 0.0015",
    "  environment  torch 2.12.0 -> 2.13.0",
    "  params       lr: 0.1 -> 0.2",
    "  ledger       12 Mar 2026, update: accuracy: minor",
    "  code         git diff --stat aaaaaaa bbbbbbb",
]


def test_diff_reads_as_a_reviewer_asks(repository: Path) -> None:
    assert run("diff", "test_fit") == (0, CHANGE)


@pytest.mark.parametrize("ref", ["HEAD", "main", "git:main"])
def test_diff_takes_any_git_ref(repository: Path, ref: str) -> None:
    code, lines = run("diff", "test_fit", ref)
    assert code == 0
    assert lines[0] == CHANGE[0]
    assert lines[3:] == CHANGE[3:]


def test_diff_between_two_refs_and_of_what_is_equal(repository: Path) -> None:
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "second")
    code, lines = run("diff", "test_fit", "HEAD~1", "HEAD")
    assert (code, lines[3:]) == (0, CHANGE[3:])
    code, lines = run("diff", "test_fit")
    assert code == 0
    assert len(lines) == 2
    assert lines[1].startswith("  equal        revision ")


def test_diff_says_that_a_setting_has_changed(repository: Path) -> None:
    artifact = new()
    metrics = {"accuracy": replace(artifact.metrics["accuracy"], margin=0.03, version=2)}
    write(repository, seal(replace(artifact, metrics=metrics)))
    _, lines = run("diff", "test_fit")
    assert lines[3:6] == [
        "  accuracy     0.900 -> 0.897, not comparable",
        "               margin 0.02 -> 0.03",
        "               version 1 -> 2",
    ]


def test_diff_exit_status_tells_what_differs_where_that_is_asked(repository: Path) -> None:
    assert run("diff", "test_fit", "--exit-code")[0] == 1
    git(repository, "checkout", "-q", ".")
    assert run("diff", "test_fit", "--exit-code")[0] == 0


def test_diff_of_two_files(repository: Path) -> None:
    git(repository, "show", f"HEAD:{FILE}")
    before = repository / "before.json"
    before.write_text(git(repository, "show", f"HEAD:{FILE}"))
    code, lines = run("diff", "before.json", FILE)
    assert code == 0
    assert lines[1] == "  from         before.json: recorded 2 Mar 2026 at aaaaaaa"
    assert lines[3:] == CHANGE[3:]


def test_diff_of_a_baseline_that_one_side_lacks(repository: Path) -> None:
    (repository / FILE).unlink()
    code, lines = run("diff", "test_fit")
    assert code == 0
    assert lines[1] == "  baseline     gone: not at the working tree"
    (repository / FILE).parent.mkdir(parents=True, exist_ok=True)
    write(repository, new())
    git(repository, "rm", "-q", "--cached", FILE)
    git(repository, "commit", "-qm", "none")
    code, lines = run("diff", "test_fit")
    assert code == 0
    assert lines[1] == "  baseline     new: not at HEAD"


def test_diff_exits_with_1_where_neither_side_has_it(repository: Path) -> None:
    assert run("diff", "nope") == (
        1,
        [
            "Error: neither HEAD nor the working tree has a baseline of a test that contains "
            "'nope'; see: mlregress list"
        ],
    )


def test_diff_of_an_unknown_ref_names_it(repository: Path) -> None:
    code, (line,) = run("diff", "test_fit", "nosuch")
    assert code == 1
    assert line.startswith(f"Error: git:nosuch: {repository} has no such commit")


def test_diff_as_json(repository: Path) -> None:
    _, lines = run("diff", "test_fit", "--json")
    (row,) = json.loads("\n".join(lines))
    assert row["change"] == "compared"
    assert row["verdict"] == "minor"
    assert row["difference"] == pytest.approx(-0.003)
    assert row["interval_level"] == pytest.approx(0.85)  # 1 - alpha - beta
    assert row["anchor"]["accepted_loss"] == pytest.approx(0.003)
    assert row["environment"] == ["torch 2.12.0 -> 2.13.0"]


def test_diff_of_single_values_has_an_infinite_interval(repository: Path) -> None:
    one = {"accuracy": MetricBaseline(higher_is_better=True, values={0: 0.9})}
    write(repository, first_artifact(TEST, "default", one, provenance("b", 12, "2.12.0")))
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "one seed")
    less = {"accuracy": MetricBaseline(higher_is_better=True, values={0: 0.8})}
    write(repository, first_artifact(TEST, "default", less, provenance("b", 12, "2.12.0")))
    _, lines = run("diff", "test_fit")
    assert lines[3].startswith("  accuracy     0.9 -> 0.8 (-0.1 [-inf, inf], 85 %): cannot tell")


def test_show_values_has_all_digits(repository: Path) -> None:
    _, lines = run("show", "test_fit", "--values")
    assert lines[-20].split() == ["0", repr(sample(0.897)["accuracy"].values[0])]
    assert lines[-21].split() == ["seed", "accuracy"]


def test_git_diff_shows_the_readable_form(repository: Path) -> None:
    """The recipe of docs/how-to/review-a-baseline.md, with git itself."""
    program = repository / "mlregress"
    program.write_text(
        f"#!{sys.executable}\nfrom pytest_mlregress.cli import main\nmain()\n", encoding="utf-8"
    )
    program.chmod(0o755)
    (repository / ".gitattributes").write_text("**/__baselines__/**/*.json diff=mlregress\n")
    git(repository, "config", "diff.mlregress.textconv", f"{program} show --textconv")
    shown = git(repository, "diff")
    assert "-  accuracy   mean 0.9, SD 0.001451, 20 seeds, higher is better, margin 0.02" in shown
    assert "+  accuracy   mean 0.897, SD 0.001451, 20 seeds, higher is better, margin 0.02" in shown
    assert "\n-  environment torch 2.12.0\n" in shown
    assert "\n+  environment torch 2.13.0\n" in shown
    assert '"schema"' not in shown
    assert git(repository, "log", "-p", "-1", "--textconv").count("+  accuracy   mean 0.9,") == 1


def test_textconv_leaves_what_is_no_baseline_as_it_is(repository: Path) -> None:
    other = repository / "other.json"
    other.write_text('{"a": 1}')
    result = CliRunner().invoke(main, ["show", "--textconv", str(other)])
    assert (result.exit_code, result.output) == (0, '{"a": 1}')


SUITE = """
def test_fit(mlregress):
    mlregress.record("accuracy", 0.9, higher_is_better=True)
"""


@pytest.fixture
def suite(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p pytest_mlregress.plugin -p xdist")
    (repository / "pytest.ini").write_text("[pytest]\n")
    (repository / "tests/test_digits.py").write_text(SUITE)
    return repository


def test_prune_keeps_what_has_its_test(suite: Path) -> None:
    assert run("prune") == (0, ["no unused baselines: the test of each is there"])
    assert (suite / FILE).exists()


def test_prune_shows_what_it_deletes_and_a_dry_run_deletes_nothing(suite: Path) -> None:
    (suite / "tests/test_digits.py").write_text(SUITE.replace("test_fit", "test_other"))
    shown = [
        f"unused: {suite / FILE}",
        "  tests/test_digits.py::test_fit (default): accuracy; tests/test_digits.py has no such "
        "test any more",
    ]
    assert run("prune", "--dry-run") == (0, shown)
    assert (suite / FILE).exists()
    assert run("prune") == (0, [*shown, "deleted 1 baseline"])
    assert not (suite / FILE).exists()


def test_prune_refuses_where_the_tests_cannot_be_collected(suite: Path) -> None:
    (suite / "tests/test_digits.py").write_text(SUITE.replace("test_fit", "test_other"))
    (suite / "tests/test_broken.py").write_text("import nothing_of_that_name")
    code, lines = run("prune")
    assert code == 2
    assert lines[0].startswith("Error: the tests of the working tree cannot be collected; see: ")
    assert (suite / FILE).exists()


def test_prune_keeps_a_test_that_was_not_collected_and_is_written(suite: Path) -> None:
    text = SUITE.replace("test_fit", "test_other") + "if False:\n    def test_fit(mlregress): pass"
    (suite / "tests/test_digits.py").write_text(text)
    assert run("prune") == (0, ["no unused baselines: the test of each is there"])


def test_prune_sees_tests_that_the_ini_file_deselects(suite: Path) -> None:
    ini = "[pytest]\naddopts = -m 'not slow'\nmarkers = slow\n"
    (suite / "pytest.ini").write_text(ini)
    slow = SUITE.replace("def", "import pytest\n@pytest.mark.slow\ndef", 1)
    (suite / "tests/test_digits.py").write_text(slow + SUITE.replace("test_fit", "test_other"))
    assert run("prune") == (0, ["no unused baselines: the test of each is there"])
