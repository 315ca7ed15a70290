"""A/B runs of whole projects, in fresh processes of an environment of their own."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sysconfig
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from editable_installs import a_line_of_a_pth
from real_projects import CHECK, PYPROJECT, TRAINING, RealProject, new_environment

GOOD, WORSE = TRAINING.format(level=0.9), TRAINING.format(level=0.8)
EXTENSION = """
    #include <Python.h>

    static PyObject *scale(PyObject *self, PyObject *args) { return PyFloat_FromDouble(1.0); }
    static PyMethodDef methods[] = {{"scale", scale, METH_NOARGS, ""}, {0}};
    static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fast", 0, -1, methods};
    PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&module); }
"""
SETUP = """
    from setuptools import Extension, setup

    setup(ext_modules=[Extension("demo._fast", ["src/demo/_fast.c"])])
"""


@pytest.fixture
def project(tmp_path: Path) -> RealProject:
    folder = tmp_path.resolve()
    return RealProject(folder / "project", new_environment(folder / "environment"))


def a_src_layout(project: RealProject) -> str:
    """Installed in editable mode; answers the file with the training."""
    project.write("pyproject.toml", PYPROJECT)
    project.write("src/demo/__init__.py", GOOD)
    project.install("src")
    return "src/demo/__init__.py"


def a_flat_layout(project: RealProject) -> str:
    """Not installed: `python -m pytest` finds the package in the current folder."""
    project.write("pyproject.toml", PYPROJECT)
    project.write("demo/__init__.py", "")
    project.write("demo/training.py", GOOD)
    project.write("tests/test_demo.py", CHECK.format(package="demo.training"))
    return "demo/training.py"


def a_compiled_extension(project: RealProject) -> str:
    """Built in place, as `pip install -e .` with setuptools does."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None or importlib.util.find_spec("setuptools") is None:
        pytest.skip(f"no C compiler ({compiler}) or no setuptools here")
    project.write("pyproject.toml", PYPROJECT)
    project.write("setup.py", SETUP)
    project.write("src/demo/_fast.c", EXTENSION)
    project.write("src/demo/training.py", GOOD)
    project.write(
        "src/demo/__init__.py",
        """
        from demo import _fast, training


        def accuracy(seed):
            return _fast.scale() * training.accuracy(seed)
        """,
    )
    build(project)
    project.install("src")
    return "src/demo/training.py"


