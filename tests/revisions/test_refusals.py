"""Sides that one environment cannot serve are refused; what changes nothing is not."""

from pathlib import Path

import pytest
from git_projects import Project, project

from pytest_mlregress.revisions.dependencies import changed_dependencies
from pytest_mlregress.revisions.extension_sources import changed_extension_sources
from pytest_mlregress.revisions.refusals import refuse_mismatch
from pytest_mlregress.revisions.worktree import WorktreeError

PROJECT = """
[build-system]
requires = ["setuptools>=70"]
[project]
name = "package"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["numpy >=1.26", "torch==2.2"]
[project.optional-dependencies]
plot = ["matplotlib"]
[dependency-groups]
dev = ["pytest"]
[tool.poetry.group.docs.dependencies]
mkdocs = "^1.5"
[tool.ruff]
line-length = 100
"""
SETUP = """
from setuptools import setup
setup(name="package", version="1.0", install_requires=["torch==2.2", "numpy"])
"""
SETUP_CFG = """
[options]
install_requires =
    torch==2.2
    numpy
[flake8]
max-line-length = 99
"""
UV_LOCK = """
[[package]]
name = "package"
version = "1.0"
source = { editable = "." }
[[package]]
name = "torch"
version = "2.2.0"
source = { registry = "https://pypi.org/simple" }
"""
PIPFILE_LOCK = '{"_meta": {"hash": 1}, "default": {"torch": {"version": "==2.2.0"}}}'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project(
        tmp_path_factory.mktemp("refusals") / "project",
        {
            "pyproject.toml": PROJECT,
            "setup.py": SETUP,
            "setup.cfg": SETUP_CFG,
            "requirements.txt": "torch==2.2  # pinned\nnumpy\n",
            "requirements/base.in": "torch\n",
            "sub/requirements-dev.txt": "pytest\n",
            "docs/requirements.txt": "mkdocs\n",
            "environment.yml": "dependencies:\n  - torch=2.2\n",
            "uv.lock": UV_LOCK,
            "Pipfile.lock": PIPFILE_LOCK,
            "packages/part/pyproject.toml": '[project]\nname = "part"\ndependencies = []\n',
            "data.txt": "",
        },
    )


def difference(made: Project, tmp_path: Path, name: str, text: str) -> tuple[str, ...]:
    """The declared dependencies that differ after one file has this text."""
    made.write({name: text})
    try:
        checkout = made.prepare("HEAD")
        found = changed_dependencies(
            checkout.files, "", candidate=checkout.candidate_top, base=checkout.top
        )
        checkout.release(keep=True)
    finally:
        made.git("checkout", "--quiet", "--", ".")
        made.git("clean", "-fdq")
    return found


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "pyproject.toml",
            PROJECT.replace("torch==2.2", "torch==2.3"),
            "pyproject.toml: project.dependencies",
        ),
        (
            "pyproject.toml",
            PROJECT.replace("matplotlib", "seaborn").replace("pytest", "nose"),
            "pyproject.toml: dependency-groups.dev, project.optional-dependencies.plot",
        ),
        (
            "pyproject.toml",
            PROJECT.replace("3.11", "3.12").replace("^1.5", "^1.6").replace("s>=70", "s"),
            "pyproject.toml: build-system.requires, project.requires-python, "
            "tool.poetry.group.docs.mkdocs",
        ),
        ("pyproject.toml", "[project", "pyproject.toml: cannot be parsed"),
        ("setup.py", SETUP.replace("2.2", "2.3"), "setup.py: install_requires"),
        ("setup.py", SETUP.replace('["torch==2.2", "numpy"]', "read()"), "setup.py"),
        ("setup.cfg", SETUP_CFG.replace("2.2", "2.3"), "setup.cfg: [options] install_requires"),
        ("requirements.txt", "torch==2.3\nnumpy\n", "requirements.txt: torch==2.2, torch==2.3"),
        ("requirements/base.in", "torch\nnew\n", "requirements/base.in: new"),
        ("environment.yml", "dependencies:\n  - torch=2.3\n", "environment.yml"),
        ("uv.lock", UV_LOCK.replace("2.2.0", "2.3.0"), "uv.lock: torch 2.2.0 -> 2.3.0"),
        ("uv.lock", UV_LOCK.replace('"torch"', '"jax"'), "uv.lock: jax none -> 2.2.0"),
        (
            "Pipfile.lock",
            PIPFILE_LOCK.replace("2.2.0", "2.3.0"),
            "Pipfile.lock: torch 2.2.0 -> 2.3.0",
        ),
        (
            "packages/part/pyproject.toml",
            '[project]\nname = "part"\ndependencies = ["jax"]\n',
            "packages/part/pyproject.toml: project.dependencies",
        ),
        ("poetry.lock", '[[package]]\nname = "jax"\nversion = "1"\n', "poetry.lock: jax none -> 1"),
    ],
)
def test_a_declaration_that_differs_is_named(
    made: Project, tmp_path: Path, name: str, text: str, expected: str
) -> None:
    (found,) = difference(made, tmp_path, name, text)
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "pyproject.toml",
            PROJECT.replace('"1.0"', '"1.1"')
            .replace('["numpy >=1.26", "torch==2.2"]', '[\n"torch==2.2", # pinned\n"numpy>=1.26"]')
            .replace("100", "99"),
        ),
        ("setup.py", SETUP.replace("1.0", "1.1").replace('["torch', '[  # pinned\n"torch')),
        ("setup.cfg", SETUP_CFG.replace("99", "100")),
        ("requirements.txt", "# all\nnumpy\n\ntorch==2.2\n"),
        ("sub/requirements-dev.txt", "pytest\nruff\n"),
        ("docs/requirements.txt", "sphinx\n"),
        ("environment.yml", "# conda\ndependencies:\n  - torch=2.2 # pinned\n"),
        ("uv.lock", UV_LOCK.replace("1.0", "1.1")),
        ("Pipfile.lock", PIPFILE_LOCK.replace('"hash": 1', '"hash": 2')),
        ("data.txt", "torch==2.3\n"),
    ],
)
def test_what_declares_the_same_is_no_difference(
    made: Project, tmp_path: Path, name: str, text: str
) -> None:
    assert difference(made, tmp_path, name, text) == ()


