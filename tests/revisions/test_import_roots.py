"""Where a checkout's code is imported from, what it provides, and the base's import path."""

from __future__ import annotations

import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import pytest_mlregress
from pytest_mlregress.revisions.first_party import (
    companion_environment,
    first_party_names,
    import_roots,
    plugin_problem,
)

PLUGIN_FOLDER = Path(pytest_mlregress.__file__).parents[1]
PLUGIN = [] if "site-packages" in PLUGIN_FOLDER.parts else [str(PLUGIN_FOLDER)]
ALL_MODULES = ("src/demo", "lib/demo", "python/demo", "demo")
DECLARED = {
    "setuptools, package-dir": ("[tool.setuptools]\npackage-dir = {'' = 'lib'}\n", "lib"),
    "setuptools, find": ("[tool.setuptools.packages.find]\nwhere = ['lib']\n", "lib"),
    "hatch, packages": ("[tool.hatch.build.targets.wheel]\npackages = ['lib/demo']\n", "lib"),
    "hatch, sources": ("[tool.hatch.build.targets.wheel]\nsources = ['lib']\n", "lib"),
    "hatch, mapping": (
        "[tool.hatch.build.targets.wheel.sources]\n'lib/demo' = 'demo'\n",
        "lib",
    ),
    "hatch, development": ("[tool.hatch.build]\ndev-mode-dirs = ['lib']\n", "lib"),
    "poetry": ("[tool.poetry]\npackages = [{include = 'demo', from = 'lib'}]\n", "lib"),
    "poetry, flat": ("[tool.poetry]\npackages = [{include = 'demo'}]\n", "."),
    "pdm": ("[tool.pdm.build]\npackage-dir = 'lib'\n", "lib"),
    "scikit-build-core": ("[tool.scikit-build]\nwheel.packages = ['lib/demo']\n", "lib"),
    "maturin": ("[tool.maturin]\npython-source = 'lib'\n", "lib"),
    "nothing": ("[project]\nname = 'demo'\n", "src"),
    "not TOML": ("[project\n", "src"),
    "a folder that is not there": ("[tool.pdm.build]\npackage-dir = 'gone'\n", "src"),
}


def checkout(folder: Path, *files: str) -> Path:
    for name in files:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return folder.resolve()


def relative(roots: tuple[Path, ...], top: Path) -> list[str]:
    return [root.relative_to(top).as_posix() for root in roots]


@pytest.mark.parametrize(("pyproject", "root"), DECLARED.values(), ids=DECLARED)
def test_the_roots_are_those_that_the_build_files_name(
    tmp_path: Path, pyproject: str, root: str
) -> None:
    top = checkout(tmp_path, *(f"{folder}/__init__.py" for folder in ALL_MODULES))
    (top / "pyproject.toml").write_text(pyproject)
    assert relative(import_roots(top, top), top) == [root]
    assert "demo" in first_party_names(import_roots(top, top))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("setup.cfg", "[options]\npackage_dir =\n    = lib\n"),
        ("setup.cfg", "[options.packages.find]\nwhere = lib\n"),
        ("setup.py", "from setuptools import setup\nsetup(package_dir={'': 'lib'})\n"),
        ("setup.py", "import setuptools\nsetuptools.setup(name=NAME, package_dir={'': 'lib'})\n"),
    ],
)
def test_older_build_files_are_read_without_running_them(
    tmp_path: Path, name: str, text: str
) -> None:
    top = checkout(tmp_path, "src/demo/__init__.py", "lib/demo/__init__.py")
    (top / name).write_text(text)
    assert relative(import_roots(top, top), top) == ["lib"]


def test_a_rootdir_in_a_sub_folder_belongs_to_its_own_project(tmp_path: Path) -> None:
    top = checkout(
        tmp_path,
        *("pyproject.toml", "whole/__init__.py"),
        *("packages/part/pyproject.toml", "packages/part/src/part/__init__.py"),
        "packages/part/tests/test_part.py",
    )
    assert relative(import_roots(top, top), top) == ["."]
    for rootdir in ("packages/part", "packages/part/tests"):
        assert relative(import_roots(top, top / rootdir), top) == ["packages/part/src"]


def test_the_path_of_pytest_comes_first_and_stays_in_the_checkout(tmp_path: Path) -> None:
    top = checkout(tmp_path / "project", "src/demo/__init__.py", "helpers/tool.py")
    extra = [Path("helpers"), top / "src", Path("gone"), Path("../elsewhere")]
    checkout(tmp_path / "elsewhere", "other.py")
    assert relative(import_roots(top, top, extra), top) == ["helpers", "src"]


def test_names_are_those_of_code(tmp_path: Path) -> None:
    top = checkout(
        tmp_path,
        *("pyproject.toml", "demo/__init__.py", "single.py", f"fast{EXTENSION_SUFFIXES[0]}"),
        *("acme/layers/__init__.py", "acme/tool.py", "random.py"),
        *("setup.py", "conftest.py", "noxfile.py", "test_top.py", "tests/__init__.py"),
        *("docs/conf.py", "build/lib/demo/__init__.py", "scripts/run.py", "no-module/x.py"),
        *(".venv/pyvenv.cfg", "environment/pyvenv.cfg", "environment/lib/site.py"),
    )
    assert sorted(first_party_names([top])) == [
        "acme.layers",
        "acme.tool",
        "demo",
        "fast",
        "single",
    ]


def test_the_companions_environment_differs_in_pythonpath_alone(tmp_path: Path) -> None:
    candidate = checkout(tmp_path / "project", "src/demo/__init__.py", "new/x.py")
    base = checkout(candidate / ".pytest_cache/d/1", "src/demo/__init__.py")
    elsewhere = str(checkout(tmp_path / "elsewhere", "x.py"))
    environ = {
        "HOME": "/home/me",
        "PYTHONPATH": os.pathsep.join([elsewhere, f"{candidate}/new", f"{candidate}/src"]),
    }
    assert companion_environment(environ, [base / "src"], candidate, base) == {
        "HOME": "/home/me",
        "PYTHONPATH": os.pathsep.join([f"{base}/src", *PLUGIN, elsewhere]),
    }


def test_a_relative_pythonpath_is_that_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = checkout(tmp_path / "project", "src/demo.py")
    base = checkout(tmp_path / "base", "src/demo.py", "tests/x.py")
    monkeypatch.chdir(candidate)
    moved = companion_environment({"PYTHONPATH": f"src{os.pathsep}"}, [], candidate, base)
    assert moved["PYTHONPATH"].split(os.pathsep) == [*PLUGIN, f"{base}/src", str(base)]


def test_a_change_of_the_plugin_itself_is_refused(tmp_path: Path) -> None:
    sides = [
        checkout(tmp_path / side, "pyproject.toml", "src/pytest_mlregress/plugin.py")
        for side in ("candidate", "base")
    ]
    assert plugin_problem(*sides) is None
    (sides[0] / "src/pytest_mlregress/seeding.py").write_text("")
    assert plugin_problem(*sides) == (
        f"{sides[0]}/src/pytest_mlregress/seeding.py differs between the two sides, and both run "
        "the pytest-mlregress of this environment: a change of the plugin itself cannot be "
        "compared; commit it on its own, and compare against that commit"
    )
    assert plugin_problem(sides[0], checkout(tmp_path / "other", "demo.py")) is None
