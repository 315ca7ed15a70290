"""Three small repositories as strangers write them, each of them in order."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from pytest_mlregress.doctor.examine import examine, load_checks
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import questions
from pytest_mlregress.doctor.trainings import Trainings


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def commit(folder: Path, message: str = "All") -> str:
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def diagnose(
    folder: Path, *, only: str | None = None, trainings: Trainings | None = None
) -> list[DoctorFinding]:
    load_checks()
    others = [q.name for q in questions() if only is not None and q.name != only]
    return examine(Project(folder, folder, trainings=trainings), ignore=others)


def of(findings: Iterable[DoctorFinding], *checks: str) -> list[tuple[str, str, str]]:
    """Level, location and evidence of the findings of some checks."""
    return [(f.level, f.location, f.evidence) for f in findings if f.check in checks]


def bad(findings: Iterable[DoctorFinding]) -> list[tuple[str, str]]:
    return [(f.check, f.evidence) for f in findings if f.level in ("problem", "warning")]


PYTEST_SETTINGS = """\
mlregress_alpha = 0.05
mlregress_seeds = 5
mlregress_threads = 1
mlregress_env_mismatch = warn
mlregress_missing = fail
"""

VISION = {
    "README.md": """
        # TinyNet

        ## Requirements

        ```setup
        pip install -r requirements.txt
        ```

        ## Training

        ```train
        python train.py --data data/digits.npz --epochs 10
        ```

        ## Evaluation

        ```eval
        python eval.py --model tinynet.pt
        ```

        ## Pre-trained Models

        There are none yet: a training takes a minute.

        ## Results

        ### Digits

        | model | accuracy |
        |---|---|
        | TinyNet | 98.1 % |
    """,
    "requirements.txt": """
        # pinned with pip freeze
        torch==2.4.1 --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000
        numpy==1.26.4   # later ones change the order of choice()
        pytest-mlregress==0.1.0
        -e .
    """,
    "setup.py": """
        from setuptools import setup
        setup(name="tinynet", packages=["tinynet"], install_requires=["torch>=2.0", "numpy"])
    """,
    "tinynet/__init__.py": "",
    "tinynet/data.py": """
        import numpy as np
        import torch
        from torch.utils.data import DataLoader, Dataset, random_split


        class Digits(Dataset):
            def __init__(self, size=512, seed=1234):
                rng = np.random.default_rng(seed)  # the data are part of the benchmark
                self.images = torch.from_numpy(rng.normal(size=(size, 64))).float()
                self.labels = (self.images.sum(1) > 0).long()

            def __len__(self):
                return len(self.labels)

            def __getitem__(self, index):
                noise = np.random.normal(size=64)
                return self.images[index] + torch.from_numpy(noise).float(), self.labels[index]


        def loaders(batch_size):
            whole = Digits()
            fixed = torch.Generator().manual_seed(0)
            train, test = random_split(whole, [400, 112], generator=fixed)
            return DataLoader(train, batch_size, shuffle=True, num_workers=2), DataLoader(test, 64)
    """,
    "tinynet/training.py": """
        import torch
        from torch import nn

        from tinynet.data import loaders

        CLASSES = sorted(set("even odd".split()))


        def pick_device():
            return "cuda" if torch.cuda.is_available() else "cpu"


        def train(seed, lr, epochs, batch_size=32):
            torch.manual_seed(seed)
            device = pick_device()
            model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 2)).to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=lr)
            for _ in range(epochs):
                for images, labels in loaders(batch_size)[0]:
                    optimizer.zero_grad()
                    nn.functional.cross_entropy(model(images.to(device)), labels).backward()
                    optimizer.step()
            return model


        def accuracy(model):
            with torch.random.fork_rng():
                torch.manual_seed(0)  # the same noise for every model
                hits = [model(x).argmax(1) == y for x, y in loaders(64)[1]]
            return float(torch.cat(hits).float().mean())


        def main():
            torch.manual_seed(0)
            torch.backends.cudnn.benchmark = True
            train(seed=0, lr=0.1, epochs=10)
    """,
    "train.py": """
        from tinynet.training import main

        if __name__ == "__main__":
            main()
    """,
    "eval.py": "print('accuracy')\n",
    "pytest.ini": "[pytest]\n" + PYTEST_SETTINGS,
    "tests/test_tinynet.py": """
        import pytest
        import torch

        from tinynet.training import accuracy, train


        @pytest.mark.seeds(5)
        @pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="too slow without")
        def test_tinynet(mlregress):
            settings = {"lr": 0.1, "epochs": 2}
            mlregress.log_params(settings)
            model = train(mlregress.seed, **settings)
            mlregress.record("accuracy", accuracy(model), higher_is_better=True)


        def test_shapes():
            torch.manual_seed(0)
            assert torch.rand(3).shape == (3,)
    """,
    ".github/workflows/ci.yml": """
        name: pytest
        on: [push]
        jobs:
          test:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - name: Install pytest
                run: pip install -r requirements.txt pytest || true
              - name: Lint
                continue-on-error: true
                run: ruff check .
              - name: Run pytest
                run: |
                  pytest -m "not mlregress"
                  pytest -m mlregress --mlregress-report=report.html
              - name: Upload
                if: always()
                continue-on-error: true
                run: ./upload report.html || true
          nightly:
            continue-on-error: true
            steps:
              - run: python nightly.py
    """,
}
"""PyTorch research code: a flat package, requirements with hashes, GitHub Actions."""

TABULAR = {
    "README.rst": """
        Churn
        =====

        Installation
        ------------

        ``conda env create -f environment.yml``

        Reproducing the training
        ------------------------

        .. code-block:: bash

            make train

        Evaluation
        ----------

        See `Model weights <https://example.org/churn.joblib>`_.

        Results
        -------

        =========  =====
        model      AUC
        =========  =====
        forest     0.912
        boosting   0.934
        =========  =====
    """,
    "environment.yml": """
        name: churn
        channels:
          - conda-forge
        dependencies:
          - python=3.11
          - scikit-learn=1.5.2
          - numpy=1.26.4
          - pandas==2.2.3
          - pip:
              - pytest-mlregress==0.1.0
    """,
    "churn.csv": "age,churned\n31,0\n45,1\n",
    "churn.py": """
        import os
        from pathlib import Path

        import numpy as np
        import pandas as pd
        from sklearn.datasets import make_classification
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import StratifiedKFold, train_test_split

        HERE = Path(__file__).parent
        CACHE = os.path.expanduser("~/.cache/churn")


        def load(path="churn.csv"):
            frame = pd.read_csv(HERE / path)
            extra, _ = make_classification(200, random_state=0)
            return train_test_split(frame, random_state=42)


        def columns(frame):
            return sorted(set(frame.columns.str.lower()))


        def cross_validate(features, labels, seed):
            folds = StratifiedKFold(5, shuffle=True, random_state=0)
            model = RandomForestClassifier(n_estimators=50, random_state=seed)
            order = np.random.default_rng(seed).permutation(len(labels))
            return model, folds, order


        def save(model):
            np.save("weights.npy", model)
            with open("log.txt", "w") as file:
                file.write("done")
    """,
    "test_churn.py": """
        import pytest

        import churn


        @pytest.mark.seeds([3, 7, 11])
        def test_churn(mlregress):
            train, test = churn.load()
            mlregress.fingerprint("churn", train)
            mlregress.log_params({"trees": 50})
            model, folds, order = churn.cross_validate(train, test, mlregress.seed)
            mlregress.record("auc", 0.9, higher_is_better=True)
    """,
    "setup.cfg": "[flake8]\nmax-line-length = 100\n\n[tool:pytest]\n" + PYTEST_SETTINGS,
    ".gitlab-ci.yml": """
        stages: [lint, test]

        lint:
          stage: lint
          allow_failure: true
          script:
            - flake8

        regression:
          stage: test
          allow_failure: false
          script:
            - pip install pytest
            - pytest -m mlregress --junitxml=report.xml
          artifacts:
            when: always
    """,
    "Makefile": """
        PYTHON = python
        train:
        \t$(PYTHON) churn.py
        clean:
        \t-rm -rf build
        test:
        \t@$(PYTHON) -m pytest -q
    """,
}
"""scikit-learn on a table: conda, GitLab, a Makefile, tests beside the code."""

LANGUAGE = {
    "README.md": """
        <h1 align="center">Summarizer</h1>

        [Installation](docs/install.md) | [Fine-tuning](docs/train.md) |
        [Evaluation](docs/eval.md)

        Weights: https://huggingface.co/acme/summarizer-small

        ## Results

        ![ROUGE by step](docs/rouge.png)
    """,
    "pyproject.toml": """
        [project]
        name = "summarizer"
        version = "1.0"
        dependencies = ["transformers>=4.40,<5", "torch>=2.2"]  # ranges: a library

        [dependency-groups]
        dev = ["ruff", "mypy"]
        test = ["pytest-mlregress"]

        [tool.pytest.ini_options]
        testpaths = ["tests"]
        pythonpath = ["src"]
        xfail_strict = true
        addopts = ["-ra", "-m", "not mlregress"]  # CI selects them
        mlregress_alpha = "0.05"
        mlregress_seeds = "5"
        mlregress_threads = "1"
        mlregress_env_mismatch = "warn"
        mlregress_missing = "fail"
    """,
    "uv.lock": """
        version = 1
        requires-python = ">=3.11"

        [[package]]
        name = "transformers"
        version = "4.46.3"
        source = { registry = "https://pypi.org/simple" }

        [[package]]
        name = "torch"
        version = "2.5.1"

        [[package]]
        name = "pytest-mlregress"
        version = "0.1.0"

        [[package]]
        name = "summarizer"
        version = "1.0"
        source = { editable = "." }
    """,
    "src/summarizer/__init__.py": "from summarizer.tuning import tune\n",
    "src/summarizer/tuning.py": '''
        """Fine-tuning; data come from s3://public-data/news, see the README."""

        import os

        from transformers import Trainer, TrainingArguments, set_seed

        try:
            import apex
        except ImportError:
            apex = None

        TOKEN_LIMIT = int(os.environ.get("TOKEN_LIMIT", "512"))


        def tune(seed=0, **overrides):
            set_seed(seed)
            arguments = TrainingArguments(output_dir="out", seed=seed, **overrides)
            return Trainer(args=arguments).train()


        def vocabulary(words):
            return {word: number for number, word in enumerate(sorted(set(words)))}
    ''',
    "tests/test_tuning.py": """
        import pytest

        from summarizer import tune

        pytestmark = pytest.mark.mlregress


        class TestTuning:
            @pytest.mark.tiers(fast={"max_steps": 10}, full={"max_steps": 1000})
            @pytest.mark.xfail(condition=False, reason="not on this platform")
            def test_rouge(self, mlregress):
                result = tune(mlregress.seed, **mlregress.params)
                mlregress.record("rouge", result, higher_is_better=True, margin="1%")
    """,
    "noxfile.py": """
        import nox


        @nox.session
        def tests(session):
            session.install("pytest")
            session.run("pytest", "-m", "mlregress")
            session.run("ruff", "check", success_codes=[0, 1])
    """,
    "tox.ini": """
        [testenv:lint]
        ignore_outcome = true
        deps = pytest
        commands =
            - ruff check
        [testenv:py]
        deps = pytest
        commands = pytest -m mlregress {posargs}
    """,
}
"""Hugging Face fine-tuning: src layout, uv, nox and tox, a class of tests, tiers."""

PROJECTS = {"vision": VISION, "tabular": TABULAR, "language": LANGUAGE}
