"""The code under test is certain: each side imports the files of its own checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import textwrap
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from editable_installs import MODES, Mode, a_copy, a_line_of_a_pth

import pytest_mlregress

PLUGIN_FOLDER = Path(pytest_mlregress.__file__).parents[1]
PYPROJECT = "[project]\nname = 'demo-pkg'\nversion = '1.0'\n"
MODULES = {
    "__init__.py": "SIDE = '{side}'\n",
    "layers.py": """
        from importlib.resources import files
        from . import SIDE
        TEXT = files(__package__).joinpath("text.txt").read_text()
    """,
    "text.txt": "{side}",
}
START = """
import importlib, json, os, subprocess, sys
from pathlib import Path
from pytest_mlregress.revisions.first_party import *

candidate, base = Path(sys.argv[1]), Path(sys.argv[2])

def say(**values):
    print(json.dumps(values))
"""
BASE = START + "first_party = isolate(base, base, candidate, 'main')\n"
CANDIDATE = START + "first_party = watch_candidate(candidate, candidate, base, 'this tree')\n"


@dataclass
class Sides:
    """The checkouts of a candidate and, in its cache folder, of a base; and an environment."""

    candidate: Path
    base: Path
    environment: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def site(self) -> Path:
        (folder,) = self.environment.glob("lib/python*/site-packages")
        return folder

    def write(self, name: str, text: str, *, only: str | None = None) -> None:
        for side, top in (("candidate", self.candidate), ("base", self.base)):
            if only in (None, side):
                file = top / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(textwrap.dedent(text).replace("{side}", side))

    def write_package(self, folder: str = "src/demo", pyproject: str = "") -> None:
        self.write("pyproject.toml", PYPROJECT + pyproject)
        for name, text in MODULES.items():
            self.write(f"{folder}/{name}", text)

    def run(self, program: str, *, more: str = "") -> Any:
        """What a program says in a fresh process of the environment."""
        done = subprocess.run(
            [self.python, "-c", program + textwrap.dedent(more), *self._places()],
            capture_output=True,
            text=True,
            cwd=self.environment,
            env={**os.environ, "PYTHONPATH": str(PLUGIN_FOLDER), **self.variables},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def _places(self) -> list[str]:
        return [str(self.candidate), str(self.base)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment").resolve()
    venv.create(folder, symlinks=True, with_pip=False)
    return folder


@pytest.fixture
def sides(tmp_path: Path, environment: Path) -> Iterator[Sides]:
    candidate = tmp_path.resolve() / "project"
    made = Sides(candidate, candidate / ".pytest_cache/d/mlregress-worktrees/1", environment)
    made.base.mkdir(parents=True)
    yield made
    for entry in made.site.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


IMPORTS = """
    package = importlib.import_module(NAME)
    layers = importlib.import_module(NAME + ".layers")
    program = f"import {NAME}.layers as layers; print(layers.SIDE)"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    say(
        side=[package.SIDE, importlib.reload(layers).TEXT, child.stdout.strip()],
        inside=Path(layers.__file__).is_relative_to(base),
        names=sorted(first_party.names),
        problem=first_party.check("tests/test_x.py::test_y"),
    )
