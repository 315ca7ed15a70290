"""What a seed reads: each kind of reading is seen, or switches skipping off with the reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.running.file_uses import UsesOfFile, uses_of
from pytest_mlregress.running.import_closure import closure_of, imports_of
from pytest_mlregress.running.places import Places
from pytest_mlregress.running.reads import ABSENT, Reads, checkout_of, is_derived, merged

ASKS = "asks whether a file exists or changed"
COMPUTED = "reads environment variables by computed names"

FILES = {
    "src/pkg/__init__.py": "from pkg.core import train\n",
    "src/pkg/core.py": "def train():\n    from . import lazy\n    return lazy.loss()\n",
    "src/pkg/lazy.py": "import json\n\ndef loss():\n    return 1.0\n",
    "src/pkg/unused.py": "",
    "src/pkg/named.py": "",
    "src/pkg/data.py": """
        from functools import cache
        from pathlib import Path

        @cache
        def load():
            return Path("shared.csv").read_text()
    """,
    "src/pkg/packaged.csv": "4",
    "own.csv": "1",
    "shared.csv": "2",
    "folder/a.txt": "a",
    "conftest.py": """
        import json
        from pathlib import Path

        AT_IMPORT = Path(__file__).with_name("at_import.csv").read_text()

        def pytest_runtest_logreport(report):
            reads = getattr(report, "mlregress", {}).get("reads")
            if reads is not None:
                name = report.nodeid.partition("::")[2].partition("[")[0]
                Path("reads", f"{name}.json").write_text(json.dumps(reads))
    """,
    "at_import.csv": "3",
    "reads/.gitignore": "*",
    "pytest.ini": "[pytest]\npythonpath = src\nmlregress_unchanged = skip\n",
    "tests/test_a.py": """
        import os
        import pkgutil
        import socket
        import sqlite3
        import subprocess
        import sys
        import tempfile
        from pathlib import Path

        import pytest

        import pkg
        from pkg.data import load

        pytestmark = pytest.mark.seeds(1)
        BY_NAME = "pkg.named:Model"

        def test_files(mlregress):
            tempfile.TemporaryFile(dir=Path.cwd().parent).close()  # opens that folder to write
            Path("own.csv").read_text()
            pkgutil.get_data("pkg", "packaged.csv")
            os.listdir("folder")
            Path("written.txt").write_text("x")
            Path("written.txt").read_text()
            load()
            mlregress.record("loss", pkg.train() + mlregress.seed, higher_is_better=False)

        def test_kept_in_memory(mlregress):
            load()

        def test_temporary(mlregress, tmp_path):
            (mlregress.tmp_path / "a").write_text("x")
            (mlregress.tmp_path / "a").read_text()
            (tmp_path / "b").mkdir()
            os.listdir(tmp_path)

        def test_outside(mlregress):
            Path(os.environ["OUTSIDE"]).read_text()

        def test_network(mlregress):
            with socket.socket() as connection:
                connection.settimeout(0.01)
                connection.connect_ex(("127.0.0.1", 9))

        def test_process(mlregress):
            subprocess.run([sys.executable, "-c", ""], check=True)

        def test_fork(mlregress):
            if (child := os.fork()) == 0:
                os._exit(0)
            os.waitpid(child, 0)

        def test_database(mlregress):
            sqlite3.connect("runs.db").close()
    """,
    "tests/test_b.py": """
        import importlib

        import pytest

        @pytest.mark.seeds(1)
        def test_dynamic(mlregress):
            importlib.import_module("pkg." + "unused")
    """,
    "tests/test_c.py": """
        import pytest

        @pytest.mark.seeds(1)
        def test_alone(mlregress):
            pass
    """,
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The reads of each test, from one run in a process of its own."""
    folder = tmp_path_factory.mktemp("project")
    write(folder, FILES)
    (folder / ".git").mkdir()
    # Not below pytest's own temporary folders, which belong to the run.
    outside = Path.home() / f".mlregress-test-{os.getpid()}"
    outside.write_text("outside")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "pytest_mlregress.plugin", "tests"],
            cwd=folder,
            env={**kept, "OUTSIDE": str(outside), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        outside.unlink()
    found = {path.stem: json.loads(path.read_text()) for path in (folder / "reads").glob("*.json")}
    for reads in found.values():  # which the conftest writes between the tests
        reads["files"] = {n: d for n, d in reads["files"].items() if not n.startswith("reads/")}
    assert len(found) == 10, done.stdout + done.stderr
    return found


def test_code_and_files_that_were_opened_are_read(recorded: dict[str, dict[str, Any]]) -> None:
    reads = recorded["test_files"]
    assert set(reads["files"]) == {
        *("at_import.csv", "conftest.py", "own.csv", "shared.csv", "written.txt"),
        *("src/pkg/__init__.py", "src/pkg/core.py", "src/pkg/data.py", "src/pkg/lazy.py"),
        *("src/pkg/named.py", "src/pkg/packaged.csv", "tests/test_a.py"),
    }
    assert reads["files"]["written.txt"] == ABSENT
    assert list(reads["listings"]) == ["folder"]
    assert reads["unseen"] == []
    assert {"src/json", "tests/conftest", "tests/pkg"} <= set(reads["absent"])


def test_data_in_memory_count_for_whoever_can_use_them(
    recorded: dict[str, dict[str, Any]],
) -> None:
    assert "shared.csv" in recorded["test_kept_in_memory"]["files"]
    assert "shared.csv" not in recorded["test_alone"]["files"]
    assert "at_import.csv" in recorded["test_alone"]["files"]


def test_variables_and_data_of_a_package_are_reads(recorded: dict[str, dict[str, Any]]) -> None:
    assert set(recorded["test_files"]["variables"]) == {"OUTSIDE"}
    assert recorded["test_alone"]["variables"] == {}
    assert "src/pkg/packaged.csv" in recorded["test_files"]["files"]


def test_what_a_test_cannot_import_is_left_out(recorded: dict[str, dict[str, Any]]) -> None:
    assert set(recorded["test_alone"]["files"]) == {
        *("at_import.csv", "conftest.py", "tests/test_c.py"),
        "src/pkg/unused.py",  # imported while a seed ran: any later one may use it
        "src/pkg/lazy.py",
    }


def test_imports_by_computed_names_leave_nothing_out(recorded: dict[str, dict[str, Any]]) -> None:
    files = set(recorded["test_dynamic"]["files"])
    assert {"src/pkg/unused.py", "src/pkg/core.py", "tests/test_a.py"} <= files


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("test_outside", "opens ~/.mlregress-test-{pid} outside the repository"),
        ("test_network", "connects to 127.0.0.1"),
        ("test_process", "starts a process ({python})"),
        ("test_fork", "starts a process"),
        ("test_database", "opens the database runs.db"),
    ],
)
def test_what_no_hash_covers_is_named(
    recorded: dict[str, dict[str, Any]], test: str, reason: str
) -> None:
    python = Path(sys.executable).name
    assert reason.format(pid=os.getpid(), python=python) in recorded[test]["unseen"]


