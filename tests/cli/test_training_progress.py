"""What commands that train seeds say while they do, in a log."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlregress.cli import progress


@pytest.mark.parametrize(
    ("total", "lines"),
    [
        (None, ["1 training", "1 training", "2 trainings", "2 trainings"]),
        (2, ["0/2 trainings", "1/2 trainings", "1/2 trainings", "2/2 trainings"]),
    ],
)
def test_a_training_under_way_counts_where_none_knows_how_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    total: int | None,
    lines: list[str],
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(progress, "_NOT_RIGHT_AT_ONCE_S", 0.0)
    with progress.TrainingProgress("explain", total=total) as shown:
        requests: list[Any] = [f"seed 0, repeat {repeat}" for repeat in range(2)]
        for request in requests:
            shown.on_start(request)
            shown.on_seed(SimpleNamespace(request=request, source="trained"))  # type: ignore[arg-type]
    said = capsys.readouterr().err.splitlines()
    assert [re.sub(r", \d+ s\b.*", "", line) for line in said] == [
        f"explain: {line}" for line in lines
    ]