def build(project: RealProject) -> None:
    done = subprocess.run(
        [str(project.python), "setup.py", "--quiet", "build_ext", "--inplace", "--force"],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def a_submodule(project: RealProject) -> str:
    """The training is in a submodule, which is on pytest's path."""
    library = RealProject(project.path.parent / "library", project.python)
    library.write("demo.py", GOOD)
    library.commit()
    project.write(
        "pyproject.toml", f"{PYPROJECT}\n    [tool.pytest.ini_options]\n    pythonpath = 'lib'\n"
    )
    project.commit()
    project.git("-c", "protocol.file.allow=always", "submodule", "add", str(library.path), "lib")
    return "lib/demo.py"


LAYOUTS = (a_src_layout, a_flat_layout, a_compiled_extension, a_submodule)
UNCHANGED = "identical tests/test_demo.py::test_training 2/5 pairs"
REGRESSED = "regression tests/test_demo.py::test_training 5/5 pairs"


def cases() -> list[object]:
    """Each layout at each number of workers; one of them is fast enough for every run."""
    return [
        pytest.param(
            layout,
            workers,
            id=f"{layout.__name__}-{workers}",
            marks=() if (layout, workers) == (a_src_layout, "-n0") else pytest.mark.slow,
        )
        for layout in LAYOUTS
        for workers in ("-n0", "-n2")
    ]


@pytest.mark.parametrize(("layout", "workers"), cases())
def test_a_project_is_compared_with_its_main_branch(
    project: RealProject, layout: Callable[[RealProject], str], workers: str
) -> None:
    project.write("tests/test_demo.py", CHECK.format(package="demo"))
    file = layout(project)
    project.commit()
    unchanged = project.compare(workers)
    assert unchanged.status == 0, unchanged.output
    assert UNCHANGED in unchanged.lines
    project.write(file, WORSE)
    worse = project.compare(workers)
    assert worse.status == 1, worse.output
    assert REGRESSED in worse.lines
    assert any(line.startswith("accuracy 0.9094 -> 0.8094 ") for line in worse.lines)


@pytest.mark.slow
def test_a_changed_extension_is_refused_with_the_remedy(project: RealProject) -> None:
    project.write("tests/test_demo.py", CHECK.format(package="demo"))
    a_compiled_extension(project)
    project.commit()
    project.write("src/demo/_fast.c", EXTENSION.replace("1.0", "0.5"))
    refused = project.compare("-n0")
    assert refused.status == 4, refused.output
    commit = project.git("rev-parse", "HEAD")[:7]
    assert refused.says(
        "the sources of compiled extensions differ (src/demo/_fast.c) between the base "
        f"{commit} and the working tree, and one environment cannot serve both sides; name an "
        "environment of the base, built from its sources: --mlregress-against=main,env:PYTHON"
    )


@pytest.mark.slow
def test_a_changed_extension_is_compared_with_that_of_the_bases_environment(
    project: RealProject, tmp_path: Path
) -> None:
    """The remedy of the refusal: the base's code with the extension that its environment built."""
    project.write("tests/test_demo.py", CHECK.format(package="demo"))
    a_compiled_extension(project)
    project.commit()
    folder = tmp_path.resolve()
    base = RealProject(folder / "base", new_environment(folder / "base-environment"))
    project.git("worktree", "add", "--quiet", "--detach", str(base.path), "main")
    build(base)
    a_line_of_a_pth("demo.pth")(base.site, base.path)
    project.write("src/demo/_fast.c", EXTENSION.replace("1.0", "0.5"))
    build(project)
    compared = project.compare("-n0", f"--mlregress-against=main,env:{base.python}")
    assert compared.status == 1, compared.output
    assert REGRESSED in compared.lines
    assert any(line.startswith("accuracy 0.9094 -> 0.4547 ") for line in compared.lines)


@pytest.fixture
def worktree(project: RealProject) -> RealProject:
    """A worktree that the user made, of a project whose main checkout is installed."""
    project.write("tests/test_demo.py", CHECK.format(package="demo"))
    a_src_layout(project)
    project.commit()
    feature = project.path.parent / "feature"
    project.git("worktree", "add", "--quiet", "-b", "feature", str(feature))
    made = RealProject(feature, project.python)
    made.write("src/demo/__init__.py", WORSE)
    return made


def imported_from(worktree: RealProject) -> str:
    return f"{worktree.path.parent}/project/src/demo/__init__.py"


def test_pytest_in_a_worktree_would_test_the_main_checkout(worktree: RealProject) -> None:
    """The error comes before anything trains, and its remedy works."""
    refused = worktree.compare("-n0")
    assert refused.status == 4, refused.output
    (line,) = [line for line in refused.lines if line.startswith("ERROR: ")]
    assert line.endswith(
        f"module demo would be imported from {imported_from(worktree)}, not from {worktree.path}; "
        f"{worktree.site}/demo.pth leads there; install this checkout instead: {worktree.python} "
        f"-m pip install -e {worktree.path}"
    )
    worktree.install("src")  # what the command writes
    compared = worktree.compare("-n0")
    assert REGRESSED in compared.lines, compared.output


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_path_that_only_a_test_knows_is_found_after_its_first_seed(
    worktree: RealProject, workers: str
) -> None:
    """Without the error both sides would run the same code, and be identical."""
    (worktree.site / "demo.pth").unlink()
    test = textwrap.dedent(CHECK.format(package="demo"))
    source = f"{worktree.path.parent}/project/src"
    worktree.write("tests/test_demo.py", f"import sys\nsys.path.insert(0, {source!r})\n{test}")
    compared = worktree.compare(workers)
    assert compared.status == 1, compared.output
    assert compared.says(
        f"module demo was imported from {imported_from(worktree)}, not from the checkout of this "
        f"tree ({worktree.path}); {worktree.path}/tests/test_demo.py has this absolute path; build "
        "it from Path(__file__) instead"
    )
    fixed = "str(Path(__file__).parents[1] / 'src')"
    worktree.write(
        "tests/test_demo.py",
        f"import sys\nfrom pathlib import Path\nsys.path.insert(0, {fixed})\n{test}",
    )
    assert REGRESSED in worktree.compare(workers).lines