def test_files_of_the_run_itself_are_no_reads(recorded: dict[str, dict[str, Any]]) -> None:
    assert recorded["test_temporary"]["unseen"] == []
    assert recorded["test_temporary"]["listings"].keys() <= {"folder"}


@pytest.mark.parametrize(
    ("source", "by_name"),
    [
        ("import numpy as np\nnp.load('x')", False),
        ("model.eval()", False),
        ("import re\nre.compile('x')", False),
        ("__import__('a' + b)", True),
        ("from importlib import import_module", True),
        ("import importlib\nimportlib.import_module(x)", True),
        ("from importlib.metadata import entry_points", True),
        ("exec(text)", True),
        ("import runpy\nrunpy.run_path(x)", True),
        ("import hydra", True),
        ("def broken(:", True),
    ],
)
def test_files_that_import_by_computed_names_are_known(
    tmp_path: Path, source: str, by_name: bool
) -> None:
    file = tmp_path / "module.py"
    file.write_text(source)
    assert imports_of(file).by_name == by_name


def test_packages_on_the_way_and_names_that_may_be_modules_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path,
        {
            "top.py": "import deep.er.est\nfrom deep import thing, missing\nimport h5py",
            "deep/__init__.py": "",
            "deep/thing.py": "from .. import nothing",
            "deep/er/__init__.py": "",
            "deep/er/est.py": "from ..thing import name",
            "deep/er/other.py": "",
        },
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = closure_of([tmp_path / "top.py"], Places(tmp_path))
    assert found.files == {
        *("top.py", "deep/__init__.py", "deep/thing.py", "deep/er/__init__.py", "deep/er/est.py"),
    }
    assert {"deep/missing", "h5py"} <= found.absent
    assert found.native == {"h5py"}