def test_the_refusal_names_the_files_and_the_remedy(tmp_path: Path) -> None:
    made = project(tmp_path / "project", {"requirements.txt": "torch==2.2\n"})
    made.write({"requirements.txt": "torch==2.3\n", "uv.lock": UV_LOCK})
    checkout = made.prepare("tip:main")
    with pytest.raises(WorktreeError) as caught:
        refuse_mismatch(checkout)
    assert str(caught.value) == (
        "the declared dependencies differ (requirements.txt: "
        "torch==2.2, torch==2.3; uv.lock: torch none -> 2.2.0) between the base "
        f"{checkout.commit[:7]} and the working tree, and one environment cannot serve both sides; "
        "name an environment of the base, with the dependencies that it declares: "
        "--mlregress-against=tip:main,env:PYTHON"
    )
    checkout.release(keep=False)


CYTHON = '[build-system]\nrequires = ["setuptools", "Cython>=3"]\n'


@pytest.mark.parametrize(
    ("declared", "builds"),
    [
        ({"pyproject.toml": CYTHON}, True),
        ({"pyproject.toml": '[build-system]\nbuild-backend = "mesonpy"\n'}, True),
        ({"pyproject.toml": '[[tool.setuptools.ext-modules]]\nname = "fast"\n'}, True),
        ({"setup.py": "setup(ext_modules=[CUDAExtension('fast', [])])"}, True),
        ({"pyproject.toml": '[build-system]\nrequires = ["hatchling"]\n'}, False),
        ({"tests/fixture/pyproject.toml": CYTHON}, False),
        ({"packages/other/pyproject.toml": CYTHON}, False),
    ],
)
def test_sources_count_where_a_project_builds_extensions(
    tmp_path: Path, declared: dict[str, str], builds: bool
) -> None:
    sources = ("csrc/fast é.cu", "fast.pyx", "net.py", "CMakeLists.txt", "tests/c.cpp")
    made = project(tmp_path / "project", {**declared, **dict.fromkeys(sources, "old\n")})
    made.write(dict.fromkeys(sources, "new\n"))
    checkout = made.prepare("HEAD")
    expected = ("CMakeLists.txt", "csrc/fast é.cu", "fast.pyx") if builds else ()
    sides = {"candidate": checkout.candidate_top, "base": checkout.top}
    assert changed_extension_sources(checkout.files, **sides) == expected
    checkout.release(keep=False)


def test_sources_that_differ_are_refused(tmp_path: Path) -> None:
    setup = "setup(name='a', ext_modules=[Extension('fast', ['fast.c'])])\n"
    made = project(tmp_path / "project", {"setup.py": setup, "fast.c": "old"})
    made.write({"setup.py": f"# fast\n{setup}", "fast.c": "new"})
    checkout = made.prepare("HEAD")
    with pytest.raises(WorktreeError) as caught:
        refuse_mismatch(checkout)
    assert str(caught.value) == (
        "the sources of compiled extensions differ (fast.c) between the "
        f"base {checkout.commit[:7]} and the working tree, and one environment cannot serve both "
        "sides; name an environment of the base, built from its sources: "
        "--mlregress-against=HEAD,env:PYTHON"
    )
    checkout.release(keep=False)


def test_equal_sides_are_not_refused(made: Project) -> None:
    checkout = made.prepare("HEAD")
    refuse_mismatch(checkout)
    checkout.release(keep=False)
