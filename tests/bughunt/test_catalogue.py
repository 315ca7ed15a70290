"""The catalogue of checks in the documentation and the registry are one list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

from pytest_mlregress.bughunt import registry, suppression
from pytest_mlregress.bughunt.checks import every_check

CATALOGUE = (Path(__file__).parents[2] / "docs" / "bughunt.md").read_text(encoding="utf-8")
ENTRIES = re.split(r"(?m)^#### ", CATALOGUE)[1:]


def test_every_slug_has_one_entry_and_every_entry_a_slug():
    assert every_check.LOADED
    documented = [re.match(r"`([\w-]+)`", entry)[1] for entry in ENTRIES]
    reported = {suppression.WITHOUT_REASON, suppression.UNNEEDED}
    assert sorted(documented) == sorted({*registry.slugs(), *reported})


@pytest.mark.parametrize("entry", ENTRIES[:-2], ids=lambda entry: entry.partition("\n")[0])
def test_an_entry_says_what_it_is_how_to_mend_it_how_it_is_seen_and_what_is_not(entry):
    assert re.search(r"(?s)```python\n.+\n# fix:\n.+\n```", entry)
    assert "**Seen by**: " in entry
    assert "**Cannot see**: " in entry
