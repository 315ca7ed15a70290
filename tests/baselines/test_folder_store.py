"""Baselines in folders: beside the tests, or all below one folder."""

import errno
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path, PurePosixPath

import pytest
from baseline_examples import KEY, example

from pytest_mlregress.baselines import folder_store, json_text
from pytest_mlregress.baselines.errors import ArtifactError, StoreError
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path

FILE = "test_digits/test_digits.full.json"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path, beside_tests=True)


@pytest.fixture(params=[True, False], ids=["beside-tests", "one-folder"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path, beside_tests=request.param)


def test_a_baseline_is_read_as_it_was_written(any_store: FolderStore) -> None:
    assert any_store.read(KEY) is None

    any_store.write(KEY, example((0.5, 0.6)))
    any_store.write(KEY, example((0.7, 0.8)))

    assert any_store.read(KEY) == example((0.7, 0.8))
    assert any_store.list() == (KEY,)


def test_a_deleted_baseline_leaves_nothing_behind(tmp_path: Path, store: FolderStore) -> None:
    store.write(KEY, example())
    other = BaselineKey(KEY.directory, artifact_path("test_digits.py::test_other", "full"))
    store.write(other, example(test="test_digits.py::test_other"))

    store.delete(KEY)
    assert store.list() == (other,)
    store.delete(other)
    store.delete(other)

    assert list((tmp_path / "tests").iterdir()) == []


def test_the_files_lie_where_the_design_says(tmp_path: Path) -> None:
    beside = FolderStore(tmp_path / "project", beside_tests=True)
    below = FolderStore(tmp_path / "shared", beside_tests=False)

    beside.write(KEY, example())
    below.write(KEY, example())

    assert (tmp_path / "project/tests/__baselines__" / FILE).exists()
    assert (tmp_path / "shared/tests" / FILE).exists()
    assert beside.describe(KEY) == str(tmp_path / "project/tests/__baselines__" / FILE)
    assert below.describe(KEY) == str(tmp_path / "shared/tests" / FILE)


@pytest.mark.parametrize("beside", [True, False])
def test_a_test_file_in_the_rootdir_itself(tmp_path: Path, beside: bool) -> None:
    key = BaselineKey(PurePosixPath(), KEY.path)
    store = FolderStore(tmp_path, beside_tests=beside)

    store.write(key, example())

    assert store.read(key) == example()
    assert store.list() == (key,)


def test_the_list_leaves_out_what_no_suite_is_made_of(tmp_path: Path, store: FolderStore) -> None:
    store.write(KEY, example())
    content = Path(store.describe(KEY)).read_text()
    for place in [
        "node_modules/x/__baselines__/test_digits",
        "build/lib/tests/__baselines__/test_digits",
        "env/lib/__baselines__/test_digits",
        ".tox/tests/__baselines__/test_digits",
        "tests/__baselines__",
        "tests/__baselines__/test_digits/deeper",
        "tests/other/test_digits",
    ]:
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "test_digits.full.json").write_text(content)
    (tmp_path / "env/pyvenv.cfg").touch()
    (tmp_path / "tests/__baselines__/test_digits/notes.txt").touch()
    (tmp_path / "tests/__baselines__/test_digits/.0123.mlregress-tmp").touch()

    assert store.list() == (KEY,)


def test_a_list_of_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert FolderStore(tmp_path / "none", beside_tests=False).list() == ()


def test_a_file_under_another_tests_name_is_refused(tmp_path: Path, store: FolderStore) -> None:
    store.write(KEY, example())
    copy = BaselineKey(KEY.directory, artifact_path("test_digits.py::test_renamed", "full"))
    Path(store.describe(KEY)).rename(store.describe(copy))

    with pytest.raises(ArtifactError) as refused:
        store.read(copy)

    assert str(refused.value) == (
        f"{store.describe(copy)}: at $.test: it is the baseline of 'test_digits.py::test_digits', "
        f"tier 'full'. Move the file to {FILE}, or, if the test was renamed, record its baseline "
        "again with --mlregress-update and remove this one"
    )


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(KEY, example())
    with Path(store.describe(KEY)).open("r+b") as file:
        file.truncate(100 * 2**20)  # sparse: it takes no space
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"read {path}"))

    with pytest.raises(ArtifactError, match="it has 100 MiB, a baseline has at most 64 MiB"):
        store.read(KEY)