"""


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_every_editable_install_leads_to_the_base(sides: Sides, mode: Mode) -> None:
    """In the companion, after a reload, in a resource and in a child process."""
    sides.write_package(mode.folder, mode.pyproject)
    mode.write(sides.site, sides.candidate)
    shown = sides.run(f"NAME = {mode.package!r}\n" + BASE, more=IMPORTS)
    assert mode.package in shown.pop("names")
    assert shown == {"side": ["base", "base", "base"], "inside": True, "problem": None}


@pytest.mark.parametrize("name", ["setuptools, strict", "setuptools, namespace", "meson-python"])
def test_the_candidate_is_left_alone(sides: Sides, name: str) -> None:
    mode = MODES[name]
    sides.write_package(mode.folder, mode.pyproject)
    mode.write(sides.site, sides.candidate)
    shown = sides.run(f"NAME = {mode.package!r}\n" + CANDIDATE, more=IMPORTS)
    assert mode.package in shown.pop("names")
    assert shown == {
        "side": ["candidate", "candidate", "candidate"],
        "inside": False,
        "problem": None,
    }


def test_other_ways_of_importing_lead_to_the_base(sides: Sides) -> None:
    sides.write_package()
    sides.write("src/demo/__main__.py", "from . import SIDE\nWHO = SIDE\n")
    sides.write("src/demo/spawned.py", "from . import SIDE\ndef put(q): q.put(SIDE)\n")
    a_line_of_a_pth("demo.pth")(sides.site, sides.candidate)
    program = """
        import multiprocessing, pkgutil, runpy
        import demo.spawned
        context = multiprocessing.get_context("spawn")
        queue = context.SimpleQueue()
        process = context.Process(target=demo.spawned.put, args=(queue,))
        process.start()
        spawned = queue.get()
        process.join()
        run = "import runpy; print(runpy.run_module('demo')['WHO'])"
        done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True)
        say(
            main=runpy.run_module("demo")["WHO"],
            found=Path(importlib.util.find_spec("demo.layers").origin).is_relative_to(base),
            walked=sorted(name for _, name, _ in pkgutil.walk_packages(demo.__path__, "demo.")),
            spawned=spawned,
            module=done.stdout.strip(),
            problem=first_party.check("t"),
        )
    """
    assert sides.run(BASE, more=program) == {
        "main": "base",
        "found": True,
        "walked": ["demo.__main__", "demo.layers", "demo.spawned"],
        "spawned": "base",
        "module": "base",
        "problem": None,
    }


def test_a_module_of_the_candidate_alone_is_missing_with_the_reason(sides: Sides) -> None:
    sides.write_package()
    sides.write("src/demo/added.py", "", only="candidate")
    sides.write("src/another.py", "", only="candidate")
    a_line_of_a_pth("demo.pth")(sides.site, sides.candidate)
    program = """
        said = []
        sys.path.insert(0, str(candidate / "src"))
        for statement in (
            "import demo.added", "from demo import added", "import another", "import demo.nowhere"
        ):
            try:
                exec(statement)
            except ModuleNotFoundError as error:
                said.append(str(error))
        say(said=said, problem=first_party.check("t"))
    """
    source = sides.candidate / "src"
    added = f"'demo.added' is in the candidate only, {source}/demo/added.py; main does not have it"
    assert sides.run(BASE, more=program) == {
        "said": [
            added,
            added,
            f"'another' is in the candidate only, {source}/another.py; main does not have it",
            "No module named 'demo.nowhere'",
        ],
        "problem": None,
    }


def test_a_finder_that_comes_later_is_put_behind(sides: Sides) -> None:
    sides.write_package()
    program = """
        from importlib.util import spec_from_file_location
        class Later:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "demo":
                    return spec_from_file_location(name, candidate / "src/demo/__init__.py")
        sys.meta_path.insert(0, Later)
        first = first_party.check("t")
        import demo
        say(side=demo.SIDE, first=first, problem=first_party.check("t"))
    """
    assert sides.run(BASE, more=program) == {"side": "base", "first": None, "problem": None}


def test_code_loaded_by_an_absolute_path_is_named_with_the_file_that_does_it(sides: Sides) -> None:
    sides.write_package()
    layers = sides.candidate / "src/demo/__init__.py"
    sides.write(
        "tests/conftest.py",
        f"""
        import importlib.util
        spec = importlib.util.spec_from_file_location("loaded", "{layers}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        """,
    )
    program = """
        sys.path.insert(0, str(base / "tests"))
        import conftest
        say(problem=first_party.check("tests/test_x.py::test_y"), again=first_party.check("t"))
    """
    shown = sides.run(BASE, more=program)
    text = (
        f"module demo was imported from {layers}, not from the checkout of main ({sides.base}); "
        f"{sides.base}/tests/conftest.py has this absolute path; build it from Path(__file__) "
        "instead"
    )
    assert shown == {"problem": f"tests/test_x.py::test_y: {text}", "again": f"t: {text}"}


