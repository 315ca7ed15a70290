"""Which files another machine needs, and which of them have to be the same."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from pytest_mlregress.engines import working_tree as module
from pytest_mlregress.engines.working_tree import (
    TreeTooLargeError,
    WorkingTree,
    digest_of,
    first_difference,
    pack,
    working_tree,
)


def tree_of(folder: Path) -> WorkingTree:
    return working_tree(folder, lambda name: name == "written.json")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "models/net.py": "WIDTH = 1\n",
        "data.bin": "1 2 3",
        "written.json": "{}",
        ".gitignore": "ignored/\n",
        "ignored/large.bin": "x",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for command in (("init", "-q"), ("add", ".")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "new.py").write_text("")
    (tmp_path / "log.txt").write_text("")
    return tmp_path


def test_what_git_ignores_is_left_out(project: Path) -> None:
    tree = tree_of(project / "models")
    assert tree.root == project
    assert tree.files == (
        ".gitignore",
        "data.bin",
        "log.txt",
        "models/net.py",
        "new.py",
        "written.json",
    )


def test_what_trainings_write_need_not_be_the_same(project: Path) -> None:
    assert [*tree_of(project).digests] == [".gitignore", "data.bin", "models/net.py", "new.py"]


def test_the_first_file_that_differs_is_named(project: Path) -> None:
    digests = tree_of(project).digests
    assert first_difference(digests, project) is None
    (project / "log.txt").write_text("epoch 1")
    assert first_difference(digests, project) is None
    (project / "new.py").unlink()
    assert first_difference(digests, project) == "new.py is missing"
    (project / "models/net.py").write_text("WIDTH = 2\n")
    assert first_difference(digests, project) == "models/net.py differs"


def test_of_a_large_file_the_size_and_the_ends_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WHOLE_BYTES", 8)
    monkeypatch.setattr(module, "_END_BYTES", 2)
    file = tmp_path / "data.bin"
    digests = []
    for text in ("0123456789", "0123x56789", "x123456789", "012345678x", "01234567890"):
        file.write_text(text)
        digests.append(digest_of(file))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


def test_without_git_what_tools_leave_behind_is_left_out(tmp_path: Path) -> None:
    for name in ("test_a.py", "__pycache__/a.pyc", ".venv/lib/b.py", "data.bin"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    tree = tree_of(tmp_path)
    assert tree.files == ("data.bin", "test_a.py")
    assert [*tree.digests] == ["test_a.py"]


def in_git(folder: Path, *command: str) -> None:
    options = ("user.name=a", "user.email=a@b.c", "protocol.file.allow=always")
    given = [word for option in options for word in ("-c", option)]
    subprocess.run(["git", *given, *command], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def vendored(tmp_path: Path) -> Path:
    """A repository with a submodule `vendor`, which has one itself."""
    for name, inner in (("deep", None), ("core", "deep"), ("main", "core")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text("SCALE = 1\n")
        (folder / ".gitignore").write_text("ignored.py\n")
        in_git(folder, "init", "-q")
        if inner is not None:
            in_git(folder, "submodule", "add", "-q", str(tmp_path / inner), f"vendor-{inner}")
        in_git(folder, "add", ".")
        in_git(folder, "commit", "-q", "-m", name)
    main = tmp_path / "main"
    in_git(main, "submodule", "update", "-q", "--init", "--recursive")
    return main


def test_a_submodule_is_sent_and_compared(vendored: Path, tmp_path: Path) -> None:
    core = vendored / "vendor-core"
    for name in ("new.py", "log.txt", "ignored.py"):
        (core / name).write_text("")
    before = tree_of(vendored)
    assert before.files == (
        ".gitignore",
        ".gitmodules",
        "main.py",
        "vendor-core/.gitignore",
        "vendor-core/.gitmodules",
        "vendor-core/core.py",
        "vendor-core/log.txt",
        "vendor-core/new.py",
        "vendor-core/vendor-deep/.gitignore",
        "vendor-core/vendor-deep/deep.py",
    )
    assert {*before.files} - {*before.digests} == {"vendor-core/log.txt"}
    pack(before, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("vendor-core/vendor-deep/deep.py") == b"SCALE = 1\n"
    for file in (core / "core.py", core / "vendor-deep" / "deep.py"):
        file.write_text("SCALE = 2\n")
        differing = file.relative_to(vendored)
        assert first_difference(before.digests, vendored) == f"{differing} differs"
        assert tree_of(vendored).digest != before.digest
        file.write_text("SCALE = 1\n")


def test_a_submodule_that_is_not_there_holds_nothing(vendored: Path) -> None:
    in_git(vendored, "submodule", "deinit", "-q", "-f", "vendor-core")
    assert tree_of(vendored).files == (".gitignore", ".gitmodules", "main.py")


def test_a_repository_that_git_would_not_add_is_sent_and_compared(
    project: Path, vendored: Path
) -> None:
    tree = tree_of(project)
    assert {"deep/deep.py", "main/vendor-core/core.py"} <= tree.digests.keys()


def test_a_link_to_a_folder_stands_for_its_files(project: Path, tmp_path: Path) -> None:
    (project / "link").symlink_to("models")
    (project / "models" / "deep").symlink_to(project / "inner")
    (project / "inner").mkdir()
    (project / "inner" / "layer.py").write_text("")
    (project / "file.py").symlink_to("models/net.py")
    in_git(project, "add", "link")
    tree = tree_of(project)
    linked = {
        "file.py",
        "inner/layer.py",
        "link/deep/layer.py",
        "link/net.py",
        "models/deep/layer.py",
        "models/net.py",
    }
    assert linked <= tree.digests.keys()
    pack(tree, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("link/net.py") == archive.read("file.py") == b"WIDTH = 1\n"
    (project / "link").unlink()
    (project / "link").symlink_to("inner")
    assert tree_of(project).digest != tree.digest
    assert first_difference(tree.digests, project) == "link/deep/layer.py is missing"


def test_links_back_end(project: Path) -> None:
    (project / "models" / "top").symlink_to("..")
    (project / "loop").symlink_to("loop")
    (project / "nowhere").symlink_to("not there")
    files = tree_of(project).files
    assert "models/top/models/net.py" in files
    assert not any(name.startswith("models/top/models/top/") for name in files)
    assert not {"loop", "nowhere"} & {*files}


def test_a_link_to_a_folder_outside_or_that_git_ignores_is_left_out(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = tree_of(project).files
    outside = tmp_path_factory.mktemp("outside")
    (outside / "large.py").write_text("")
    (project / "data").symlink_to(outside)
    (project / "cache").symlink_to("ignored")
    assert tree_of(project).files == before


def test_without_git_links_are_followed_as_well(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "net.py").write_text("")
    (tmp_path / "link").symlink_to("real")
    assert tree_of(tmp_path).files == ("link/net.py", "real/net.py")


def test_the_same_tree_is_the_same_package(project: Path, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("packages")
    tree = tree_of(project)
    for name in ("a.zip", "b.zip"):
        pack(tree, folder / name, {"cache/lastfailed": project / "log.txt"})
    assert (folder / "a.zip").read_bytes() == (folder / "b.zip").read_bytes()
    with zipfile.ZipFile(folder / "a.zip") as archive:
        assert sorted(archive.namelist()) == sorted([*tree.files, "cache/lastfailed"])


def test_a_tree_that_is_too_large_is_refused_with_the_next_step(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 20)
    with pytest.raises(TreeTooLargeError) as refused:
        pack(tree_of(project), tmp_path / "a.zip")
    assert str(refused.value) == (
        f"the working tree {project} has 26 bytes in 6 files, and at most 20 bytes are sent to a "
        "Ray cluster (the largest is models/net.py with 10 bytes); name data in .gitignore and "
        "have it on the nodes, or put the tree on a file system that every node has at the same "
        "path"
    )
