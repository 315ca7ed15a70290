"""Whole repositories: in order, and with one mistake each."""

from __future__ import annotations

from pathlib import Path

import pytest
from doctor_projects import PROJECTS, bad, commit, diagnose, of, write


@pytest.mark.parametrize("name", PROJECTS)
def test_a_repository_in_order_gets_no_false_alarm(name: str, tmp_path: Path) -> None:
    commit(write(tmp_path, PROJECTS[name]))
    found = bad(diagnose(tmp_path))
    assert [check for check, _ in found] == ["baseline-present"], found


MISTAKES = [
    # README
    (
        "vision", "README.md", "## Training\n\n```train\npython train.py --data data/digits.npz "
        "--epochs 10\n```\n", "",
        ("readme-train", "warning", "README.md", "does not say how to train"),
    ),
    (
        "vision", "README.md", "| TinyNet | 98.1 % |", "| TinyNet | soon |",
        ("readme-results", "warning", "README.md:25", "the section 'Results' has neither a table"),
    ),
    (
        "language", "README.md", "Weights: https://huggingface.co/acme/summarizer-small", "",
        ("readme-models", "warning", "README.md", "does not say where pre-trained models are"),
    ),
    # dependencies
    (
        "vision", "requirements.txt", "numpy==1.26.4 ", "numpy>=1.26 ",
        ("dependencies-pinned", "problem", "requirements.txt:3",
         "not pinned, and they move the numbers of the tests: numpy>=1.26"),
    ),
    (
        "tabular", "environment.yml", "pandas==2.2.3", "pandas=2.*",
        ("dependencies-pinned", "problem", "environment.yml:8", "pandas=2.*"),
    ),
    (
        "tabular", "environment.yml", "  - pandas==2.2.3\n", "",
        ("dependencies-declared", "warning", "churn.py:5", "imports pandas (pandas)"),
    ),
    (
        "language", "pyproject.toml", '"torch>=2.2"', '"torch>=2.6"',
        ("lock-current", "problem", "pyproject.toml:4",
         "pyproject.toml asks for torch>=2.6, and uv.lock has 2.5.1"),
    ),
    (
        "language", "pyproject.toml", '"torch>=2.2"', '"torch>=2.2", "einops"',
        ("lock-current", "problem", "pyproject.toml:4",
         "pyproject.toml declares einops, which uv.lock lacks"),
    ),
    # seeds
    (
        "vision", "tinynet/training.py", "    torch.manual_seed(seed)\n    device",
        "    torch.manual_seed(0)\n    device",
        ("seed-fixed", "problem", "tinynet/training.py:14",
         "torch.manual_seed(0) in train() makes every seed of the test draw the same numbers"),
    ),
    (
        "vision", "tests/test_tinynet.py", "train(mlregress.seed, **settings)",
        "train(lr=0.1, epochs=2)",
        None,  # `seed` has no default here: Python itself refuses the call
    ),
    (
        "vision", "tinynet/data.py", "    whole = Digits()",
        "    np.random.seed(7)\n    whole = Digits()",
        ("seed-fixed", "warning", "tinynet/data.py:21",
         "np.random.seed(7) in loaders() resets the generator"),
    ),
    (
        "language", "src/summarizer/tuning.py", "seed=seed, **overrides", "learning_rate=1e-4",
        ("seed-fixed", "problem", "src/summarizer/tuning.py:17",
         "TrainingArguments with no seed: it is 42 by default"),
    ),
    (
        "language", "tests/test_tuning.py", "tune(mlregress.seed, **mlregress.params)", "tune()",
        ("seed-fixed", "problem", "tests/test_tuning.py:12",
         "tune() is called without seed, whose default is 0, which seeds the generators"),
    ),
    (
        "tabular", "churn.py", "random_state=seed)", "random_state=0)",
        ("seed-fixed", "problem", "churn.py:26",
         "RandomForestClassifier(random_state=0), and no other model takes the test's seed"),
    ),
    (
        "tabular", "churn.py", "np.random.default_rng(seed)", "np.random.default_rng()",
        ("unseeded-generator", "problem", "churn.py:27",
         "numpy.random.default_rng() in cross_validate() draws from the system's entropy"),
    ),
    (
        "tabular", "churn.py", "sorted(set(frame.columns.str.lower()))",
        "list(set(frame.columns.str.lower()))",
        None,  # no test reaches `columns`
    ),
    (
        "tabular", "churn.py", "    return train_test_split(frame,",
        "    names = list(set(frame.columns.str.lower()))\n"
        "    return train_test_split(frame[names],",
        ("hash-seed", "warning", "churn.py:17", "takes the order of a set"),
    ),
    (
        "vision", "tinynet/data.py", "np.random.normal(size=64)", "self.rng.normal(size=64)",
        ("dataloader-workers", "warning", "tinynet/data.py:24",
         "every worker has a copy of the generator that Digits keeps (tinynet/data.py:16)"),
    ),
    # data
    (
        "vision", "tests/test_tinynet.py", "    mlregress.log_params(settings)\n", "",
        None,  # the values stand in a mapping, which no call shows
    ),
    (
        "tabular", "test_churn.py", '    mlregress.log_params({"trees": 50})\n', "",
        ("hyperparameters", "warning", "test_churn.py:7",
         "test_churn.py::test_churn: nothing records n_estimators=50 (churn.py:26)"),
    ),
    (
        "tabular", "test_churn.py", '    mlregress.fingerprint("churn", train)\n', "",
        ("data-fingerprint", "warning", "test_churn.py:7",
         "test_churn.py::test_churn: reads data by pandas.read_csv() (churn.py:15)"),
    ),
    (
        "tabular", "churn.py", 'path="churn.csv"', 'path="/mnt/nas/churn.csv"',
        ("data-private", "warning", "churn.py:14",
         "'/mnt/nas/churn.csv' is an absolute path of one machine"),
    ),
    (
        "tabular", "churn.py", "pd.read_csv(HERE / path)", 'pd.read_csv("s3://acme/churn.csv")',
        ("data-private", "warning", "churn.py:15", "'s3://acme/churn.csv' is a bucket"),
    ),
    (
        "tabular", "churn.py", "    extra, _",
        '    key = os.environ["AWS_SECRET_ACCESS_KEY"]\n    extra, _',
        ("data-private", "warning", "churn.py:16",
         "reads the credentials AWS_SECRET_ACCESS_KEY from the environment"),
    ),
    (
        "tabular", "churn.py", "pd.read_csv(HERE / path)", 'pd.read_csv("data/train.csv")',
        ("data-missing", "problem", "churn.py:15", "'data/train.csv' is read, and no such file"),
    ),
    # machine
    (
        "vision", "tinynet/training.py", '"cuda" if torch.cuda.is_available() else "cpu"',
        'torch.zeros(1).to("cuda").device',
        ("resources", "warning", "tests/test_tinynet.py:9",
         "always uses CUDA (tinynet/training.py:10), and declares no GPU"),
    ),
    (
        "tabular", "test_churn.py", "@pytest.mark.seeds([3, 7, 11])",
        '@pytest.mark.mlregress(memory="900TB")',
        ("resources", "warning", "test_churn.py:7", "900 TB"),
    ),
    (
        "tabular", "test_churn.py", "@pytest.mark.seeds([3, 7, 11])",
        "@pytest.mark.mlregress(num_gpus=9)",
        ("resources", "warning", "test_churn.py:7", "9 GPUs"),
    ),
    # gates
    (
        "vision", ".github/workflows/ci.yml", "--mlregress-report=report.html\n",
        "--mlregress-report=report.html || true\n",
        ("gate-ci", "problem", ".github/workflows/ci.yml:16", "ignores its exit status (|| true)"),
    ),
    (
        "vision", ".github/workflows/ci.yml", "      - name: Run pytest\n",
        "      - name: Run pytest\n        continue-on-error: true\n",
        ("gate-ci", "problem", ".github/workflows/ci.yml:14", "in a block with continue-on-error"),
    ),
    (
        "vision", ".github/workflows/ci.yml", "    runs-on: ubuntu-latest\n",
        "    runs-on: ubuntu-latest\n    continue-on-error: true\n",
        ("gate-ci", "problem", ".github/workflows/ci.yml:6", "in a block with continue-on-error"),
    ),
    (
        "vision", ".github/workflows/ci.yml", "          pytest -m mlregress --mlregress-report",
        "          pytest -m mlregress --mlregress-missing=warn --mlregress-report",
        ("gate-ci", "problem", ".github/workflows/ci.yml:16", "lets a test without a baseline"),
    ),
    (
        "vision", ".github/workflows/ci.yml",
        "          pytest -m mlregress --mlregress-report=report.html\n", "",
        ("gate-ci", "warning", ".github/workflows/ci.yml:15",
         "every call of pytest in CI leaves the regression tests out"),
    ),
    (
        "tabular", ".gitlab-ci.yml", "allow_failure: false", "allow_failure: true",
        ("gate-ci", "problem", ".gitlab-ci.yml:11", "in a block with allow_failure: true"),
    ),
    (
        "tabular", "Makefile", "@$(PYTHON) -m pytest", "-$(PYTHON) -m pytest",
        ("gate-ci", "problem", "Makefile:7", "a leading dash"),
    ),
    (
        "language", "noxfile.py", '"-m", "mlregress")', '"-m", "mlregress", success_codes=[0, 1])',
        ("gate-ci", "problem", "noxfile.py:7", "takes exit status 1 for success"),
    ),
    (
        "language", "tox.ini", "commands = pytest", "commands = - pytest",
        ("gate-ci", "problem", "tox.ini:8", "a leading dash"),
    ),
    (
        "language", "tests/test_tuning.py", "xfail(condition=False, reason=", "xfail(reason=",
        ("gate-marks", "warning", "tests/test_tuning.py:10",
         "is expected to fail (not on this platform): a loss is not shown, a pass is red"),
    ),
    (
        "vision", "tests/test_tinynet.py", "skipif(not torch.backends.mkl.is_available(),",
        'skipif(os.environ.get("CI"),',
        ("gate-marks", "problem", "tests/test_tinynet.py:8", "is skipped in CI"),
    ),
    (
        "vision", "pytest.ini", "mlregress_missing = fail", "mlregress_missing = warn",
        ("gate-settings", "problem", "pytest.ini:6", "a test without a baseline passes"),
    ),
    (
        "language", "noxfile.py", '"-m", "mlregress"', '"-x"',
        None,  # tox.ini still selects them
    ),
    (
        "tabular", "setup.cfg", "mlregress_threads = 1\n", "",
        ("settings-written", "warning", "setup.cfg", "not written: mlregress_threads"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "expected"),
    MISTAKES,
    ids=[f"{case[0]}-{case[4][0] if case[4] else 'fine'}-{n}" for n, case in enumerate(MISTAKES)],
)
def test_one_mistake_gives_one_line(
    name: str,
    file: str,
    old: str,
    new: str,
    expected: tuple[str, str, str, str] | None,
    tmp_path: Path,
) -> None:
    write(tmp_path, PROJECTS[name])
    path = tmp_path / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    commit(tmp_path)
    findings = [f for f in diagnose(tmp_path) if f.check != "baseline-present"]
    wrong = [f for f in findings if f.level in ("problem", "warning")]
    if expected is None:
        assert wrong == []
        return
    check, level, location, evidence = expected
    assert [(f.check, f.level, f.location) for f in wrong] == [(check, level, location)]
    assert evidence in wrong[0].evidence
    assert wrong[0].remedy


def test_a_lock_file_that_is_older_than_its_declarations(tmp_path: Path) -> None:
    folder = write(tmp_path, PROJECTS["language"])
    first = commit(folder)
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace("torch>=2.2", "torch>=2.4"))
    commit(folder, "Need a newer torch")
    assert of(diagnose(folder), "lock-current") == [
        (
            "warning",
            "pyproject.toml:4",
            f"pyproject.toml declares torch>=2.4 since uv.lock was last committed ({first[:10]})",
        )
    ]


def test_uncommitted_and_untracked_code(tmp_path: Path) -> None:
    folder = write(tmp_path, {**PROJECTS["vision"], ".gitignore": "local_*.py\n"})
    head = commit(folder)
    training = folder / "tinynet" / "training.py"
    training.write_text("import local_settings\n" + training.read_text())
    (folder / "local_settings.py").write_text("LR = 1\n")
    (folder / "notes.py").write_text("not imported\n")
    assert of(diagnose(folder), "uncommitted-changes", "untracked-code") == [
        (
            "warning",
            "tinynet/training.py",
            "1 file that the tests import differs from the last commit "
            f"({head[:10]}): tinynet/training.py",
        ),
        (
            "problem",
            "local_settings.py",
            "git does not track local_settings.py, which the tests import: no clone has it",
        ),
    ]
