"""Baselines on a real S3-compatible server, which several runs read and write at the same time."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from baseline_examples import KEY, example

from pytest_mlregress.baselines import remote_files
from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import ConflictError, StoreError
from pytest_mlregress.baselines.fsspec_store import RemoteStore
from pytest_mlregress.baselines.history import revise
from pytest_mlregress.baselines.json_text import dumps
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path
from s3_server import BUCKET, S3Server

URL = f"s3://{BUCKET}/models"
PLACE = f"{URL}/tests/test_digits/test_digits.full.json"


pytestmark = pytest.mark.usefixtures("s3")


@pytest.fixture
def new_client() -> Iterator[None]:
    """fsspec keeps its clients for the process, with the server and the credentials they had."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    yield
    s3fs.S3FileSystem.clear_instance_cache()


def revision(previous: Artifact, accuracy: float) -> Artifact:
    values = example((accuracy, accuracy + 0.001)).metrics
    return revise(previous, values, previous.provenance, effects={}, reason=f"to {accuracy}")


def test_a_baseline_is_read_as_it_was_written() -> None:
    store = RemoteStore(URL)
    assert store.read(KEY) is None
    assert store.list() == ()

    store.write(KEY, example((0.5,)))
    store.write(KEY, example((0.9,)))

    assert RemoteStore(URL).read(KEY) == example((0.9,))
    assert RemoteStore(URL).list() == (KEY,)
    assert store.describe(KEY) == PLACE
    store.delete(KEY)
    assert RemoteStore(URL).list() == ()


def test_of_two_runs_that_replace_a_baseline_the_second_is_told() -> None:
    first = example((0.5,))
    RemoteStore(URL).write(KEY, first)
    ours, theirs = RemoteStore(URL), RemoteStore(URL)
    ours.read(KEY), theirs.read(KEY)

    theirs.write(KEY, revision(first, 0.9))
    with pytest.raises(ConflictError) as conflict:
        ours.write(KEY, revision(first, 0.7))

    assert str(conflict.value) == (
        f"{PLACE}: cannot write this baseline: it was revision {first.revision} when this run read "
        f"it, and now it is revision {revision(first, 0.9).revision}, recorded "
        "2026-03-01T12:00:00Z at commit 4f0c2d1. Another run was faster, and what it left is "
        "untouched"
    )
    assert RemoteStore(URL).read(KEY) == revision(first, 0.9)


def test_of_two_runs_that_record_a_first_baseline_the_second_is_told() -> None:
    ours, theirs = RemoteStore(URL), RemoteStore(URL)
    ours.read(KEY), theirs.read(KEY)

    theirs.write(KEY, example((0.9,)))
    with pytest.raises(ConflictError, match="there was none when this run read it, and now it is"):
        ours.write(KEY, example((0.7,)))

    assert RemoteStore(URL).read(KEY) == example((0.9,))


def test_a_baseline_that_another_run_has_removed_is_not_brought_back() -> None:
    RemoteStore(URL).write(KEY, example((0.5,)))
    ours, theirs = RemoteStore(URL), RemoteStore(URL)
    ours.read(KEY), theirs.read(KEY)

    theirs.delete(KEY)
    with pytest.raises(ConflictError, match="read it, and now there is none"):
        ours.write(KEY, revision(example((0.5,)), 0.7))

    assert RemoteStore(URL).read(KEY) is None


def test_a_baseline_that_another_run_has_recorded_is_not_deleted() -> None:
    RemoteStore(URL).write(KEY, example((0.5,)))
    ours, theirs = RemoteStore(URL), RemoteStore(URL)
    ours.read(KEY), theirs.read(KEY)

    theirs.write(KEY, revision(example((0.5,)), 0.9))
    with pytest.raises(ConflictError, match="cannot delete this baseline: it was revision"):
        ours.delete(KEY)

    assert RemoteStore(URL).list() == (KEY,)


@pytest.mark.parametrize("there", [None, example((0.5,))])
def test_what_is_written_between_the_last_look_and_the_write_is_kept(
    monkeypatch: pytest.MonkeyPatch, there: Artifact | None
) -> None:
    if there is not None:
        RemoteStore(URL).write(KEY, there)
    ours, theirs = RemoteStore(URL), RemoteStore(URL)
    ours.read(KEY), theirs.read(KEY)
    look = remote_files.check_unchanged

    def look_and_be_overtaken(*args: object, **options: object) -> str:
        version = look(*args, **options)
        monkeypatch.setattr(remote_files, "check_unchanged", look)
        theirs.write(KEY, example((0.9,)))
        return version

    monkeypatch.setattr(remote_files, "check_unchanged", look_and_be_overtaken)
    with pytest.raises(ConflictError):
        ours.write(KEY, example((0.7,)))

    assert RemoteStore(URL).read(KEY) == example((0.9,))


def test_a_request_that_was_sent_twice_meets_its_own_baseline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The answer was lost, and the client has asked again.
    store = RemoteStore(URL)
    store.read(KEY)
    write = remote_files.replace_remote_file

    def twice(*args: object, **options: object) -> None:
        write(*args, **options)
        write(*args, **options)

    monkeypatch.setattr(remote_files, "replace_remote_file", twice)
    store.write(KEY, example((0.9,)))

    assert store.read(KEY) == example((0.9,))


