"""`--mlregress-tracker=wandb:PROJECT` with the real library, offline: its files are read back."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracked_suite import SECRETS, TESTS, make_suite, run

pytestmark = pytest.mark.slow
pytest.importorskip("wandb", reason="needs wandb: make trackers")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vision")
    make_suite(folder)
    return folder


def _records(folder: Path) -> Iterator[Any]:
    """What W&B has written down, in order: protocol buffers in the format of LevelDB's logs.

    Blocks of 32 KiB, after a header of 7 bytes, hold pieces: checksum (4 bytes), length (2), kind
    (1: whole, 2: first, 3: middle, 4: last).
    """
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("run-*.wandb")
    content, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if (room := 32768 - place % 32768) < 7:
            place += room
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


def test_a_run_is_on_disk_with_curves_verdicts_and_the_report(suite: Path) -> None:
    done = run(suite, "--mlregress-tracker=wandb:team/digits", BUG="1", WANDB_MODE="offline")

    assert done.returncode == 1
    (folder,) = (suite / ".mlregress/wandb").glob("offline-run-*")
    assert f"wandb: wandb sync {folder}" in done.stdout.splitlines()
    records = list(_records(folder))
    (begun, *_) = [record.run for record in records if record.HasField("run")]
    assert (begun.entity, begun.project, begun.job_type) == ("team", "digits", "mlregress")
    summary: dict[str, Any] = {}
    for record in records:
        if record.HasField("summary"):
            summary.update({_key(i): json.loads(i.value_json) for i in record.summary.update})
    assert summary["red"] == 1
    green, red = TESTS
    assert summary[f"{red}/verdict"] == "regression"
    assert summary[f"{green}/verdict"] == "identical"
    assert summary[f"{red}/accuracy/difference"] < -0.1
    rows = [
        {_key(item): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.HasField("history")
    ]
    curve = f"{red}/loss/seed 0"
    assert [(row[f"{curve}/step"], row[curve]) for row in rows if curve in row] == [
        (step, 1 / (step + 1)) for step in range(0, 50, 10)
    ]
    names = [record.artifact.name for record in records if record.HasField("artifact")] + [
        record.request.log_artifact.artifact.name
        for record in records
        if record.HasField("request")
    ]
    assert [name for name in names if name.startswith("report-")]
    (exit_code,) = [record.exit.exit_code for record in records if record.HasField("exit")]
    assert exit_code == 1
    for path in (suite / ".mlregress").rglob("*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in SECRETS), path


def test_git_sees_nothing_of_it(suite: Path) -> None:
    run(suite, "--mlregress-tracker=wandb:digits", WANDB_MODE="offline")

    assert run(suite, "--mlregress-update", "--mlregress-baseline-seeds=10").returncode == 0


def test_without_a_key_there_is_one_warning(suite: Path) -> None:
    done = run(
        suite,
        "--mlregress-tracker=wandb:digits",
        HOME=str(suite / ".config"),
        WANDB_BASE_URL="http://127.0.0.1:9",
    )

    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if "not in W&B" in line]
    assert "MLRegressWarning: --mlregress-tracker=wandb:digits: this run is not in W&B: " in line
    assert line.endswith(
        "; check WANDB_API_KEY and the network, or set WANDB_MODE=offline and upload later. "
        "The verdicts stand"
    )
    assert "Traceback" not in done.stdout + done.stderr
