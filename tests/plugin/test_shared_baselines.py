"""Baselines on a real S3-compatible server, as the runs of two people use them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from training_suite import TRAINING, Suite

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.json_text import loads
from s3_server import BUCKET, S3Server

pytestmark = pytest.mark.usefixtures("lean_pytest")

URL = f"s3://{BUCKET}/models"
THERE = f"--mlregress-baseline={URL}"
PLACE = f"{URL}/test_training/test_training.default.json"
TEST = "test_training.py::test_training"
UPDATE = ("-v", "--mlregress-update", "--mlregress-rebase-anchor=better data")
AT_ONCE = TRAINING.replace(
    "        accuracy =",
    """
        import pathlib, time

        pathlib.Path(os.environ["ME"]).touch()  # the other run has read its baseline as well
        while not pathlib.Path(os.environ["OTHER"]).exists():
            time.sleep(0.01)
        accuracy =""",
)

GOING = """
        import signal, time

        if mlregress.seed == 0 and os.environ["SERVER"]:
            os.kill(int(os.environ["SERVER"]), signal.SIGUSR1)
            time.sleep(1.0)  # until its port is closed
        accuracy ="""


@pytest.fixture
def suite(suite: Suite, s3: S3Server) -> Suite:
    """An empty suite, beside a server."""
    ignored = ("runpytest-*", "stdout", "stderr", "first", "mine", "theirs", "gone")
    with (suite.path / ".gitignore").open("a") as ignore:
        ignore.write("\n" + "\n".join(ignored))
    return suite


def run(suite: Suite, *arguments: str, **environment: str) -> pytest.RunResult:
    return suite.run("-n0", THERE, *arguments, apart=True, **environment)


def baseline() -> Artifact:
    s3fs = pytest.importorskip("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()
    return loads(s3fs.S3FileSystem().cat_file(PLACE), source=PLACE)


def test_what_one_run_records_another_checks(suite: Suite) -> None:
    suite.write(TRAINING)

    assert run(suite, "--mlregress-update").ret == 0
    assert run(suite).ret == 0
    assert suite.verdicts == {TEST: "identical"}
    assert not list(suite.path.rglob("__baselines__"))


@pytest.mark.slow
def test_of_two_updates_at_the_same_time_one_wins_and_one_is_told(suite: Suite) -> None:
    suite.write(AT_ONCE)
    (suite.path / "first").touch()
    run(suite, "--mlregress-update", ME="first", OTHER="first")
    before = baseline()
    command = [sys.executable, "-m", "pytest", "-n0", THERE, *UPDATE, "-p", "no:cacheprovider"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ME", "theirs")
        patch.setenv("OTHER", "mine")
        patch.setenv("LOSS", "-0.001")
        other = suite.pytester.popen(command, stdin=subprocess.DEVNULL)
    mine = run(suite, *UPDATE, ME="mine", OTHER="theirs", LOSS="-0.002")
    theirs = other.communicate()[0].decode()

    assert sorted([mine.ret, other.returncode]) == [0, 1]
    lost = mine.stdout.str() if mine.ret else theirs
    now = baseline()
    assert now.parent == before.revision
    assert not now.edited
    text = " ".join(lost.split())
    assert (
        f"{PLACE}: cannot write this baseline: it was revision {before.revision} when this run "
        f"read it, and now it is revision {now.revision}, recorded {now.provenance.time} at "
        f"commit {now.provenance.commit[:7]}. Another run was faster, and what it left is "
        "untouched"
    ) in text
    assert f"or record it on top of that: pytest '{TEST}' \\ {THERE} --mlregress-update" in text
    assert "Traceback" not in text


@pytest.mark.slow
def test_a_server_that_goes_while_seeds_train_costs_no_training(suite: Suite, s3: S3Server) -> None:
    suite.write(TRAINING)
    assert run(suite, "--mlregress-update").ret == 0
    before = baseline()
    suite.write(TRAINING.replace("        accuracy =", GOING))

    try:
        result = run(suite, *UPDATE, SERVER=str(s3.pid), LOSS="-0.001")
    finally:
        s3.come_back()

    assert result.ret == 1
    text = " ".join(result.stdout.str().split())
    kept = ".pytest_cache/d/mlregress-unwritten/test_training/test_training.default.json"
    assert f"{PLACE}: cannot write this baseline: EndpointConnectionError: Could not " in text
    assert f"the new baseline is in {kept}; copy it to {PLACE}".replace(" ", "") in (
        result.stdout.str().replace("\n", "").replace(" ", "")
    )
    assert "Traceback" not in text
    assert baseline() == before
    new = loads((suite.path / kept).read_text(), source=kept)
    assert new.parent == before.revision
    assert run(suite, *UPDATE, LOSS="-0.001", SERVER="").ret == 0
    assert baseline().metrics == new.metrics


def test_a_server_that_is_not_there_is_told_before_anything_trains(
    suite: Suite, s3: S3Server
) -> None:
    suite.write(TRAINING.replace("accuracy =", "open('trained', 'w').close(); accuracy ="))
    s3.go()
    try:
        result = run(suite)
    finally:
        s3.come_back()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines[0].startswith(
        f"ERROR: --mlregress-baseline: {URL}: cannot be listed: EndpointConnectionError: Could not "
    )
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
    assert not (suite.path / "trained").exists()


def test_wrong_credentials_are_told_before_anything_trains(suite: Suite, s3: S3Server) -> None:
    suite.write(TRAINING.replace("accuracy =", "open('trained', 'w').close(); accuracy ="))
    s3.check_credentials()

    result = run(suite, "--mlregress-update")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines == [
        f"ERROR: --mlregress-baseline: {URL}: cannot write baselines here: PermissionError: The "
        "AWS Access Key Id you provided does not exist in our records. Check the URL, your "
        "credentials for it and the network, then run again",
        "",
    ]
    assert not (suite.path / "trained").exists()


def test_a_misspelt_bucket_is_told_before_anything_trains(suite: Suite) -> None:
    suite.write(TRAINING.replace("accuracy =", "open('trained', 'w').close(); accuracy ="))

    result = suite.run("-n0", "--mlregress-baseline=s3://buckte/models", apart=True)

    assert result.errlines == [
        "ERROR: --mlregress-baseline: s3://buckte/models: there is no bucket 'buckte'. Create it, "
        "or correct the URL",
        "",
    ]
    assert not (suite.path / "trained").exists()