LOOK = """
    before = first_party.install_problem()
    import demo
    say(before=before, after=first_party.check("t"))
"""


def problems(sides: Sides, program: str = CANDIDATE) -> tuple[str | None, str | None]:
    """What is said before anything is imported and after."""
    shown = sides.run(program, more=LOOK)
    return shown["before"], shown["after"]


def texts(sides: Sides, file: Path, remedy: str) -> tuple[str, str]:
    place = sides.candidate
    return (
        f"module demo would be imported from {file}, not from {place}; {remedy}",
        f"t: module demo was imported from {file}, not from the checkout of this tree ({place}); "
        f"{remedy}",
    )


def test_an_installed_copy_is_refused_with_the_command(sides: Sides) -> None:
    sides.write_package()
    a_copy(sides.site, sides.candidate)
    remedy = (
        f"demo-pkg 1.0 is installed as a copy, so that no change of {sides.candidate} is tested; "
        f"install it in editable mode: {sides.python} -m pip install -e {sides.candidate}"
    )
    copy = sides.site / "demo/__init__.py"
    assert problems(sides) == texts(sides, copy, remedy)
    # The base's finder passes the copy by; where only the environments differ nothing does.
    assert sides.run("NAME = 'demo'\n" + BASE, more=IMPORTS)["inside"]
    same = START + "first_party = isolate(candidate, candidate, candidate, 'main')\n"
    assert "demo-pkg 1.0 is installed as a copy" in str(problems(sides, same)[1])


def another_clone(sides: Sides) -> Path:
    clone = sides.candidate.parent / "clone"
    shutil.copytree(sides.candidate, clone, ignore=shutil.ignore_patterns(".pytest_cache"))
    return clone


def test_an_editable_install_of_another_clone_is_an_error(sides: Sides) -> None:
    """As in a worktree made by hand, beside the checkout that is installed."""
    sides.write_package()
    clone = another_clone(sides)
    a_line_of_a_pth("demo.pth")(sides.site, clone)
    remedy = (
        f"demo-pkg 1.0 is installed in editable mode from {clone}; install it from this checkout: "
        f"{sides.python} -m pip install -e {sides.candidate}"
    )
    assert problems(sides) == texts(sides, clone / "src/demo/__init__.py", remedy)
    (sides.site / "demo.pth").write_text(f"{sides.candidate}/src\n")
    assert problems(sides) == (None, None)


def test_a_pth_file_without_metadata_is_named(sides: Sides) -> None:
    sides.write_package()
    clone = another_clone(sides)
    (sides.site / "conda.pth").write_text(f"{clone}/src\n")
    remedy = (
        f"{sides.site}/conda.pth leads there; install this checkout instead: {sides.python} -m pip "
        f"install -e {sides.candidate}"
    )
    assert problems(sides) == texts(sides, clone / "src/demo/__init__.py", remedy)


def test_pythonpath_to_another_clone_is_an_error(sides: Sides) -> None:
    sides.write_package()
    clone = another_clone(sides)
    sides.variables["PYTHONPATH"] = f"{clone}/src:{PLUGIN_FOLDER}"
    own = f"{sides.candidate}/src"
    remedy = f"PYTHONPATH names {clone}/src; start pytest with PYTHONPATH={own}"
    assert problems(sides) == texts(sides, clone / "src/demo/__init__.py", remedy)
    sides.variables["PYTHONPATH"] = f"{own}:{PLUGIN_FOLDER}"
    assert problems(sides) == (None, None)


def test_an_absolute_pythonpath_of_pytest_is_an_error(sides: Sides) -> None:
    sides.write_package()
    clone = another_clone(sides)
    sides.write("pytest.ini", f"[pytest]\npythonpath = {clone}/src\n")
    put = f"import sys; sys.path.insert(0, '{clone}/src')\n"
    remedy = (
        f"`pythonpath` in {sides.candidate}/pytest.ini is absolute; write it relative to that "
        "file: pythonpath = src"
    )
    assert problems(sides, put + CANDIDATE) == texts(sides, clone / "src/demo/__init__.py", remedy)