def test_two_runs_that_record_two_tests_keep_both() -> None:
    other = BaselineKey(KEY.directory, artifact_path("test_digits.py::test_other", "full"))
    ours, theirs = RemoteStore(URL), RemoteStore(URL)
    for store in (ours, theirs):
        store.read(KEY), store.read(other)

    ours.write(KEY, example())
    theirs.write(other, example(test="test_digits.py::test_other"))

    assert RemoteStore(URL).list() == tuple(sorted([KEY, other]))


def test_no_update_of_many_at_the_same_time_is_lost() -> None:
    start = example((0.5,))
    RemoteStore(URL).write(KEY, start)
    everyone = threading.Barrier(4)
    conflicts = []

    def update_three_times(run: int) -> None:
        for turn in range(3):
            everyone.wait()
            while True:
                store = RemoteStore(URL)
                previous = store.read(KEY)
                assert previous is not None
                try:
                    store.write(KEY, revision(previous, run + turn / 10))
                    break
                except ConflictError as conflict:
                    conflicts.append(conflict)

    with ThreadPoolExecutor(4) as runs:
        list(runs.map(update_three_times, range(4)))

    last = RemoteStore(URL).read(KEY)
    assert last is not None
    assert sorted(entry.reason for entry in last.ledger) == sorted(
        f"to {run + turn / 10}" for run in range(4) for turn in range(3)
    )
    assert conflicts


def test_a_server_without_conditional_requests_gets_plain_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import s3fs
    from botocore.exceptions import ClientError

    store = RemoteStore(URL)
    store.write(KEY, example((0.5,)))
    really = s3fs.S3FileSystem.pipe_file

    def refuse(self: object, path: str, value: bytes, **condition: str) -> None:
        if condition:
            unknown = {"Error": {"Code": "NotImplemented", "Message": "A header is unknown"}}
            raise OSError("A header is unknown") from ClientError(unknown, "PutObject")
        really(self, path, value)

    monkeypatch.setattr(s3fs.S3FileSystem, "pipe_file", refuse)
    store.write(KEY, example((0.9,)))

    assert RemoteStore(URL).read(KEY) == example((0.9,))


def test_a_bucket_that_does_not_exist_is_named() -> None:
    problem = "there is no bucket 'buckte'. Create it, or correct the URL"

    for use in (RemoteStore.list, lambda store: store.check_writable([])):
        with pytest.raises(StoreError) as refused:
            use(RemoteStore("s3://buckte/models"))
        assert str(refused.value) == f"s3://buckte/models: {problem}"


@pytest.mark.parametrize(
    ("use", "doing"),
    [
        (RemoteStore.list, f"{URL}: cannot be listed"),
        (lambda store: store.read(KEY), f"{PLACE}: cannot read this baseline"),
        (lambda store: store.check_writable([]), f"{URL}: cannot write baselines here"),
    ],
)
def test_wrong_credentials_are_said_in_one_line(
    s3: S3Server, use: Callable[[RemoteStore], object], doing: str
) -> None:
    s3.check_credentials()

    with pytest.raises(StoreError) as refused:
        use(RemoteStore(URL))

    assert str(refused.value).startswith(f"{doing}: PermissionError: ")
    assert str(refused.value).endswith(
        ". Check the URL, your credentials for it and the network, then run again"
    )
    for secret in s3.environment["AWS_ACCESS_KEY_ID"], s3.environment["AWS_SECRET_ACCESS_KEY"]:
        assert secret not in str(refused.value)


@pytest.mark.usefixtures("new_client")
def test_without_credentials_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(StoreError, match=f"{URL}: cannot be listed: NoCredentialsError: Unable to"):
        RemoteStore(URL).list()


def test_a_server_that_has_gone_takes_no_baseline_with_it(s3: S3Server) -> None:
    store = RemoteStore(URL)
    first = example((0.5,))
    store.write(KEY, first)

    s3.go()
    try:
        with pytest.raises(StoreError) as refused:
            store.write(KEY, revision(first, 0.9))
    finally:
        s3.come_back()

    assert str(refused.value) == (
        f"{PLACE}: cannot write this baseline: EndpointConnectionError: Could not connect to the "
        f'endpoint URL: "{s3.url}/bucket/models/tests/test_digits/test_digits.full.json". Check '
        "the URL, your credentials for it and the network, then run again"
    )
    assert RemoteStore(URL).read(KEY) == first
    store.write(KEY, revision(first, 0.9))
    assert RemoteStore(URL).read(KEY) == revision(first, 0.9)


def test_a_server_that_does_not_answer_is_waited_for_once(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = {"read_timeout": 0.2, "retries": {"max_attempts": 0}}
    monkeypatch.setattr(remote_files, "_PATIENCE", patience)
    store = RemoteStore(URL)
    first = example((0.5,))
    store.write(KEY, first)

    s3.freeze()
    try:
        with pytest.raises(StoreError, match="cannot write this baseline: ReadTimeoutError: Read"):
            store.write(KEY, revision(first, 0.9))
    finally:
        s3.thaw()

    with pytest.raises(StoreError) as refused:
        store.write(KEY, revision(first, 0.9))
    assert str(refused.value).startswith(
        f"{PLACE}: cannot write this baseline: the server did not answer before (ReadTimeoutError: "
    )
    assert RemoteStore(URL).read(KEY) == first


def test_a_damaged_object_is_named_in_a_conflict() -> None:
    import s3fs

    ours = RemoteStore(URL)
    ours.read(KEY)
    s3fs.S3FileSystem().pipe_file(PLACE, dumps(example())[:50].encode())

    with pytest.raises(ConflictError, match=r"there was none .* and now it is no baseline at all"):
        ours.write(KEY, replace(example()))
