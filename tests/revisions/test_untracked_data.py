"""Data that git does not track: linked into the base, without code, caches and secrets."""

from pathlib import Path

import pytest
from git_projects import Project, names_in, on_branch, project

from pytest_mlregress.revisions import place_file


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return on_branch(
        project(
            tmp_path / "project",
            {"model.py": "W = 1\n", "package/__init__.py": "", "package/net.py": "", "raw/a": "a"},
        )
    )


def added_in(made: Project, against: str = "main") -> list[str]:
    """What the base's checkout has and git does not."""
    checkout = made.prepare(against)
    tracked = set(made.git("ls-tree", "-r", "-z", "--name-only", checkout.commit).split("\0"))
    found = [name for name in names_in(checkout.top) if name not in tracked]
    checkout.release(keep=False)
    return found


def test_ignored_and_untracked_data_are_linked(made: Project) -> None:
    (made.top / ".git" / "info" / "exclude").write_text("/raw/*.npz\n/cached.pt\n")
    made.write(
        {
            "data/sub/points.csv": "1",
            "data/loader.py": "",
            "raw/b.npz": "b",
            "raw/c é.csv": "c",
            "cached.pt": "",
            "notes/n.txt": "n",
        }
    )
    assert added_in(made) == ["cached.pt", "data", "notes", "raw/b.npz", "raw/c é.csv"]
    checkout = made.prepare()
    assert (checkout.top / "data").readlink() == made.top.resolve() / "data"
    assert (checkout.top / "raw" / "a").read_text() == "a"
    checkout.release(keep=True)
    made.prepare().release(keep=False)
    assert (made.top / "data" / "sub" / "points.csv").read_text() == "1"


def test_code_caches_environments_builds_and_secrets_are_not(made: Project) -> None:
    (made.top / ".git" / "info" / "exclude").write_text(
        "generated/\nvenv3/\n*.egg-info/\n/mine/\n/outputs/\ncheckouts/\n*.gen.py\n"
    )
    made.write(
        {
            "new_module.py": "",
            "kernel.cu": "",
            "pytest.ini": "",
            "uv.lock": "",
            "requirements-gpu.txt": "",
            "package/untracked.json": "",
            "package/__pycache__/net.pyc": "",
            "package/some.gen.py": "",
            "generated/__init__.py": "",
            "venv3/lib/x": "",
            "mine/pyvenv.cfg": "",
            ".venv/x": "",
            "build/lib/package/net.py": "",
            "package.egg-info/PKG-INFO": "",
            ".env": "TOKEN=1",
            ".env.local": "TOKEN=1",
            "checkouts/other/.git": "gitdir: elsewhere",
            "outputs/metrics.csv": "",
        }
    )
    assert added_in(made) == ["outputs"]


def test_a_folder_is_linked_whole_only_if_all_of_it_is_data(made: Project) -> None:
    (made.top / ".git" / "info" / "exclude").write_text("*.log\n")
    made.write(
        {
            "clean/deep/a.npz": "",
            "clean/b.npz": "",
            "with_code/a.npz": "",
            "with_code/deep/make.py": "",
            "with_secret/a.npz": "",
            "with_secret/.env": "",
            "with_log/a.npz": "",
            "with_log/a.log": "",
        }
    )
    assert added_in(made) == ["clean", "with_code/a.npz", "with_log", "with_secret/a.npz"]


def test_a_generated_version_module_is_copied(made: Project) -> None:
    """Build tools write it beside the code, and git ignores it: the base cannot do without."""
    made.write({"package/_version.py": "version = '1'\n", "other/_version.py": ""})
    checkout = made.prepare()
    assert not (checkout.top / "package" / "_version.py").is_symlink()
    assert (checkout.top / "package" / "_version.py").read_text() == "version = '1'\n"
    assert not (checkout.top / "other").exists()
    checkout.release(keep=False)


def test_what_the_base_has_is_left_alone(made: Project) -> None:
    made.git("checkout", "--quiet", "main")
    made.git("rm", "-q", ".gitignore")
    made.commit({"data/points.csv": "tracked\n"})
    made.git("checkout", "--quiet", "idea")
    made.write({"data/points.csv": "mine\n", "data/more.csv": ""})
    checkout = made.prepare("tip:main")
    assert names_in(checkout.top / "data") == ["points.csv"]
    assert (checkout.top / "data" / "points.csv").read_text() == "tracked\n"
    checkout.release(keep=False)


def test_the_folder_that_holds_the_worktrees_is_not_linked_into_them(made: Project) -> None:
    made.write({"data/points.csv": ""})
    checkout = made.prepare(place=made.top / "data" / "worktrees")
    assert not (checkout.top / "data").exists()
    checkout.release(keep=False)


def test_where_links_fail_data_are_copied(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no privilege")

    made.write({"data/points.csv": "1", "notes.txt": "n"})
    monkeypatch.setattr(place_file.Path, "symlink_to", refuse)
    checkout = made.prepare()
    assert not (checkout.top / "data").is_symlink()
    assert (checkout.top / "data" / "points.csv").read_text() == "1"
    assert (checkout.top / "notes.txt").read_text() == "n"
    checkout.release(keep=False)


EXTENSION = {
    "pyproject.toml": '[build-system]\nrequires = ["setuptools", "cython"]\n',
    "package/fast.pyx": "old = 1\n",
    "package/slow.py": "",
}


@pytest.mark.parametrize(
    ("changed", "linked"),
    [({"package/slow.py": "X = 1\n"}, True), ({"package/fast.pyx": "new = 1\n"}, False)],
)
def test_extension_modules_serve_the_base_while_their_sources_are_equal(
    made: Project, changed: dict[str, str], linked: bool
) -> None:
    made.git("checkout", "--quiet", "main")
    made.commit(EXTENSION)
    made.git("checkout", "--quiet", "-B", "idea")
    made.commit(changed)
    made.write({"package/fast.cpython-311.so": "ELF", "build/temp/fast.so": "ELF"})
    checkout = made.prepare()
    module = checkout.top / "package" / "fast.cpython-311.so"
    assert module.exists() is linked
    assert not module.is_symlink()
    assert not (checkout.top / "build").exists()
    checkout.release(keep=False)
