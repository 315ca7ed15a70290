"""The examples of docs/how-to/frameworks.md, run as a user would with the real libraries.

Skipped where a framework is not installed; ``make frameworks`` makes an environment with all.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "frameworks.md"

EPOCHS = [0, 1, 2]
STEPS = [*range(20)]
LOGGED: dict[str, dict[str, Any]] = {
    "test_lightning": {
        "section": "Lightning",
        "libraries": ("lightning",),
        "metrics": {"val_loss", "val_accuracy"},
        # 8 batches an epoch; `validate` comes after the last
        "curves": {"train_loss": [*range(24)], "val_loss": [24], "val_accuracy": [24]},
        "params": {"width": 8, "lr": 0.1},
    },
    "test_trainer": {
        "section": "Hugging Face Trainer",
        "libraries": ("transformers", "accelerate"),
        "metrics": {"eval_loss"},
        "curves": {
            "loss": [*range(2, 17, 2)],
            "grad_norm": [*range(2, 17, 2)],
            "learning_rate": [*range(2, 17, 2)],
            "eval_loss": [8, 16],
            "train_loss": [16],
        },
        "params": {"learning_rate": 0.001, "num_train_epochs": 2, "model/hidden_size": 16},
    },
    "test_keras": {
        "section": "Keras",
        "libraries": ("keras",),
        "metrics": {"loss", "accuracy"},
        "curves": {
            "loss": EPOCHS, "accuracy": EPOCHS, "val_loss": EPOCHS, "val_accuracy": EPOCHS,
        },
        "params": {"epochs": 3, "steps": 3, "optimizer/name": "adam"},
    },
    "test_tensorflow": {
        "section": "TensorFlow",
        "libraries": ("tensorflow",),
        "metrics": {"loss"},
        "curves": {"loss": STEPS},
        "params": {},
    },
    "test_jax": {
        "section": "JAX",
        "libraries": ("jax",),
        "metrics": {"loss", "error"},
        "curves": {"loss": STEPS},
        "params": {},
    },
    "test_xgboost": {
        "section": "XGBoost and LightGBM",
        "libraries": ("xgboost", "lightgbm", "sklearn"),
        "metrics": {"logloss"},
        "curves": {"logloss": STEPS},
        "params": {"subsample": 0.8},
    },
    "test_lightgbm": {
        "section": "XGBoost and LightGBM",
        "libraries": ("xgboost", "lightgbm", "sklearn"),
        "metrics": {"logloss"},
        "curves": {},
        "params": {},
    },
    "test_sklearn": {
        "section": "scikit-learn",
        "libraries": ("sklearn",),
        "metrics": {"accuracy", "log loss"},
        "curves": {},
        "params": {"n_estimators": 20},
    },
}  # fmt: skip
"""By test of the page: what its baseline must hold."""


def sections() -> dict[str, str]:
    """The Python of each section that has any."""
    texts = re.split(r"^## (.*)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for heading, text in zip(texts[::2], texts[1::2], strict=True):
        blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        if blocks:
            found[heading] = "\n".join(blocks)
    return found


def run_pytest(folder: Path, *arguments: str) -> dict[str, str]:
    """Verdicts by test; what was printed is shown where a test here fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    report = folder / ".report.json"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"--mlregress-report={report}", *arguments],
        cwd=folder,
        env={**clean, "NO_COLOR": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    tests = json.loads(report.read_text(encoding="utf-8"))["tests"]
    print(done.stdout)
    return {test["id"].partition("::")[2]: test["verdict"] for test in tests}


def commit(folder: Path) -> None:
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *identity, *words], cwd=folder, check=True)


def installed(test: str) -> bool:
    """Not by a mere folder of that name on the path, which is a namespace package."""
    found = map(find_spec, LOGGED[test]["libraries"])
    return all(spec is not None and spec.origin is not None for spec in found)


def test_every_example_of_the_page_has_its_baseline() -> None:
    assert [
        (test, heading)
        for heading, source in sections().items()
        for test in re.findall(r"^def (test_\w+)", source, re.MULTILINE)
    ] == [(test, expected["section"]) for test, expected in LOGGED.items()]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """All examples in one suite, recorded by two workers and checked by none: its verdicts."""
    folder = tmp_path_factory.mktemp("examples")
    tests = [test for test in LOGGED if installed(test)]
    for test in tests:
        section = LOGGED[test]["section"]
        file = f"test_{re.sub('[^a-z]+', '_', section.lower())}.py"
        (folder / file).write_text(sections()[section], encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n.report.json\n")
    commit(folder)
    recorded = run_pytest(folder, "-n2", "--mlregress-update", "--mlregress-baseline-seeds=12")
    commit(folder)
    # Three seeds can show a loss at this level, and so few are `identical` only when all have run.
    again = run_pytest(folder, "-n0", "--mlregress-alpha=0.4", "--mlregress-stop=never")
    return folder, {test: [recorded.get(test, ""), again.get(test, "")] for test in tests}


@pytest.mark.parametrize("test", LOGGED)
def test_an_example_records_and_repeats_bit_for_bit(
    test: str, request: pytest.FixtureRequest
) -> None:
    if not installed(test):
        pytest.skip(f"{', '.join(LOGGED[test]['libraries'])}: not all installed, make frameworks")
    folder, verdicts = request.getfixturevalue("checked")
    assert verdicts[test] == ["recorded", "identical"]
    [file] = folder.glob(f"__baselines__/*/{test}.default.json")
    text, expected = file.read_text(encoding="utf-8"), LOGGED[test]
    artifact = json.loads(text)
    assert str(folder) not in text
    assert set(artifact["metrics"]) == expected["metrics"]
    for name, metric in artifact["metrics"].items():
        values = list(metric["values"].values())
        assert "accuracy" in name or len(set(values)) == len(values) == 12, (name, values)
    curves = artifact["curves"]
    assert set(curves) == set(expected["curves"])
    for name, steps in expected["curves"].items():
        for seed in map(str, range(12)):
            assert [step for step, _ in curves[name][seed]] == steps, name
    assert artifact["params"].items() >= expected["params"].items()


@pytest.mark.parametrize("strategy", ["ddp_spawn", "ddp_fork"])
def test_a_training_in_other_processes_keeps_its_curves(tmp_path: Path, strategy: str) -> None:
    if not installed("test_lightning"):
        pytest.skip("lightning: not installed, make frameworks")
    other = f'accelerator="cpu", devices=2, strategy="{strategy}"'
    source = sections()["Lightning"].replace('accelerator="cpu"', other)
    assert other in source
    # what a training in other processes leaves in `callback_metrics` is merged, not replaced
    source = source.replace(
        "        higher_is_better={", '        skip=["train_*"],\n        higher_is_better={'
    )
    (tmp_path / "test_lightning.py").write_text(source, encoding="utf-8")
    run_pytest(tmp_path, "-k", "seed0", "--mlregress-missing=warn")
    report = json.loads((tmp_path / ".report.json").read_text(encoding="utf-8"))
    [seed] = [seed for seed in report["tests"][0]["seeds"] if seed["metrics"]]
    assert {metric["name"] for metric in seed["metrics"]} == {"val_loss", "val_accuracy"}
    # 4 batches an epoch on each of two devices; a new process starts to count at 0
    expected = {"train_loss": [*range(12)], "val_loss": [0], "val_accuracy": [0]}
    assert {n: [step for step, _ in c] for n, c in seed["curves"].items()} == expected
    assert seed["params"] == {"width": 8, "lr": 0.1}