@pytest.mark.parametrize(
    ("source", "variables", "unseen"),
    [
        ("import os\nos.environ['A']\nos.environ.get('B', '1')", ("A", "B"), ()),
        ("import os\nos.getenv('A')\n'B' in os.environ", ("A", "B"), ()),
        ("from os import environ, getenv\ngetenv('A')\nenviron['B'] += 'x'", ("A", "B"), ()),
        ("import os\nos.environ['A'] = '1'\nos.environ.update(B='1')", (), ()),
        ("import os\n\nos.environ[name]", (), ((COMPUTED, 3),)),
        ("import os\ndict(os.environ)\nos.getenv(name)", (), ((COMPUTED, 2),)),
        ("from os import environ as values", (), ((COMPUTED, 1),)),
        ("path.exists()", (), ((ASKS, 1),)),
        ("import os\nos.path.getmtime(name)", (), ((ASKS, 2),)),
        ("import os\nos.access(name, os.R_OK)", (), ((ASKS, 2),)),
        ("from os.path import isfile\nisfile(name)", (), ((ASKS, 1),)),
        ("model.access(1)\nexists = True", (), ()),
    ],
)
def test_what_raises_no_event_is_found_in_the_syntax_tree(
    tmp_path: Path, source: str, variables: tuple[str, ...], unseen: tuple[tuple[str, int], ...]
) -> None:
    file = tmp_path / "module.py"
    file.write_text(source)
    assert uses_of(file) == UsesOfFile(variables, unseen)


@pytest.mark.parametrize(
    ("source", "native"),
    [
        ("import torch\ntorch.jit.load(name)", {"jit.load"}),
        ("from torch.jit import load", {"torch.jit.load"}),
        ("import torch\ntorch.from_file(name)", {"torch.from_file"}),
        ("import torch\ntorch.load(name)\nConfig.from_file(name)", set()),
        (
            "import tokenizers, sentencepiece, onnxruntime",
            {"tokenizers", "sentencepiece", "onnxruntime"},
        ),
        ("import lightgbm, catboost, faiss", {"lightgbm", "catboost", "faiss"}),
    ],
)
def test_native_readers_are_known(tmp_path: Path, source: str, native: set[str]) -> None:
    file = tmp_path / "module.py"
    file.write_text(source)
    assert set(imports_of(file).native) == native


@pytest.mark.parametrize("above", ["site-packages", ".pytest_cache", "build"])
def test_the_folders_above_the_checkout_say_nothing(tmp_path: Path, above: str) -> None:
    checkout = tmp_path / above / "project"
    places = Places(checkout)
    assert places.in_checkout(checkout / "data" / "a.csv") == "data/a.csv"
    assert places.is_installed(checkout / ".venv" / "site-packages" / "numpy" / "a.py")
    assert is_derived(".pytest_cache/v/a.json")
    assert not is_derived("data/a.csv")


def test_the_checkout_is_the_nearest_repository(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / ".git").write_text("gitdir: elsewhere")
    assert checkout_of(tmp_path / "a" / "b") == tmp_path / "a"


digests = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", ABSENT]))
reads = st.builds(
    Reads,
    files=digests,
    listings=digests,
    absent=st.sets(st.sampled_from("xy")).map(lambda names: tuple(sorted(names))),
    unseen=st.lists(st.text(), max_size=2).map(tuple),
    variables=digests,
)


@given(reads)
def test_reads_survive_a_report(record: Reads) -> None:
    assert Reads.from_builtins(json.loads(json.dumps(record.to_builtins()))) == record


@given(st.lists(reads, max_size=4))
def test_seeds_together_read_all_that_each_of_them_read(records: list[Reads]) -> None:
    together = merged(records)
    for record in records:
        assert record.files.keys() <= together.files.keys()
        assert set(record.absent) <= set(together.absent)
        assert set(record.unseen) <= set(together.unseen)
        for path, digest in record.files.items():
            assert together.files[path] == digest or (
                f"{path} changed while the seeds trained" in together.unseen
            )
