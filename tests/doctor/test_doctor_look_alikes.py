"""Small programs beside each other: one with the mistake, and correct ones that look like it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from doctor_projects import diagnose, of, write

TEST = """
    import pytest
    from training import train


    @pytest.mark.seeds(5)
    def test_train(mlregress):
        mlregress.record("score", train(mlregress.seed), higher_is_better=True)
"""


def levels(folder: Path, check: str, training: str, **files: str) -> list[str]:
    named = {name.replace("__", "/"): text for name, text in files.items()}
    write(folder, {"test_train.py": TEST, **named})
    (folder / "training.py").write_text(textwrap.dedent(training))
    return [level for level, _, _ in of(diagnose(folder, only=check), check)]


@pytest.mark.parametrize(
    ("training", "level"),
    [
        ("import torch\ndef train(seed):\n    torch.manual_seed(0)\n", "problem"),
        ("from torch import manual_seed as seed_it\ndef train(seed):\n    seed_it(3)\n", "problem"),
        ("import numpy as np\nSEED = 7\ndef train(seed):\n    np.random.seed(SEED)\n", "problem"),
        ("import lightning as L\ndef train(seed):\n    L.seed_everything(42)\n", "problem"),
        (
            "import random\nclass Model:\n    def fit(self):\n        random.seed(0)\n"
            "def train(seed):\n    return Model().fit()\n",
            "problem",
        ),
        (
            "import random\ndef set_seed(seed):\n    random.seed(seed)\n"
            "def train(seed):\n    set_seed(0)\n",
            "problem",
        ),
        (
            "import torch\ndef fit(seed=0):\n    torch.manual_seed(seed)\n"
            "def train(seed):\n    return fit()\n",
            "problem",
        ),
        (
            "import torch\ndef fit(data, seed):\n    torch.manual_seed(seed)\n"
            "def train(seed):\n    return fit(1, 0)\n",
            "problem",
        ),
        (
            "from sklearn.svm import SVC\nclass Config: pass\n"
            "def train(seed):\n    return SVC(random_state=0), Config(seed=1)\n",
            "problem",
        ),
        (
            "import xgboost as xgb\ndef train(seed):\n    return xgb.XGBClassifier(seed=0)\n",
            "problem",
        ),
        # correct ones
        (
            "class ToyTask:\n    def __init__(self, n, seed): pass\n"
            "def train(seed):\n    task = ToyTask(10, seed=0)\n    return task\n",
            "ok",
        ),
        (
            "from settings import Config\ndef train(seed):\n    return Config(lr=0.1, seed=0)\n",
            "ok",
        ),
        (
            "from sklearn.svm import SVC\nfrom models import Net\n"
            "def train(seed):\n    return SVC(random_state=0), Net(seed=seed)\n",
            "ok",
        ),
        ("import torch\ntorch.manual_seed(0)\ndef train(seed):\n    return 1\n", "ok"),
        ("import torch\ndef train(seed):\n    torch.manual_seed(seed)\n", "ok"),
        (
            "import torch\ndef teacher():\n    torch.manual_seed(0)\n"
            "def train(seed):\n    teacher()\n    torch.manual_seed(seed)\n",
            "ok",
        ),
        (
            "import torch\ndef fit(seed=0):\n    torch.manual_seed(seed)\n"
            "def train(seed):\n    fit()\n    return fit(seed)\n",
            "ok",
        ),
        (
            "import torch\ndef train(seed):\n    state = torch.get_rng_state()\n"
            "    torch.manual_seed(0)\n    torch.set_rng_state(state)\n",
            "ok",
        ),
        ("import numpy as np\ndef train(seed):\n    rng = np.random.default_rng(0)\n", "ok"),
        ("import torch\ndef main():\n    torch.manual_seed(0)\ndef train(seed):\n    pass\n", "ok"),
        (
            "import torch\ndef train(seed):\n    pass\nif __name__ == '__main__':\n"
            "    torch.manual_seed(0)\n",
            "ok",
        ),
        ("def train(seed):\n    return tree.seed(0)\n", "ok"),
        (
            "import torch\nimport pytest\n@pytest.fixture\ndef train_data():\n"
            "    torch.manual_seed(0)\ndef train(seed):\n    return train_data\n",
            "ok",
        ),
        (
            "from sklearn.decomposition import PCA\nfrom sklearn.svm import SVC\n"
            "def train(seed):\n    return PCA(random_state=0), SVC(random_state=seed)\n",
            "ok",
        ),
    ],
)
def test_seeds(training: str, level: str, tmp_path: Path) -> None:
    assert levels(tmp_path, "seed-fixed", training) == [level]


RNG = "from numpy.random import default_rng\n"


@pytest.mark.parametrize(
    ("training", "level"),
    [
        ("def train(seed):\n    rng = default_rng()\n", "problem"),
        (
            "def fit(rng=None):\n    rng = rng or default_rng()\n"
            "def train(seed):\n    fit()\n    fit(default_rng(seed))\n",
            "problem",
        ),
        (
            "def fit(rng=None):\n    if rng is not None:\n        rng = default_rng()\n"
            "def train(seed):\n    fit(default_rng(seed))\n",
            "problem",
        ),
        (
            "def fit(rng=None):\n    rng = rng or default_rng()\n"
            "def outer(rng=None):\n    fit(rng=rng)\ndef train(seed):\n    outer()\n",
            "problem",
        ),
        # correct ones
        (
            "def fit(rng=None):\n    rng = rng or default_rng()\n"
            "def train(seed):\n    fit(default_rng(seed))\n",
            "ok",
        ),
        (
            "def fit(task, *, rng=None):\n    if rng is None:\n        rng = default_rng()\n"
            "def outer(rng=None):\n    fit(1, rng=rng)\n"
            "def train(seed):\n    outer(default_rng(seed))\n",
            "ok",
        ),
        (
            "class Net:\n    def __init__(self, rng=None):\n"
            "        self.rng = default_rng() if rng is None else rng\n"
            "def train(seed):\n    Net(default_rng(seed))\n",
            "ok",
        ),
    ],
)
def test_unseeded_generators(training: str, level: str, tmp_path: Path) -> None:
    assert levels(tmp_path, "unseeded-generator", RNG + training) == [level]


@pytest.mark.parametrize(
    ("expression", "level"),
    [
        ("list(set(words))", "warning"),
        ("{c: n for n, c in enumerate(set(text))}", "warning"),
        ("np.array(list({w.lower() for w in words}))", "warning"),
        ("max(list(set(words)), key=len)", "warning"),
        ("f(list(set(words)))\n    words.sort()", "warning"),
        ("w = list(set(words))\n    w.sort(key=len)", "warning"),
        ("w = list(set(words))\n    f(w)\n    w.sort()", "warning"),
        ("w = list(set(words))\n    n = len(w)\n    w.sort()", "ok"),
        ("w = list(set(words))\n    return sorted(w)", "ok"),
        ("if text:\n        w = list(set(words))\n    f(w)", "warning"),
        ("len(list(set(words)))", "ok"),
        ("sorted(tuple({w.lower() for w in words}))", "ok"),
        ("set(list(set(words)))", "ok"),
        ("w = list(set(words))\n    n = 1\n    w.sort()\n    f(w)", "ok"),
        ("w = list(set(words))\n    w = sorted(w)", "ok"),
        ("sorted(set(words))", "ok"),
        ("len(set(words))", "ok"),
        ("list(dict.fromkeys(words))", "ok"),
        ("list(set(range(10)))", "ok"),
        ("[w for w in words if w in set(words)]", "ok"),
    ],
)
def test_orders_of_sets(
    expression: str, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    training = f"import numpy as np\ndef train(seed, words=(), text=''):\n    {expression}\n"
    assert set(levels(tmp_path, "hash-seed", training)) == {level}
    variables = "env:\n  PYTHONHASHSEED: 0\n"
    files = {".github__workflows__a.yml": variables}
    assert set(levels(tmp_path, "hash-seed", training, **files)) == {"ok"}


@pytest.mark.parametrize(
    ("training", "level"),
    [
        ("import pandas as pd\ndef train(seed):\n    return pd.read_csv('a.csv')\n", "problem"),
        ("def train(seed):\n    return open('a.json').read()\n", "problem"),
        ("def train(seed):\n    return open('a.json', 'w').write('')\n", "ok"),
        (
            "import torch\ndef train(seed):\n    torch.save(1, 'm.pt')\n"
            "    return torch.load('m.pt')\n",
            "ok",
        ),
        (
            "from urllib.request import urlretrieve\nimport numpy as np\ndef train(seed):\n"
            "    urlretrieve('https://example.org/a.npz', 'a.npz')\n    return np.load('a.npz')\n",
            "ok",
        ),
        ("import numpy as np\ndef train(seed, tmp):\n    return np.load(tmp / 'a.npz')\n", "ok"),
        ("import pandas as pd\ndef train(seed):\n    return pd.read_csv('https://x.org/a.csv')\n",
         "ok"),
        ("import pandas as pd\ndef train(seed):\n    return pd.read_csv('test_train.py')\n", "ok"),
    ],
)  # fmt: skip
def test_missing_data(training: str, level: str, tmp_path: Path) -> None:
    assert levels(tmp_path, "data-missing", training) == [level]


@pytest.mark.parametrize(
    ("name", "text", "level"),
    [
        (".github/workflows/a.yml", "jobs:\n  a:\n    steps:\n      - run: pytest || exit 0\n",
         "problem"),
        (".github/workflows/a.yml",
         "jobs:\n  a:\n    steps:\n      - run: >\n          pytest -x\n          || true\n",
         "problem"),
        (".github/workflows/a.yml",
         "jobs:\n  a:\n    steps:\n      - run: |\n          set +e\n          pytest\n"
         "          upload\n", "problem"),
        (".github/workflows/a.yml",
         "jobs:\n  a:\n    steps:\n      - run: |\n          set +e\n          pytest\n"
         "          status=$?\n          exit $status\n", "ok"),
        (".github/workflows/a.yml",
         "jobs:\n  a:\n    continue-on-error: ${{ matrix.nightly }}\n    steps:\n"
         "      - run: pytest\n", "ok"),
        (".github/workflows/a.yml",
         "jobs:\n  pytest:\n    steps:\n      - run: pytest\n  deploy:\n    needs:\n"
         "      - pytest\n    continue-on-error: true\n", "ok"),
        (".github/workflows/a.yml",
         "jobs:\n  a:\n    steps:\n      - run: pytest\n      # - run: pytest || true\n", "ok"),
        (".github/workflows/a.yml",
         "jobs:\n  a:\n    steps:\n      - run: pytest docs || true\n      - run: pytest\n", "ok"),
        (".circleci/config.yml",
         "jobs:\n  a:\n    steps:\n      - run:\n          name: Tests\n          command: |\n"
         "            pytest -m mlregress || true\n", "problem"),
        (".gitlab-ci.yml", "a:\n  script:\n    - pytest\n  allow_failure:\n    exit_codes: 77\n",
         "ok"),
        ("Jenkinsfile",
         "steps {\n  catchError(buildResult: 'SUCCESS') {\n    sh 'pytest'\n  }\n}\n", "problem"),
        ("Jenkinsfile", "steps {\n  sh 'pytest'\n}\npost { catchError { sh 'upload' } }\n", "ok"),
        ("tox.ini", "[testenv]\ncommands = pytest\n[testenv:lint]\nignore_outcome = true\n"
         "deps =\n    pytest\ncommands = ruff check\n", "ok"),
        ("tox.ini", "[testenv]\nignore_outcome = true\ncommands =\n    pytest -q\n", "problem"),
        ("noxfile.py", "def t(s):\n    s.install('pytest')\n    s.run('pytest')\n", "ok"),
        ("Makefile", "test:\n\tpytest; true\n", "problem"),
        ("Makefile", "test:\n\tpytest && (ruff check || true)\n", "ok"),
        ("run_tests.sh", "pip install pytest || true\npython -m pytest -n 2\n", "ok"),
    ],
)  # fmt: skip
def test_ci(name: str, text: str, level: str, tmp_path: Path) -> None:
    write(tmp_path, {"test_train.py": TEST, "training.py": "def train(seed): pass\n"})
    write(tmp_path, {name: text, "docs/test_docs.py": "def test_docs(): pass\n"})
    assert [found[0] for found in of(diagnose(tmp_path, only="gate-ci"), "gate-ci")] == [level]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "mlregress_missing = warn  # for now",
            "ini mlregress_missing: 'warn  # for now' is not one of fail, warn: no test runs",
        ),
        (
            "mlregress_mising = warn",
            "ini mlregress_mising: no such setting; did you mean mlregress_missing?: no test runs "
            "with it",
        ),
        ("mlregress_strict = maybe", "ini mlregress_strict: 'maybe' is neither true nor false"),
        ("mlregress_seeds = many", "ini mlregress_seeds: 'many' is not a whole number"),
        ("mlregress_report =\n    a.html\n    b.txt", "ini mlregress_report: 'b.txt' does not"),
        ("mlregress_strict = On", None),
        ("mlregress_report =\n    a.html\n    b.md", None),
        ("mlregress_baseline =", None),
        ("other_key = warn  # for now", None),
    ],
)
def test_values_of_settings(line: str, expected: str | None, tmp_path: Path) -> None:
    write(tmp_path, {"pytest.ini": f"[pytest]\n{line}\n"})
    ((level, place, evidence),) = of(diagnose(tmp_path, only="gate-settings"), "gate-settings")
    assert (level, place) == (("problem", "pytest.ini:2") if expected else ("ok", ""))
    assert expected is None or evidence.startswith(expected)


@pytest.mark.parametrize(
    ("body", "level"),
    [
        ("np.load('a.npz')", "warning"),
        ("a = np.load('a.npz')\n    np.save('a.npz', a)", "warning"),
        ("np.save('b.npz', 1)\n    np.load('a.npz')", "warning"),
        ("file = tmp_path / 'm.npz'\n    np.load('a.npz')", "warning"),
        ("np.load(tmp_path / 'm.npz')", "ok"),
        ("place = tmp_path / 'm'\n    file = place / 'a.npz'\n    np.load(file)", "ok"),
        ("with tempfile.TemporaryDirectory() as d:\n        np.load(d + '/a.npz')", "ok"),
        ("np.save('a.npz', 1)\n    np.load('a.npz')", "ok"),
        ("OUT.write_bytes(b'')\n    np.load(OUT)", "ok"),
        ("with open(tmp_path / 'a', 'rb') as f:\n        np.load(file=f)", "ok"),
    ],
)
def test_files_of_the_test_itself(body: str, level: str, tmp_path: Path) -> None:
    training = f"import numpy as np\nimport tempfile\ndef train(seed, tmp_path=0):\n    {body}\n"
    assert levels(tmp_path, "data-fingerprint", training) == [level]


PACKAGE = "[project]\nname = 'a'\nversion = '1'\ndependencies = ['numpy>=1.26']\n"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({}, "problem"),
        ({"requirements.lock": "-e file:.\nnumpy==1.26.4\n    # via a\n"}, "ok"),
        ({"requirements-dev.lock": "numpy==1.26.4\n"}, "ok"),
        ({"requirements.lock": "numpy>=1.26\n"}, "problem"),
        ({"frozen.txt": "numpy==1.26.4\n"}, "problem"),
        ({"frozen.txt": "numpy==1.26.4\n", "README.md": "`pip install -c frozen.txt .`\n"}, "ok"),
        (
            {
                "ci/all.pip": "numpy==1.26.4\n",
                ".github/workflows/a.yml": "jobs:\n  a:\n    steps:\n"
                "      - run: uv pip install \\\n          -r ci/all.pip\n",
            },
            "ok",
        ),
        (
            {
                "pins.txt": "numpy==1.26.4",
                "tox.ini": "[testenv]\ndeps =\n  -r{toxinidir}/pins.txt\n",
            },
            "ok",
        ),
        (
            {"README.md": "`pip install -r nowhere.txt`, `pip install -c /etc/hostname .`"},
            "problem",
        ),
    ],
)
def test_where_versions_are_pinned(files: dict[str, str], level: str, tmp_path: Path) -> None:
    training = "import numpy as np\ndef train(seed): return np.random.rand()\n"
    given = {**files, "pyproject.toml": PACKAGE}
    assert levels(tmp_path, "dependencies-pinned", training, **given) == [level]


@pytest.mark.parametrize(
    ("imports", "level"),
    [
        ("import pandas", "warning"),
        ("import cv2", "warning"),
        ("import sklearn", "ok"),  # declared as scikit-learn
        ("from google.cloud import storage", "ok"),  # one of many distributions
        ("import a_module_that_nobody_knows", "ok"),
        ("import json, training", "ok"),
        ("try:\n    import pandas\nexcept ImportError:\n    pandas = None", "ok"),
    ],
)
def test_undeclared_imports(imports: str, level: str, tmp_path: Path) -> None:
    found = levels(
        tmp_path,
        "dependencies-declared",
        f"{imports}\ndef train(seed): pass\n",
        requirements__base="",
        **{"requirements.txt": "scikit_learn==1.5.0\npytest-mlregress==0.1\n"},
    )
    assert found == [level]
