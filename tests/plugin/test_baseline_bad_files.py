"""Baseline files that are broken, hostile or not writable: a red verdict, and nothing lost."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from baseline_files import FILE, TEST, document, files_of
from training_suite import TRAINING, Suite

from pytest_mlregress.baselines import checked_read, json_text

OPTIONS = ["--mlregress-stop=early", "--mlregress-update", "--mlregress-update-new-only"]


def edited(old: str, new: str) -> Any:
    """A change of the file's text."""
    return lambda text: text.replace(old, new, 1)


def changed(**fields: object) -> Any:
    """A change of the file's fields."""
    return lambda text: json.dumps({**json.loads(text), **fields})


HARM: dict[str, tuple[Any, str]] = {
    "empty": (lambda text: "", "*at $: *. Restore the file from version control*"),
    "truncated": (lambda text: text[: len(text) // 2], "*Restore the file from version control*"),
    "no JSON": (lambda text: "hello", "*Restore the file from version control*"),
    "a list": (lambda text: "[]", "*at $: *"),
    "newer": (changed(schema=99), "*at $.schema: *99*"),
    "no schema": (changed(schema=None), "*at $.schema: *"),
    "wrong type": (changed(metrics=[1, 2]), "*at $.metrics: *"),
    "a string for a value": (edited('"values": {', '"values": {"77": "high",'), "*at $*"),
    "NaN token": (edited('"values": {', '"values": {"77": NaN,'), "*NaN*"),
    "a huge number": (edited('"values": {', '"values": {"77": 1e999,'), "*at $*"),
    "duplicate key": (edited('"tier"', '"tier": "default",\n"tier"'), "*tier*"),
    "another test": (changed(test="test_training.py::test_else"), "*at $.test: it is the baseline "
                     "of 'test_training.py::test_else', tier 'default'. Move the file to *"),
    "traversal": (changed(test="../../etc/passwd::test_training"), "*at $*"),
    "deep": (lambda text: "[" * 100_000, "*at $*"),
    "not UTF-8": (lambda text: "\udcff" + text, "*at $*"),
}  # fmt: skip


MANY = """
    import random

    import pytest


    @pytest.mark.seeds(5)
    @pytest.mark.parametrize("k", range({n}))
    def test_training(mlregress, k):
        mlregress.record("accuracy", random.gauss(0.9, 0.01), higher_is_better=True)
"""


def spoil(suite: Suite, harm: str, file: str = FILE) -> None:
    """Harm a baseline, and commit it."""
    change, _ = HARM[harm]
    path = suite.path / file
    path.write_bytes(change(path.read_text()).encode("utf-8", "surrogateescape"))
    suite.commit()


@pytest.mark.parametrize("option", OPTIONS)
def test_a_bad_file_is_red_names_itself_and_stays(suite: Suite, workers: str, option: str) -> None:
    suite.write(MANY.format(n=len(HARM) + 1))
    suite.record("--mlregress-baseline-seeds=5")
    checked_read = [FILE.replace(".default", f"[{k}].default") for k in range(len(HARM))]
    for file, harm in zip(checked_read, HARM, strict=True):
        spoil(suite, harm, file)
    before = files_of(suite)
    result = suite.run(workers, option, "--mlregress-baseline-seeds=5")
    assert result.ret == 1
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    result.stdout.no_fnmatch_line("*unused baseline*")
    for k, (file, (harm, (_, pattern))) in enumerate(zip(checked_read, HARM.items(), strict=True)):
        test = suite.tests[f"{TEST}[{k}]"]
        assert test["verdict"] == ("refused" if "update" in option else "incomparable"), harm
        (reason,) = test["reasons"]
        assert reason.startswith(f"{file}: at $"), harm
        pytest.LineMatcher([reason]).fnmatch_lines([pattern])
        assert files_of(suite)[file] == before[file]


def test_the_remedy_of_a_damaged_file_works(recorded: Suite) -> None:
    spoil(recorded, "truncated")
    again = f"or remove it, then record the baseline again: pytest '{TEST}' --mlregress-update"
    check = f"restore the file, then: pytest '{TEST}'"
    recorded.run()
    assert recorded.tests[TEST]["next_steps"] == [check, again]
    recorded.run("--mlregress-update")
    assert recorded.tests[TEST]["next_steps"] == [f"{check} --mlregress-update", again]
    (recorded.path / FILE).unlink()
    assert recorded.run(TEST, "--mlregress-update").ret == 0
    assert recorded.run().ret == 0


def test_a_bad_file_is_told_by_the_plan(recorded: Suite) -> None:
    spoil(recorded, "truncated")
    result = recorded.run("--mlregress-plan")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {recorded.path / FILE}: at $: *"])


def test_a_bad_file_leaves_other_tests_their_verdicts(recorded: Suite) -> None:
    recorded.write(TRAINING, "test_other.py")
    recorded.record("test_other.py")
    spoil(recorded, "newer")
    recorded.run()
    assert recorded.verdicts == {TEST: "incomparable", "test_other.py::test_training": "identical"}


def test_a_hundred_megabytes_are_refused_unread(recorded: Suite) -> None:
    with (recorded.path / FILE).open("r+b") as file:
        file.truncate(100 * 2**20)
    start = time.perf_counter()
    recorded.run()
    assert time.perf_counter() - start < 5.0
    assert recorded.verdicts == {TEST: "incomparable"}
    (reason,) = recorded.tests[TEST]["reasons"]
    assert reason.startswith(f"{FILE}: at $: it has 100 MiB, a baseline has at ")


def test_hostile_parameters_stay_in_the_folder(suite: Suite) -> None:
    suite.write(
        """
        import pytest

        @pytest.mark.seeds(2)
        @pytest.mark.parametrize("name", ["../../../up", "/etc/x", "a\\x00b", "CON", "é" * 300, ""])
        def test_training(mlregress, name):
            mlregress.record("loss", mlregress.seed, higher_is_better=False)
        """
    )
    everything = {path for path in suite.path.rglob("*") if ".git" not in path.parts}
    assert suite.run("--mlregress-update").ret == 0
    new = {path for path in suite.path.rglob("*") if ".git" not in path.parts} - everything
    written = [path for path in new if path.suffix == ".json" and path.name != "report.json"]
    assert len(written) == 6
    assert {path.parent for path in written} == {(suite.path / FILE).parent}


def test_a_link_out_of_the_folder_is_not_followed(recorded: Suite) -> None:
    path = recorded.path / FILE
    elsewhere = recorded.path / "elsewhere.txt"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    recorded.commit()
    before = elsewhere.read_bytes()
    assert recorded.run().ret == 1
    assert recorded.verdicts == {TEST: "incomparable"}
    assert recorded.run("--mlregress-update").ret == 1
    assert recorded.verdicts == {TEST: "refused"}
    assert elsewhere.read_bytes() == before


@pytest.mark.parametrize(("kind", "name"), [("link", "a symbolic link"), ("fifo", "a named pipe")])
@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_no_plain_file_is_neither_followed_nor_waited_for(
    recorded: Suite, kind: str, name: str, option: str
) -> None:
    path = recorded.path / FILE
    aside = path.with_name("aside.txt")
    path.rename(aside)
    if kind == "link":
        path.symlink_to(aside.name)
    else:
        os.mkfifo(path)
    before = aside.read_bytes()
    assert recorded.run(option, "--mlregress-allow-dirty").ret == 1
    assert recorded.verdicts == {TEST: "refused" if "update" in option else "incomparable"}
    assert recorded.tests[TEST]["reasons"] == [
        f"{FILE}: it is {name}, a baseline is a plain file. Remove it and restore the file from "
        "version control, or record the baseline again with --mlregress-update"
    ]
    assert aside.read_bytes() == before
    assert not path.is_file() or path.is_symlink()


def test_an_update_writes_nothing_that_a_check_refuses(
    recorded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(recorded)
    limit = 2**20
    monkeypatch.setattr(json_text, "MAX_BYTES", limit)
    monkeypatch.setattr(checked_read, "MAX_BYTES", limit)
    recorded.write(TRAINING + "        mlregress.log_params({'text': 'y' * 2**20})\n")
    assert recorded.run("--mlregress-update").ret == 1
    assert recorded.verdicts == {TEST: "refused"}
    assert recorded.tests[TEST]["reasons"] == [
        f"{FILE}: at $: it would have 1 MiB, a baseline has at most 1 MiB. Log "
        "fewer curves or parameters, then record it again"
    ]
    assert files_of(recorded) == before


@pytest.mark.parametrize("option", ["--mlregress-update", "--mlregress-update-new-only"])
def test_a_file_where_the_folder_of_a_test_file_should_be(
    suite: Suite, workers: str, option: str
) -> None:
    suite.write(TRAINING)
    suite.write("kept", "__baselines__/test_training")
    result = suite.run(workers, option)
    assert result.ret == 1
    assert suite.verdicts == {TEST: "refused"}
    (reason,) = suite.tests[TEST]["reasons"]
    assert reason.startswith(f"{FILE}: cannot ")
    assert reason.endswith("Move away the file that stands where a folder is needed")
    assert (suite.path / "__baselines__/test_training").read_text() == "kept"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Free space on this disk and run again"),
        (errno.EROFS, "Mount it writable, or keep baselines elsewhere: --mlregress-baseline"),
        (errno.EIO, "Check the path and its disk, then run again"),
    ],
    ids=["full disk", "read-only", "broken disk"],
)
def test_a_disk_that_fails_keeps_the_old_file(
    recorded: Suite, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    before = files_of(recorded)
    fsync = os.fsync
    failures = [OSError(number, os.strerror(number))]

    def fail_once(descriptor: int) -> None:
        if failures:
            raise failures.pop()
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_once)
        result = recorded.run("--mlregress-update")
    assert result.ret == 1
    assert files_of(recorded) == before
    (reason,) = recorded.tests[TEST]["reasons"]
    assert reason == (
        f"{FILE}: cannot write this baseline: {os.strerror(number)}; what was "
        f"there before is untouched. {remedy}"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_of_the_kernel_itself(recorded: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write itself fails, as on a disk without space, on a device that is always full."""
    before = files_of(recorded)
    os_open = os.open

    def open_full(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if "__baselines__" in str(path) and str(path).endswith(".mlregress-tmp"):
            os.close(os_open(path, flags, *more, **named))
            return os_open("/dev/full", os.O_WRONLY)
        return os_open(path, flags, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_full)
        result = recorded.run("--mlregress-update")
    assert result.ret == 1
    assert recorded.verdicts == {TEST: "refused"}
    assert recorded.tests[TEST]["reasons"] == [
        f"{FILE}: cannot write this baseline: No space left on device; what was "
        "there before is untouched. Free space on this disk and run again"
    ]
    assert files_of(recorded) == before


def test_a_repaired_file_is_used_again(recorded: Suite) -> None:
    good = (recorded.path / FILE).read_bytes()
    spoil(recorded, "truncated")
    assert recorded.run().ret == 1
    (recorded.path / FILE).write_bytes(good)
    assert recorded.run().ret == 0
    assert document(recorded)["tier"] == "default"
