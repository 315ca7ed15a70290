"""What the package promises before a line of it runs: its layers, its weight, its metadata."""

import ast
import importlib
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

import pytest_mlregress

REPOSITORY = Path(__file__).parents[1]
PACKAGE = Path(pytest_mlregress.__file__).parent
CORE = ("statistics", "baselines", "bughunt", "verdicts", "history", "timeline")
HEAVY = ("numpy", "scipy", "torch", "rich", "allure_commons")


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imported_names(file: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or in a function, relative ones made absolute.

    `from package import name` yields `package.name`, since `name` may be a module.
    """
    parents = ["pytest_mlregress", *file.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


SHARED = ("__version__", "looks", "margins", "node_ids", "plurals", "seeding")
"""One module per fact that several rooms share; they import the standard library alone."""

JUDGED_BY = (
    *("statistics", "baselines", "revisions.history", "revisions.recorded_history"),
    *("revisions.worktree", "revisions.fresh"),
    *("running.result", "running.seed_outcome", "settings"),
)
"""What verdicts are reached with: numbers, files and plain values, none of which knows pytest."""

ALSO_IMPORTED = {
    "verdicts": JUDGED_BY,
    "history": ("verdicts", *JUDGED_BY),  # it judges past runs again
}
"""What a room of the core may import besides itself and `SHARED`."""


@pytest.mark.parametrize("room", CORE)
def test_the_core_imports_nothing_of_the_shell(room: str) -> None:
    allowed = (room, *SHARED, *ALSO_IMPORTED.get(room, ()))
    strangers = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in modules(PACKAGE / room)
        for name in imported_names(file)
        if within(name, "pytest_mlregress")
        and not within(name, *(f"pytest_mlregress.{other}" for other in allowed))
    }
    assert strangers == set()


@pytest.mark.parametrize("room", [room for room in CORE if room != "bughunt"])
def test_the_core_works_without_pytest(room: str) -> None:
    """Not even what it imports imports pytest."""
    names = [
        ".".join(("pytest_mlregress", *file.relative_to(PACKAGE).with_suffix("").parts))
        for file in modules(PACKAGE / room)
    ]
    program = f"""
import sys
sys.modules["pytest"] = sys.modules["_pytest"] = None  # an import of either fails
for name in {names}:
    __import__(name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


FORWARD = (
    "settings",
    "options",
    "running",
    "verdicts",
    "reporting",
    "integrations",
    "session",
    "fixtures",
    "plugin",
)
"""The shell in the order in which data flows through it; the entry point comes last."""

OFFERED_BY_THE_RUN = {
    f"running/run.py imports pytest_mlregress.integrations.{module}.{name}"
    for module, name in {
        "keras": "MLRegressCallback",
        "lightning": "MLRegressLogger",
        "transformers": "MLRegressCallback",
    }.items()
}
"""The fixture makes a framework's logger when a test asks for it; what that logs flows back into
the run by `Run.log` alone."""


def test_data_flows_through_the_shell_in_one_direction() -> None:
    backwards = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for earlier, room in enumerate(FORWARD)
        for file in modules(PACKAGE / room) or [PACKAGE / f"{room}.py"]
        for name in imported_names(file)
        if within(name, *(f"pytest_mlregress.{later}" for later in FORWARD[earlier + 1 :]))
    }
    assert backwards == OFFERED_BY_THE_RUN


def test_only_the_entry_point_and_the_public_face_import_the_session() -> None:
    importers = {
        file.relative_to(PACKAGE).parts[0]
        for file in modules(PACKAGE)
        for name in imported_names(file)
        if within(name, "pytest_mlregress.session")
    }
    assert importers == {"__init__.py", "plugin.py", "session"}


FOLDERS_OF_BUGHUNT = {
    "torch_api": (),
    "recording": ("torch_api",),
    "program": ("recording", "torch_api"),
    "replaying": ("program", "recording", "torch_api"),
    "listening": ("recording", "torch_api"),
    "checks": (
        *("listening", "replaying", "program", "recording", "torch_api"),
        *("catalogue", "registry"),
    ),
    "guards": (
        *("listening", "recording", "torch_api"),
        *("checks", "registry", "suppression"),
    ),
}
"""What each folder of bughunt may import, besides itself and the vocabulary.

``guards`` puts a guard together from what listens, what it listens with and what was suppressed, as
``hunt_runner.py`` does for hunts; it neither isolates nor replays anything.
"""

VOCABULARY = ("errors", "findings")


def strangers_in(folder: str) -> set[str]:
    allowed = (folder, *VOCABULARY, *FOLDERS_OF_BUGHUNT[folder])
    return {
        f"{file.relative_to(PACKAGE / 'bughunt')} imports {name}"
        for file in modules(PACKAGE / "bughunt" / folder)
        for name in imported_names(file)
        if within(name, "pytest_mlregress.bughunt")
        and not within(name, *(f"pytest_mlregress.bughunt.{other}" for other in allowed))
    }


@pytest.mark.parametrize("folder", FOLDERS_OF_BUGHUNT)
def test_each_folder_of_bughunt_imports_those_below_it_alone(folder: str) -> None:
    assert strangers_in(folder) == set()


@pytest.mark.parametrize("room", CORE)
def test_the_core_knows_nothing_of_pytest(room: str) -> None:
    acquaintances = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in modules(PACKAGE / room)
        for name in imported_names(file)
        if within(name, "pytest", "_pytest", "xdist")
    }
    assert acquaintances == set()