def test_an_archive_is_an_error(sides: Sides, tmp_path: Path) -> None:
    sides.write_package()
    archive = tmp_path.resolve() / "demo.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.write(sides.candidate / "src/demo/__init__.py", "demo/__init__.py")
    sides.variables["PYTHONPATH"] = f"{archive}:{PLUGIN_FOLDER}"
    remedy = f"{archive} is on the path: remove it from PYTHONPATH, sys.path and .pth files"
    assert problems(sides) == texts(sides, archive / "demo/__init__.py", remedy)


def test_bytecode_without_its_source_is_an_error(sides: Sides) -> None:
    sides.write_package()
    a_line_of_a_pth("demo.pth")(sides.site, sides.candidate)
    program = """
        import py_compile
        source = candidate / "src/demo/__init__.py"
        py_compile.compile(str(source), cfile=str(source.with_suffix(".pyc")))
        source.unlink()
    """
    sides.run(CANDIDATE, more=program + "    say()\n")
    file = sides.candidate / "src/demo/__init__.pyc"
    assert problems(sides) == texts(
        sides, file, f"its source is missing: restore it, or delete {file}"
    )


def test_another_project_of_the_same_name_is_no_copy(sides: Sides) -> None:
    """A folder `data_sets` at the top is not what `import data_sets` finds."""
    sides.write_package()
    sides.write("src/shared_name/__init__.py", "SIDE = '{side}'\n")
    (sides.site / "shared_name.py").write_text("SIDE = 'installed'\n")
    program = """
        import shared_name
        say(side=shared_name.SIDE, names=sorted(first_party.names), problem=first_party.check("t"))
    """
    assert sides.run(CANDIDATE, more=program) == {
        "side": "installed",
        "names": ["demo"],
        "problem": None,
    }


def test_where_only_the_environments_differ_nothing_is_redirected(sides: Sides) -> None:
    sides.write_package()
    a_line_of_a_pth("demo.pth")(sides.site, sides.candidate)
    same = START + "first_party = isolate(candidate, candidate, candidate, 'main')\n"
    program = """
        import demo
        say(side=demo.SIDE, finder=first_party.finder, problem=first_party.check("t"))
    """
    assert sides.run(same, more=program) == {"side": "candidate", "finder": None, "problem": None}


def test_a_checkout_behind_a_symbolic_link_is_the_same_checkout(sides: Sides) -> None:
    sides.write_package()
    a_line_of_a_pth("demo.pth")(sides.site, sides.candidate)
    link = sides.candidate.parent / "link"
    link.symlink_to(sides.candidate)
    linked = Sides(link, link / sides.base.relative_to(sides.candidate), sides.environment)
    shown = linked.run("NAME = 'demo'\n" + BASE, more=IMPORTS)
    assert shown["side"] == ["base", "base", "base"]
    assert shown["problem"] is None


def test_code_that_a_pth_file_has_imported_is_imported_again(sides: Sides) -> None:
    sides.write_package()
    (sides.site / "demo.pth").write_text(f"{sides.candidate}/src\nimport demo.layers\n")
    shown = sides.run("NAME = 'demo'\n" + BASE, more=IMPORTS)
    assert shown["side"] == ["base", "base", "base"]
    assert shown["problem"] is None


def test_packages_of_an_environment_in_the_repository_are_no_code_of_it(sides: Sides) -> None:
    sides.write_package()
    installed = sides.candidate / ".venv/lib/site-packages"
    installed.mkdir(parents=True)
    (installed / "other.py").write_text("")
    program = """
        sys.path.insert(0, str(candidate / ".venv/lib/site-packages"))
        import other
        say(file=other.__file__, problem=first_party.check("t"))
    """
    assert sides.run(BASE, more=program) == {"file": str(installed / "other.py"), "problem": None}
