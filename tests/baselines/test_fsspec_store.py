"""Baselines behind a URL, on fsspec's file system in memory."""

import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from baseline_examples import KEY, example

from pytest_mlregress.baselines.errors import ArtifactError, ConflictError, StoreError
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.fsspec_store import RemoteStore
from pytest_mlregress.baselines.json_text import dumps
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path

fsspec = pytest.importorskip("fsspec")
_loaded = sys.modules["fsspec.registry"]._registry
memory = fsspec.filesystem("memory")
FILE = "/models/a/tests/test_digits/test_digits.full.json"


@pytest.fixture
def store() -> Iterator[RemoteStore]:
    _forget()  # what other tests of the same process have stored
    yield RemoteStore("memory://models/a")
    _forget()


def _forget() -> None:
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


def test_a_baseline_is_read_as_it_was_written(store: RemoteStore) -> None:
    assert store.read(KEY) is None
    assert store.list() == ()

    store.write(KEY, example((0.5,)))
    store.write(KEY, example((0.9,)))

    assert store.read(KEY) == example((0.9,))
    assert store.list() == (KEY,)
    assert store.describe(KEY) == "memory://models/a/tests/test_digits/test_digits.full.json"
    assert memory.cat_file(FILE).decode() == dumps(example((0.9,)))
    assert list(memory.store) == [FILE]


def test_a_test_file_in_the_rootdir_itself(store: RemoteStore) -> None:
    key = BaselineKey(PurePosixPath(), KEY.path)

    store.write(key, example())

    assert store.read(key) == example()
    assert store.list() == (key,)


def test_a_deleted_baseline_is_gone(store: RemoteStore) -> None:
    store.write(KEY, example())

    store.delete(KEY)
    store.delete(KEY)

    assert store.read(KEY) is None
    assert store.list() == ()


def test_the_list_leaves_out_other_files(store: RemoteStore) -> None:
    store.write(KEY, example())
    memory.pipe_file("/models/a/tests/test_digits/.0123.mlregress-tmp", b"{")
    memory.pipe_file("/models/a/README.md", b"")
    memory.pipe_file("/models/b/tests/test_digits/test_digits.full.json", b"{")

    assert store.list() == (KEY,)