DOCTOR_USES = (
    *("doctor", "baselines", "divergence", "resources", "revisions", "verdicts", "settings"),
    *(
        "running.result",
        "running.seed_outcome",
        "running.reads",
        "running.import_closure",
        "running.file_uses",
    ),
    *("reporting.text_layout", "options"),
)
"""What the checks of a repository are made with: plain values, files and git."""


def test_the_doctor_imports_neither_pytest_nor_what_runs_inside_it() -> None:
    strangers = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in modules(PACKAGE / "doctor")
        for name in imported_names(file)
        if within(name, "pytest", "torch", "numpy", "pytest_mlregress")
        and not within(name, *(f"pytest_mlregress.{room}" for room in (*DOCTOR_USES, *SHARED)))
    }
    assert strangers == set()


def test_torch_stays_in_the_rooms_that_train() -> None:
    guests = {
        file.relative_to(PACKAGE).as_posix()
        for file in modules(PACKAGE)
        if any(within(name, "torch") for name in imported_names(file))
    }
    assert {
        file
        for file in guests
        if not file.startswith(("bughunt/", "divergence/", "running/", "vectorized/"))
    } <= {
        "fixtures.py",  # for its types alone
        "strategies.py",
        "properties.py",
    }


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of the package's syntax trees, with the file that it stands in."""
    for file in modules(PACKAGE):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            yield file.relative_to(PACKAGE).as_posix(), node


@pytest.mark.parametrize(
    ("text", "home"),
    [
        ("::", "node_ids.py"),
        ("git", "baselines/git_command.py"),
        ("git:", "baselines/git_ref.py"),
        ("s", "plurals.py"),
    ],
)
def test_each_fact_has_one_home(text: str, home: str) -> None:
    """Node ids are cut and joined, git is run, its refs are known, plurals are made in one file."""
    homes = {
        file for file, node in nodes() if isinstance(node, ast.Constant) and node.value == text
    }
    assert homes == {home}


def test_generators_are_seeded_in_one_place() -> None:
    """Python's and numpy's; `torch.manual_seed` serves the bug hunt's trial trainings, too."""
    seeders = {
        file
        for file, node in nodes()
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("random.seed", "np.random.seed", "numpy.random.seed")
    }
    assert seeders == {"seeding.py"}


def test_programs_are_started_in_few_places() -> None:
    starters = {
        file.relative_to(PACKAGE).as_posix()
        for file in modules(PACKAGE)
        if any(within(name, "subprocess") for name in imported_names(file))
    }
    assert starters == {
        "baselines/git_command.py",  # git
        "baselines/environment.py",  # the processor's name on macOS
        "integrations/submitit.py",  # scancel
        "engines/child_worker.py",  # a worker
        "revisions/cells/collecting_process.py",  # the pytest that collects a suite
        "revisions/cells/suite.py",  # the same
        "revisions/fresh.py",  # seeds of another revision
        "revisions/environments.py",  # the interpreter of another environment
    }


def test_nothing_reads_or_writes_pickles() -> None:
    picklers = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in modules(PACKAGE)
        for name in imported_names(file)
        if within(name, "pickle", "cloudpickle", "dill", "shelve", "marshal")
    }
    assert picklers == {"engines/messages.py imports marshal"}  # between processes of one run


def test_an_unused_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text("def test_plain():\n    pass\n")
    program = f"""
import sys, pytest
status = pytest.main(["-q", "-p", "pytest_mlregress.plugin", "test_plain.py"])
heavy = [name for name in {HEAVY} if name in sys.modules]
print(f"status={{int(status)}} plugin={{'pytest_mlregress.plugin' in sys.modules}} heavy={{heavy}}")
"""
    printed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.splitlines()[-1] == "status=0 plugin=True heavy=[]"


@pytest.mark.parametrize(
    "name", ["pytest_mlregress", "pytest_mlregress.statistics", "pytest_mlregress.bughunt"]
)
def test_every_public_name_resolves(name: str) -> None:
    if name.endswith("bughunt"):
        pytest.importorskip("torch")
    module = importlib.import_module(name)
    assert [public for public in module.__all__ if not hasattr(module, public)] == []


def test_the_public_names_import_nothing_heavy() -> None:
    program = f"""
import sys, pytest_mlregress
light = [name for name in ("pytest", *{HEAVY}) if name in sys.modules]
for name in pytest_mlregress.__all__:
    assert name in dir(pytest_mlregress) and getattr(pytest_mlregress, name)
print(light, [name for name in {HEAVY} if name in sys.modules])
"""
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed == "[] []\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pytest_mlregress' has no attribute 'Rum'"):
        pytest_mlregress.Rum  # noqa: B018


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    (entry_point,) = distribution("pytest-mlregress").entry_points.select(group="pytest11")
    assert (entry_point.name, entry_point.value) == ("mlregress", "pytest_mlregress.plugin")
    assert entry_point.load() is importlib.import_module("pytest_mlregress.plugin")


def test_the_version_is_written_once() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    assert distribution("pytest-mlregress").version == pytest_mlregress.__version__
    assert f"\n## {pytest_mlregress.__version__}" in changelog


@pytest.mark.slow
def test_the_wheel_is_typed_and_holds_the_package_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(tmp_path), str(REPOSITORY)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "pytest_mlregress/py.typed" in names
    assert {
        f"pytest_mlregress/{file.relative_to(PACKAGE).as_posix()}" for file in modules(PACKAGE)
    } <= set(names)
    assert {name.split("/")[0] for name in names} == {
        "pytest_mlregress",
        f"pytest_mlregress-{pytest_mlregress.__version__}.dist-info",
    }
