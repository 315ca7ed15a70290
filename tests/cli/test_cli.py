"""The command `mlregress`, as a user types it."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlregress.baselines.artifact import MetricBaseline, Provenance
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.history import first_artifact, revise
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path
from pytest_mlregress.cli import main

VALUES = {seed: 0.9 + (seed % 5) / 1000 for seed in range(20)}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    test = "test_digits.py::test_fit"
    artifact = first_artifact(
        test,
        "default",
        {"accuracy": MetricBaseline(higher_is_better=True, values=VALUES, margin=0.01)},
        Provenance(
            plugin="0.1.0",
            time="2026-01-02T03:04:05Z",
            commit="0123456789abcdef",
            seeds=tuple(VALUES),
        ),
    )
    key = BaselineKey(Path("tests"), artifact_path(test, "default"))
    FolderStore(tmp_path, beside_tests=True).write(key, artifact)
    return tmp_path


def run(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output.splitlines()


def test_list_names_each_baseline_with_its_file(suite: Path) -> None:
    code, lines = run("list", "--rootdir", str(suite))
    assert code == 0
    assert lines == [
        "tests/test_digits.py::test_fit (default): accuracy; 20 seeds, commit 0123456789, "
        "2026-01-02T03:04:05Z",
        f"  {suite}/tests/__baselines__/test_digits/test_fit.default.json",
    ]


def test_list_as_json(suite: Path) -> None:
    code, lines = run("list", "--rootdir", str(suite), "--json")
    assert code == 0
    (entry,) = json.loads("\n".join(lines))
    assert entry["test"] == "tests/test_digits.py::test_fit"
    assert entry["metrics"] == ["accuracy"]
    assert entry["seeds"] == 20


def test_show_tells_the_sample_and_its_settings(suite: Path) -> None:
    code, lines = run("show", "tests/test_digits.py::test_fit", "--rootdir", str(suite))
    assert code == 0
    assert lines[0] == "tests/test_digits.py::test_fit (default)"
    assert (
        "  accuracy   mean 0.902, SD 0.001451, 20 seeds, higher is better, margin 0.01, version 1"
    ) in lines


def test_show_tells_an_accepted_loss_from_the_anchor_that_it_moved(suite: Path) -> None:
    store = FolderStore(suite, beside_tests=True)
    (key,) = store.list()
    artifact = store.read(key)
    assert artifact is not None
    time = "2026-02-03T04:05:06Z"
    later = replace(artifact.provenance, time=time)
    reason = "smaller model"
    moved = revise(
        *(artifact, artifact.metrics, later),
        effects={},
        reason=reason,
        rebased=True,
        kind="rebase",
    )
    store.write(key, moved)
    assert run("list", "--rootdir", str(suite))[1][0].endswith(f"{time}, rebase")
    _, lines = run("show", "test_fit", "--rootdir", str(suite))
    assert lines[-1] == f"  accepted   {time}, rebase (anchor of accuracy): smaller model"


def test_show_of_an_unknown_test_says_where_to_look(suite: Path) -> None:
    code, lines = run("show", "nope", "--rootdir", str(suite))
    assert code == 1
    assert lines == ["Error: no baseline of a test that contains 'nope'; see: mlregress list"]


def test_a_corrupt_baseline_is_one_clear_line(suite: Path) -> None:
    file = suite / "tests/__baselines__/test_digits/test_fit.default.json"
    file.write_text(file.read_text()[:100])
    code, lines = run("list", "--rootdir", str(suite))
    assert code == 1
    assert len(lines) == 1
    assert str(file) in lines[0]


HEADINGS = "  metric    seeds  margin  power  detects  typical  worst"


def test_plan_from_the_baselines(suite: Path) -> None:
    code, lines = run("plan", "--rootdir", str(suite), "--seeds", "5")
    assert code == 0
    assert lines[:4] == [
        HEADINGS,
        "tests/test_digits.py::test_fit",
        "  accuracy      5    0.01   1.00  0.00325        -      -",
        "",
    ]
    assert not any("looks after" in line for line in lines)
    _, lines = run("plan", "--rootdir", str(suite), "--seeds", "5", "--verbose")
    assert lines[4] == "tests/test_digits.py::test_fit, accuracy:"
    assert lines[5].startswith("  margin 0.01, found with power 1.00")


def test_plan_knows_the_seeds_of_the_marker_and_what_they_cost(suite: Path) -> None:
    file = suite / "tests/__baselines__/test_digits/test_fit.default.json"
    spent = {str(seed): {"duration": 90.0, "peak_memory": 10**9} for seed in range(20)}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"spent": spent}))
    (suite / "tests/test_digits.py").write_text(
        "import pytest\n@pytest.mark.seeds(7)\ndef test_fit(mlregress): pass\n"
    )
    code, lines = run("plan", "--rootdir", str(suite), "-n", "4")
    assert code == 0
    assert lines[1:3] == [
        "tests/test_digits.py::test_fit",
        "  accuracy      7    0.01   1.00  0.00327  4 min 35 s  10 min 30 s",
    ]
    assert "costs about 2 min on 4 workers when nothing changed, 3 min with all seeds" in lines
    assert not any("not with" in line for line in lines)


def test_plan_goes_by_the_ini_file(suite: Path) -> None:
    (suite / "pytest.ini").write_text("[pytest]\nmlregress_alpha = 0.2\nmlregress_seeds = 9\n")
    (suite / "tests/test_digits.py").write_text("def test_fit(mlregress): pass\n")
    _, lines = run("plan", "--rootdir", str(suite))
    assert lines[2].split()[:2] == ["accuracy", "9"]
    assert "which share alpha 0.2;" in " ".join(" ".join(lines).split())
    _, lines = run("plan", "--rootdir", str(suite), "--seeds", "5", "--verbose")
    assert any(line.startswith("  level 0.2,") for line in lines)
    (suite / "tests/test_digits.py").write_text("import no_such_module\n")
    _, lines = run("plan", "--rootdir", str(suite))
    text = " ".join(" ".join(lines).split())
    assert "planned with 9 seeds" in text
    assert "which share alpha 0.2;" in text
    _, lines = run("plan", "--rootdir", str(suite), "--test-size", "1000")
    assert lines[2].split()[2:4] == ["0.9", "9"]
    (suite / "pytest.ini").write_text("[pytest]\nmlregress_alpha = 2\n")
    code, lines = run("plan", "--rootdir", str(suite))
    assert code == 2
    assert lines[-1].startswith("Error: ini mlregress_alpha: '2' is not a probability")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("mlregress_alpah = 0.1", "ini mlregress_alpah: no such setting; did you mean "
         "mlregress_alpha?"),
        ("mlregress_missing = wrn", "ini mlregress_missing: 'wrn' is not one of fail, warn"),
    ],
)  # fmt: skip
def test_plan_refuses_what_pytest_refuses_of_the_ini_file(
    suite: Path, line: str, error: str
) -> None:
    (suite / "pytest.ini").write_text(f"[pytest]\n{line}\n")
    code, lines = run("plan", "--rootdir", str(suite))
    assert code == 2
    assert lines == [f"Error: {error}"]


def test_plan_goes_by_the_alpha_of_addopts(suite: Path) -> None:
    (suite / "pytest.ini").write_text("[pytest]\naddopts = --mlregress-alpha=0.1\n")
    (suite / "tests/test_digits.py").write_text("def test_fit(mlregress): pass\n")
    _, lines = run("plan", "--rootdir", str(suite))
    assert "which share alpha 0.1;" in " ".join(" ".join(lines).split())


def test_plan_says_where_it_does_not_know_the_seeds_of_the_marker(suite: Path) -> None:
    (suite / "tests/test_digits.py").write_text("def test_other(mlregress): pass\n")
    code, lines = run("plan", "--rootdir", str(suite))
    assert code == 0
    assert (
        "tests/test_digits.py::test_fit: planned with 5 seeds, not with its marker's (or give "
        "--seeds): pytest collects no such test"
    ) in " ".join(" ".join(lines).split())
    (suite / "tests/test_digits.py").write_text("import no_such_module\n")
    code, lines = run("plan", "--rootdir", str(suite))
    assert code == 0
    assert (
        "planned with 5 seeds, not with the marker's (or give --seeds): the tests of the working "
        "tree cannot be collected; see: pytest --collect-only"
    ) in " ".join(" ".join(lines).split())


def test_plan_before_any_run_knows_a_lower_bound_only() -> None:
    code, lines = run("plan", "--test-size", "1000", "--accuracy", "0.95", "--seeds", "5")
    assert code == 0
    text = " ".join(" ".join(lines).split())
    assert "1000 test examples accuracy near 0.95 5 0.0116 0.91 0.0116 - -" in text
    assert "seed SD 0.00689 (a lower bound: what the test set alone causes)" in text


def test_a_suite_without_baselines_says_how_to_record_them(tmp_path: Path) -> None:
    for command in ("list", "plan"):
        code, lines = run(command, "--rootdir", str(tmp_path))
        assert code == 1
        assert lines == [
            f"Error: no baselines in the __baselines__ folders below {tmp_path}; record them: "
            "pytest --mlregress-update"
        ]
    result = CliRunner().invoke(main, ["list", "--rootdir", str(tmp_path), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == []


def test_a_git_ref_without_baselines_is_an_error(suite: Path) -> None:
    git = ["git", "-C", str(suite), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    for command in ("list", "plan"):
        code, lines = run(command, "--rootdir", str(suite), "--baseline", "git:HEAD")
        assert code == 1
        assert lines == [
            "Error: no baselines in git:HEAD; leave --baseline out for those of the working tree"
        ]


def test_plan_takes_another_margin_for_the_baselines(suite: Path) -> None:
    code, lines = run("plan", "--rootdir", str(suite), "--seeds", "5", "--margin", "0.001")
    assert code == 0
    assert lines[2].split()[:3] == ["accuracy", "5", "0.001"]
    assert lines[4] == "tests/test_digits.py::test_fit, accuracy:"
    assert lines[5].startswith("  for power 0.90 at the margin 0.001: ")


@pytest.mark.parametrize("option", ["--accuracy", "--baseline-seeds"])
def test_plan_passes_over_no_option(suite: Path, option: str) -> None:
    value = "0.5" if option == "--accuracy" else "40"
    code, lines = run("plan", "--rootdir", str(suite), option, value)
    assert code == 2
    assert lines[-1] == (
        f"Error: {option} goes with --test-size; recorded baselines know their own"
    )


def test_diff_of_values_that_are_not_finite_is_strict_json(suite: Path) -> None:
    file = suite / "tests/__baselines__/test_digits/test_fit.default.json"
    text = file.read_text()
    other = suite / "other/tests/test_digits/test_fit.default.json"
    other.parent.mkdir(parents=True)
    other.write_text(re.sub(r'"0": 0\.9\d*', '"0": "nan"', text))
    code, lines = run("diff", "test_fit", str(suite / "other"), "--rootdir", str(suite), "--json")
    assert code == 0

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    (row,) = json.loads("\n".join(lines), parse_constant=refuse)
    assert row["before"] == "nan"
    assert row["now"] == pytest.approx(0.902)


@settings(max_examples=25, deadline=None)
@given(
    margin=st.floats(1e-300, 1e300),
    seeds=st.integers(1, 12),
    baseline_seeds=st.sampled_from([2, 3, 5, 20]),
    alpha=st.sampled_from([0.5, 0.05, 0.01, 1e-6]),
)
def test_any_margin_has_a_plan_or_a_refusal(
    margin: float, seeds: int, baseline_seeds: int, alpha: float
) -> None:
    asked = ["--test-size", "1000", "--margin", repr(margin), "--seeds", str(seeds)]
    more = ["--baseline-seeds", str(baseline_seeds), "--alpha", repr(alpha)]
    code, lines = run("plan", *asked, *more)
    text = " ".join(lines)
    if code == 0:
        assert "detects" in text
    else:
        assert code == 1
        assert re.match(r"Error: \d+ seeds against \d+ baseline seeds cannot show a loss", text)
    assert "nan" not in text


def test_plan_refuses_seeds_that_can_show_nothing() -> None:
    code, lines = run(
        "plan", "--test-size", "1000", "--seeds", "3", "--baseline-seeds", "3", "--alpha", "0.01"
    )
    assert code == 1
    assert re.fullmatch(
        r"Error: 3 seeds against 3 baseline seeds cannot show a loss at level 0\.\d+: "
        r"no p-value is below 0\.05; \d seeds per check or \d baseline seeds would do",
        lines[0],
    )
