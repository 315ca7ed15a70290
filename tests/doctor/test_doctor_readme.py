"""What a README says without a heading, and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest
from doctor_projects import diagnose, of


@pytest.mark.parametrize(
    ("item", "line", "level"),
    [
        ("models", "No pre-trained models are provided.", "ok"),
        ("models", "- **Weights**: none are released.", "ok"),
        ("models", "There are no pretrained weights yet.", "ok"),
        ("models", "Checkpoints are not published.", "ok"),
        ("models", "We release no model weights.", "ok"),
        ("models", "It is trained with no weight decay, and not available on Windows.", "warning"),
        ("models", "Weights are kept in float32.", "warning"),
        ("evaluate", "Evaluation: `python -m digits.evaluate`", "ok"),
        ("evaluate", "Run `python -m digits.evaluate --all` for the numbers.", "ok"),
        ("evaluate", "- *Evaluation*: `make numbers`", "ok"),
        ("evaluate", "Tests: `python -m pytest`", "warning"),
        ("evaluate", "The evaluation takes an hour.", "warning"),
        ("train", "Training: `digits --all`", "ok"),
        ("results", "| model | accuracy |\n|---|---|\n| small | 98.1 |", "ok"),
        ("results", "model | test loss\n--- | ---\nsmall | 0.21", "ok"),
        ("results", "| metric | value |\n|---|---|\n| RMSE | 0.5 |", "ok"),
        ("results", "+---+-----+\n| a | F1  |\n+===+=====+\n| b | 0.5 |\n+---+-----+", "ok"),
        ("results", "| option | default |\n|---|---|\n| epochs | 10 |", "warning"),
        ("results", "| model | accuracy |\n|---|---|\n| small | soon |", "warning"),
        ("results", "Pipe it: a | accuracy 10 |", "warning"),
    ],
)
def test_without_a_heading(item: str, line: str, level: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"# Digits\n\n{line}\n")
    check = f"readme-{item}"
    ((found, place, _),) = of(diagnose(tmp_path, only=check), check)
    assert found == level
    assert place.startswith("README.md:") == (level == "ok")
