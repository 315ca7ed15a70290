"""What a newcomer runs first: the examples, their baselines, and the code of the tutorial."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
EXAMPLES = REPOSITORY / "examples"
TUTORIAL = REPOSITORY / "docs" / "tutorial.md"


def run(folder: Path, arguments: Sequence[str], **environment: str) -> tuple[int, str]:
    """Exit status and output of a Python, run in a folder as a user would, at 80 columns."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**clean, "COLUMNS": "80", "NO_COLOR": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def verdicts(report: Path) -> dict[str, str]:
    """The verdict of each test in a JSON report, by the test's name."""
    tests = json.loads(report.read_text(encoding="utf-8"))["tests"]
    return {test["id"].partition("::")[2]: test["verdict"] for test in tests}


@pytest.mark.parametrize(
    "baseline",
    [
        "digits_cnn/__baselines__/test_digits/test_digits.default.json",
        "sklearn_model/__baselines__/test_breast_cancer/test_breast_cancer[1].default.json",
        "sklearn_model/__baselines__/test_breast_cancer/test_breast_cancer[3].default.json",
        "char_lm/__baselines__/test_char_lm/test_char_lm.fast.json",
        "char_lm/__baselines__/test_char_lm/test_char_lm.full.json",
    ],
)
def test_the_examples_come_with_baselines_from_a_clean_tree(baseline: str) -> None:
    artifact = json.loads((EXAMPLES / baseline).read_text(encoding="utf-8"))
    assert artifact["provenance"]["dirty"] is False
    assert {len(metric["values"]) for metric in artifact["metrics"].values()} == {20}


@pytest.mark.slow
def test_a_planted_bug_is_red_where_a_plain_assert_stays_green(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["-m", "pytest", "examples/digits_cnn", "-n", "2", f"--mlregress-report={report}"]
    status, printed = run(REPOSITORY, arguments, DIGITS_BUG="flip")
    assert status == 1, printed
    assert verdicts(report) == {"test_digits": "regression"}
    assert "FAILED examples/digits_cnn/test_digits.py::test_digits " in printed
    assert "test_digits_plain" not in printed, "the plain test is not among the failures"


PYTEST_WITHOUT_TORCH = """
import sys, pytest

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("torch is kept away from this test", name=name)

sys.meta_path.insert(0, NoTorch())
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_training_without_torch_needs_no_torch(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["examples/sklearn_model", "-m", "mlregress", f"--mlregress-report={report}"]
    status, printed = run(REPOSITORY, ["-c", PYTEST_WITHOUT_TORCH, *arguments])
    assert status == 0, printed
    assert set(verdicts(report)) == {"test_breast_cancer[1]", "test_breast_cancer[3]"}


def tutorial_code() -> str:
    code = re.search(r"```python\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    return code.group(1)


def test_the_readme_and_the_tutorial_show_the_same_test() -> None:
    assert tutorial_code() in (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_tutorial_goes_from_a_baseline_to_a_red_verdict(tmp_path: Path) -> None:
    file, report = tmp_path / "test_digits.py", tmp_path / "report.json"
    pytest_run = ["-m", "pytest", "-m", "mlregress", "-n", "2", f"--mlregress-report={report}"]
    file.write_text(tutorial_code(), encoding="utf-8")

    update = ["--mlregress-update", "--mlregress-baseline-seeds=20"]
    status, printed = run(tmp_path, [*pytest_run, *update])
    assert (status, verdicts(report)) == (0, {"test_digits": "recorded"}), printed

    status, printed = run(tmp_path, pytest_run)
    assert (status, verdicts(report)) == (0, {"test_digits": "identical"}), printed

    assert "sed -i 's|/ 16|/ 255|' test_digits.py" in TUTORIAL.read_text(encoding="utf-8")
    file.write_text(tutorial_code().replace("/ 16", "/ 255"), encoding="utf-8")
    status, printed = run(tmp_path, pytest_run)
    assert (status, verdicts(report)) == (1, {"test_digits": "regression"}), printed
