"""Data that git does not track: linked into the base, without code, caches and secrets."""

from pathlib import Path

import pytest
from git_projects import Project, names_in, on_branch, project

from pytest_mlregress.revisions import data_folders, place_file, worktree


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
    linked = ["cached.pt", "data/loader.py", "data/sub/points.csv", "notes/n.txt"]
    assert added_in(made) == [*linked, "raw/b.npz", "raw/c é.csv"]
    checkout = made.prepare()
    points = checkout.top / "data" / "sub" / "points.csv"
    assert points.readlink() == made.top.resolve() / "data" / "sub" / "points.csv"
    assert checkout.notes == ()
    assert (checkout.top / "raw" / "a").read_text() == "a"
    checkout.release(keep=True)
    made.prepare().release(keep=False)
    assert (made.top / "data" / "sub" / "points.csv").read_text() == "1"


def test_code_caches_environments_builds_and_secrets_are_not(made: Project) -> None:
    (made.top / ".git" / "info" / "exclude").write_text(
        "generated/\nvenv3/\n*.egg-info/\n/mine/\n/exports/\ncheckouts/\n*.gen.py\n"
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
            "exports/metrics.csv": "",
        }
    )
    assert added_in(made) == ["exports/metrics.csv"]


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
    assert added_in(made) == [
        *("clean/b.npz", "clean/deep/a.npz", "with_code/a.npz"),
        *("with_log/a.log", "with_log/a.npz", "with_secret/a.npz"),
    ]


def test_what_one_side_adds_to_a_folder_of_data_is_its_own(made: Project) -> None:
    made.write({"data/points.csv": "1", "data/deep/b.csv": "", "notes/n.txt": ""})
    checkout = made.prepare()
    for name in ("data/new.pt", "data/deep/new.pt", "notes/new.pt"):
        (checkout.top / name).write_text("base")
        assert not (made.top / name).exists()
        (made.top / name).write_text("candidate")
        assert (checkout.top / name).read_text() == "base"
    checkout.release(keep=True)
    again = made.prepare()
    assert (again.top / "data" / "new.pt").read_text() == "candidate"  # data like any other now
    again.release(keep=False)
    assert (made.top / "data" / "points.csv").read_text() == "1"


def test_large_folders_are_shared_whole_and_named(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_folders, "LINKED_AT_MOST", 5)
    monkeypatch.setattr(worktree, "LINKED_AT_MOST", 5)
    many = [f"{number}.npy" for number in range(6)]
    made.write({f"data/raw/{name}": "" for name in many})
    made.write({"data/a.csv": "", "data/few/b.csv": "", "notes/n.txt": ""})
    (made.top / "data" / "few" / "up").symlink_to("..")
    checkout = made.prepare()
    assert names_in(checkout.top) == [
        *("data/a.csv", "data/few/b.csv", "data/few/up", "data/raw"),
        *("model.py", "notes/n.txt", "package/__init__.py", "package/net.py", "raw/a"),
    ]
    assert checkout.notes == (
        "folders that both sides share, as they hold more than 5 files or are links: "
        "data/few/up, data/raw; what one side writes there, the other side reads",
    )
    assert (checkout.top / "data" / "raw").readlink() == made.top.resolve() / "data" / "raw"
    checkout.release(keep=False)
    assert len(names_in(made.top / "data")) == 9


def test_a_flat_folder_with_too_many_files_is_linked_whole(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_folders, "LINKED_AT_MOST", 2)
    made.write({f"data/{number}.npy": "" for number in range(3)})
    assert added_in(made) == ["data"]


def test_outputs_of_earlier_runs_are_left_out(made: Project) -> None:
    (made.top / ".git" / "info" / "exclude").write_text("/runs/\nexp/wandb/\n/*.pt\n")
    made.write(
        {
            "runs/0/events.out": "",
            "exp/wandb/log.txt": "",
            "exp/notes.txt": "",
            "checkpoints/last.pt": "",
            "package/outputs/new_code.py": "",
            "tests/runs/laid_over.txt": "",
            "tests/test_a.py": "",
        }
    )
    assert added_in(made) == ["exp/notes.txt", "tests/runs/laid_over.txt", "tests/test_a.py"]
    checkout = made.prepare()
    assert checkout.notes == (
        "outputs of earlier runs are not linked into the base: checkpoints, exp/wandb, runs; "
        "data that both sides need belong into a folder of another name",
    )
    checkout.release(keep=False)


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