def test_a_damaged_file_names_itself(store: FolderStore) -> None:
    store.write(KEY, example())
    Path(store.describe(KEY)).write_text("{")

    with pytest.raises(ArtifactError) as refused:
        store.read(KEY)

    assert str(refused.value).startswith(f"{store.describe(KEY)}: at $: it is not valid JSON")


def test_a_full_disk_leaves_the_old_baseline(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    store.write(KEY, example((0.5,)))
    really = os.open

    def on_a_full_disk(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            os.close(really(path, flags, mode))
            return really("/dev/full", os.O_WRONLY)
        return really(path, flags, mode)

    with monkeypatch.context() as full_disk:
        full_disk.setattr(folder_store.os, "open", on_a_full_disk)
        with pytest.raises(StoreError) as refused:
            store.write(KEY, example((0.9,)))

    assert str(refused.value) == (
        f"{store.describe(KEY)}: cannot write this baseline: No space left on device; what was "
        "there before is untouched. Free space on this disk and run again"
    )
    assert store.read(KEY) == example((0.5,))
    assert [path.name for path in Path(store.describe(KEY)).parent.iterdir()] == [
        "test_digits.full.json"
    ]


WRITE_WITHIN_A_LIMIT = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from baseline_examples import KEY, example
from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.folder_store import FolderStore
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    FolderStore(Path(sys.argv[1]), beside_tests=True).write(KEY, example(tuple([0.5] * 9999)))
except StoreError as error:
    print(error)
"""


def test_a_limit_on_file_sizes_leaves_the_old_baseline(tmp_path: Path, store: FolderStore) -> None:
    pytest.importorskip("resource", reason="limits are set in the POSIX way")
    store.write(KEY, example((0.5,)))

    printed = subprocess.check_output(
        [sys.executable, "-c", WRITE_WITHIN_A_LIMIT, str(tmp_path), str(Path(__file__).parent)],
        text=True,
    )

    assert printed == (
        f"{store.describe(KEY)}: cannot write this baseline: File too large; what was there "
        "before is untouched. Raise the limit on the size of files (ulimit -f) and run again\n"
    )
    assert store.read(KEY) == example((0.5,))


WRITE_AS_ANYBODY = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from baseline_examples import KEY, example
from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.folder_store import FolderStore
if os.geteuid() == 0:
    os.setuid(65534)  # to root, everything is writable
try:
    FolderStore(Path(sys.argv[1]), beside_tests=True).write(KEY, example())
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="permissions are set in the POSIX way")
def test_an_unwritable_folder_is_named_with_the_remedy() -> None:
    with tempfile.TemporaryDirectory() as root:  # pytest's own is closed to other users
        store = FolderStore(Path(root), beside_tests=True)
        Path(root).chmod(0o755)
        store.write(KEY, example((0.5,)))
        Path(store.describe(KEY)).parent.chmod(0o555)

        printed = subprocess.check_output(
            [sys.executable, "-c", WRITE_AS_ANYBODY, root, str(Path(__file__).parent)], text=True
        )

        assert printed == (
            f"{store.describe(KEY)}: cannot write this baseline: Permission denied; what was "
            "there before is untouched. Make it accessible to you, or keep baselines elsewhere: "
            "--mlregress-baseline\n"
        )
        assert store.read(KEY) == example((0.5,))
        Path(store.describe(KEY)).parent.chmod(0o755)


def test_a_file_where_a_folder_should_be(tmp_path: Path, store: FolderStore) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/__baselines__").write_text("mine")

    with pytest.raises(StoreError, match="Move away the file that stands where a folder is needed"):
        store.write(KEY, example())

    assert (tmp_path / "tests/__baselines__").read_text() == "mine"


def test_a_folder_where_the_file_should_be(store: FolderStore) -> None:
    Path(store.describe(KEY)).mkdir(parents=True)

    with pytest.raises(StoreError, match="Move away the folder that stands where the file"):
        store.read(KEY)
    with pytest.raises(StoreError, match="Move away the folder that stands where the file"):
        store.write(KEY, example())


@pytest.mark.parametrize("link", ["__baselines__", "__baselines__/test_digits"])
@pytest.mark.parametrize("what", ["read", "write", "delete"])
def test_a_link_out_of_the_folder_is_not_followed(
    tmp_path: Path, store: FolderStore, link: str, what: str
) -> None:
    outside = tmp_path / "outside"
    target = outside / FILE if link == "__baselines__" else outside / "test_digits.full.json"
    target.parent.mkdir(parents=True)
    target.write_text("mine")
    (tmp_path / "tests" / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "tests" / link).symlink_to(outside)

    with pytest.raises(StoreError, match=r"a symbolic link leads out of .*Remove the link"):
        getattr(store, what)(KEY, *([example()] if what == "write" else []))

    assert target.read_text() == "mine"
    assert list(outside.rglob("*.json")) == [target]


def test_a_file_that_is_a_link_out_of_the_folder_is_not_followed(
    tmp_path: Path, store: FolderStore
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text("mine")
    Path(store.describe(KEY)).parent.mkdir(parents=True)
    Path(store.describe(KEY)).symlink_to(secret)

    with pytest.raises(StoreError, match="a symbolic link leads out of"):
        store.read(KEY)


def test_a_circle_of_links_is_an_error(store: FolderStore) -> None:
    path = Path(store.describe(KEY))
    path.parent.mkdir(parents=True)
    path.symlink_to(path)

    with pytest.raises(StoreError, match=r"links"):
        store.read(KEY)


def test_a_test_folder_that_is_a_link_keeps_its_baselines_behind_it(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project/tests").symlink_to(tmp_path / "elsewhere")
    store = FolderStore(tmp_path / "project", beside_tests=True)

    store.write(KEY, example())

    assert store.read(KEY) == example()
    assert (tmp_path / "elsewhere/__baselines__" / FILE).exists()


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_is_not(store: FolderStore) -> None:
    store.write(KEY, example())
    inside = Path(store.describe(KEY)).parent
    dead, living = inside / ".00.mlregress-tmp", inside / ".01.mlregress-tmp"
    dead.write_text("{")
    living.write_text("{")
    an_hour_ago = time.time() - 3600
    os.utime(dead, (an_hour_ago, an_hour_ago))

    store.write(KEY, example((0.9,)))

    assert not dead.exists()
    assert living.exists()
    assert store.list() == (KEY,)


def test_an_interrupted_write_cleans_up(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(KEY, example((0.5,)))

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(folder_store.os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.write(KEY, example((0.9,)))

    assert store.read(KEY) == example((0.5,))
    assert len(list(Path(store.describe(KEY)).parent.iterdir())) == 1


def test_file_and_folder_reach_the_disk_before_a_write_returns(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_fsync, really_replace = os.fsync, Path.replace
    events: list[str] = []

    def fsync(descriptor: int) -> None:
        events.append("folder" if os.path.isdir(f"/dev/fd/{descriptor}") else "file")  # noqa: PTH112
        really_fsync(descriptor)

    def replace(path: Path, target: Path) -> Path:
        events.append("rename")
        return really_replace(path, target)

    monkeypatch.setattr(folder_store.os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    store.write(KEY, example())

    assert events == ["file", "rename", "folder"]


def test_files_are_shared_as_the_users_umask_says(store: FolderStore) -> None:
    before = os.umask(0o027)
    try:
        store.write(KEY, example())
    finally:
        os.umask(before)

    assert Path(store.describe(KEY)).stat().st_mode & 0o777 == 0o640


def test_an_error_without_a_known_remedy_still_has_one(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(folder_store.os, "fsync", broken)

    with pytest.raises(StoreError, match="Check the path and its disk, then run again"):
        store.write(KEY, example())


def test_reading_the_baselines_of_a_large_suite_takes_a_moment(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, beside_tests=True)
    for number in range(300):
        test = f"test_digits.py::test_digits[{number}]"
        path = tmp_path / "tests/__baselines__" / artifact_path(test, "full")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json_text.dumps(example(tuple([0.5] * 20), test=test)))

    start = time.perf_counter()
    keys = store.list()
    listed = time.perf_counter()
    artifacts = [store.read(key) for key in keys]
    read = time.perf_counter()

    assert len(artifacts) == 300
    assert listed - start < 0.5
    assert read - listed < 2.0
