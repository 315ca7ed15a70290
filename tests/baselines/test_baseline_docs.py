"""The documented example is a file that the package writes, byte for byte."""

import re
from pathlib import Path, PurePosixPath

import pytest

from pytest_mlregress.baselines.history import accepted_loss
from pytest_mlregress.baselines.json_text import dumps, loads
from pytest_mlregress.baselines.paths import artifact_path

PAGE = Path(__file__).parents[2] / "docs" / "baselines.md"


def test_the_example_is_as_it_would_be_written() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)

    artifact = loads(example, source="docs/baselines.md")

    assert dumps(artifact) == example
    assert not artifact.edited
    assert artifact.parent == artifact.ledger[-1].revision
    assert accepted_loss(artifact, "accuracy") > 0


@pytest.mark.parametrize("test", ["test_digits", "test_digits[adam-0.1]", "TestNet::test_fit"])
def test_the_file_names_on_the_page_are_real(test: str) -> None:
    path = artifact_path(f"test_digits.py::{test}", "full")

    assert path.parent == PurePosixPath("test_digits")
    assert f"      {path.name}" in PAGE.read_text()


def test_every_field_of_a_file_is_explained() -> None:
    page = PAGE.read_text()
    fields = re.findall(r'^  "(\w+)"', re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0], re.M)
    table = "\n".join(line for line in page.splitlines() if line.startswith("| `"))

    assert len(fields) == 14
    assert [field for field in fields if f"`{field}`" not in table] == []
