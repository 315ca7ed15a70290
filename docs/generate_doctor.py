"""Writes the table of `docs/doctor.md` from the checks: ``python docs/generate_doctor.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pytest_mlregress.doctor.examine import load_checks
from pytest_mlregress.doctor.registry import TOPICS, registered

PAGE: Final = Path(__file__).with_name("doctor.md")
BEGIN: Final = "<!-- checks: written by docs/generate_doctor.py -->"
END: Final = "<!-- end of checks -->"


def table() -> str:
    """One row per check, by topic."""
    load_checks()
    lines = ["| topic | check | what is well |", "|---|---|---|"]
    for each in registered():
        for question in each.questions:
            name = f"`{question.name}`" + (" (trains)" if each.trains else "")
            lines.append(f"| {TOPICS[question.topic]} | {name} | {question.text} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its table written again."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