def test_a_failed_write_leaves_the_old_baseline(
    store: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(KEY, example((0.5,)))
    really = memory.pipe_file

    def half(path: str, value: bytes, **options: object) -> None:
        really(path, value[:100])
        raise ConnectionResetError("the network went away")

    with monkeypatch.context() as broken:
        broken.setattr(type(memory), "pipe_file", staticmethod(half))
        with pytest.raises(StoreError) as refused:
            store.write(KEY, example((0.9,)))

    assert str(refused.value) == (
        f"{store.describe(KEY)}: cannot write this baseline: ConnectionResetError: the network "
        "went away. Check the URL, your credentials for it and the network, then run again"
    )
    assert store.read(KEY) == example((0.5,))
    assert list(memory.store) == [FILE]


def test_an_object_store_gets_the_object_in_one_piece(
    store: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An object store has no cheap rename: moving a temporary object would copy it.
    monkeypatch.setattr(type(memory), "async_impl", True)
    monkeypatch.setattr(type(memory), "mv", lambda *_: pytest.fail("moved an object"))

    store.write(KEY, example())

    assert store.read(KEY) == example()


@pytest.mark.parametrize(
    ("what", "method"), [("read", "info"), ("delete", "rm_file"), ("list", "find")]
)
def test_an_unreachable_url_is_named_with_the_remedy(
    store: RemoteStore, monkeypatch: pytest.MonkeyPatch, what: str, method: str
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise PermissionError("access denied: https://al:secret@host/a?token=secret")

    monkeypatch.setattr(type(memory), method, unreachable)

    with pytest.raises(StoreError, match=r"memory://models/a.*access denied.*Check the URL") as met:
        getattr(store, what)(*([] if what == "list" else [KEY]))
    assert "secret" not in str(met.value)


def test_a_damaged_file_names_itself(store: RemoteStore) -> None:
    memory.pipe_file(FILE, b"{")

    with pytest.raises(ArtifactError, match=r"memory://models/a/.*json: at \$: it is not valid"):
        store.read(KEY)


def test_a_large_file_is_refused_before_it_is_read(
    store: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(memory), "info", lambda *_: {"size": 65 * 2**20})
    monkeypatch.setattr(type(memory), "cat_file", lambda *_: pytest.fail("read it"))

    with pytest.raises(ArtifactError, match="it has 65 MiB, a baseline has at most 64 MiB"):
        store.read(KEY)


def test_a_server_of_pages_is_read_and_its_password_never_printed(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    key = BaselineKey(KEY.directory, artifact_path("test_digits.py::test_digits[a b]", "default"))
    artifact = replace(example(), test="test_digits.py::test_digits[a b]", tier="default")
    FolderStore(tmp_path / "kept", beside_tests=False).write(key, artifact)
    handler = functools.partial(_Silent, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"127.0.0.1:{server.server_address[1]}/kept"
        store = RemoteStore(f"http://{place}")
        assert store.list() == (key,)
        assert store.read(key).metrics == artifact.metrics
        secret = RemoteStore(f"http://user:hunter2@{place}")
        assert secret.describe(key) == f"http://{place}/{key.directory}/{key.path}"
        assert secret.list() == (key,)
        assert secret.read(key).metrics == artifact.metrics
        with pytest.raises(StoreError) as refused:
            secret.check_writable([])
        server.shutdown()
    assert str(refused.value).startswith(f"http://{place}: cannot write baselines here: ")
    assert "hunter2" not in str(refused.value)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: pytest captures the output of tests."""


def test_without_fsspec_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "fsspec"]:
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(StoreError) as refused:
        RemoteStore("s3://bucket/baselines")

    assert str(refused.value) == (
        "s3://bucket/baselines: URLs need fsspec. Install it with: pip install "
        "'pytest-mlregress[remote]'"
    )


def test_a_protocol_whose_package_is_missing_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_loaded, "s3", raising=False)  # by another test of this process

    with pytest.raises(StoreError) as refused:
        RemoteStore("s3://bucket/baselines")

    assert str(refused.value) == (
        "s3://bucket/baselines: Install s3fs to access S3. Install it with: pip install "
        "'pytest-mlregress[s3]'"
    )


def test_a_protocol_without_an_extra_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    monkeypatch.delitem(_loaded, "sftp", raising=False)

    with pytest.raises(StoreError, match=r"sftp://host/.*paramiko.*Install that package$"):
        RemoteStore("sftp://host/baselines")


def test_without_conditional_requests_a_file_is_read_again_before_it_is_replaced(
    store: RemoteStore,
) -> None:
    store.write(KEY, example((0.5,)))
    ours, theirs = RemoteStore("memory://models/a"), RemoteStore("memory://models/a")
    ours.read(KEY), theirs.read(KEY)

    theirs.write(KEY, example((0.9,)))
    with pytest.raises(ConflictError) as conflict:
        ours.write(KEY, example((0.7,)))

    assert str(conflict.value) == (
        f"{store.describe(KEY)}: cannot write this baseline: it was revision "
        f"{example((0.5,)).revision} when this run read it, and now it is revision "
        f"{example((0.9,)).revision}, recorded 2026-03-01T12:00:00Z at commit 4f0c2d1. Another "
        "run was faster, and what it left is untouched"
    )
    assert store.read(KEY) == example((0.9,))


def test_a_protocol_that_is_none_keeps_the_credentials_to_itself() -> None:
    with pytest.raises(StoreError) as refused:
        RemoteStore("nosuch://user:secret@host/baselines")

    assert str(refused.value) == (
        "nosuch://host/baselines: fsspec knows no protocol 'nosuch'. Use a folder, git:REF, or a "
        "protocol of fsspec such as s3://, gs://, az:// or sftp://"
    )


def test_a_misspelt_protocol_is_told_the_right_one() -> None:
    with pytest.raises(StoreError) as refused:
        RemoteStore("s4://bucket/baselines")

    assert str(refused.value) == (
        "s4://bucket/baselines: fsspec knows no protocol 's4'. Did you mean s3://?"
    )


def test_a_url_that_can_be_written_is_left_as_it_was(store: RemoteStore) -> None:
    store.check_writable([PurePosixPath("tests")])

    assert memory.store == {}


@pytest.mark.parametrize("object_store", [False, True])
def test_a_url_that_cannot_be_written_is_named_with_the_remedy(
    store: RemoteStore, monkeypatch: pytest.MonkeyPatch, object_store: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("access denied")

    monkeypatch.setattr(type(memory), "async_impl", object_store)
    monkeypatch.setattr(type(memory), "pipe_file", refuse)

    with pytest.raises(StoreError) as refused:
        store.check_writable([PurePosixPath("tests")])

    assert str(refused.value) == (
        "memory://models/a: cannot write baselines here: PermissionError: access denied. Check "
        "the URL, your credentials for it and the network, then run again"
    )


def test_a_url_where_nothing_may_be_deleted_can_be_written(
    store: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("deleting is denied")

    monkeypatch.setattr(type(memory), "rm_file", refuse)

    store.check_writable([PurePosixPath("tests")])
