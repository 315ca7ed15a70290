"""The project of a page: its files are written and its commands run there, as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pages import REPOSITORY, Block

_BINARIES: Final = Path(sys.executable).parent
_QUIET: Final = ("GITHUB_", "GITLAB_", "PYTEST_", "CI_")


@dataclass
class PageProject:
    """A folder in which the blocks of one page are tried in their order."""

    folder: Path
    printed: str = field(default="", init=False)
    """What the last command has printed."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, block: Block) -> None:
        """A block that is a file."""
        path = self.folder / block.argument
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def run(self, command: str) -> int:
        """Run a command in bash; its output is kept, and its status returned."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        printed = done.stdout or done.stderr  # the progress on the latter depends on the time
        self.printed = printed.replace(f"{self.folder}{os.sep}", "")
        return done.returncode

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_QUIET) and name != "CI"
        }
        own = {
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "PATH": f"{_BINARIES}{os.pathsep}{kept.get('PATH', '')}",
            "HOME": str(self.folder.parent),
            "PROJECTS": str(Path(__file__).parent / "projects"),
            "GIT_CEILING_DIRECTORIES": str(self.folder.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            # Only what a reader has: other plugins of this environment would print, too.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "-p pytest_mlregress.plugin -p xdist",
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(REPOSITORY / "src"), kept.get("PYTHONPATH", "")])
            ),
            **{
                f"GIT_{who}_{what}": value
                for who in ("AUTHOR", "COMMITTER")
                for what, value in (("NAME", "A reader"), ("EMAIL", "reader@example.org"))
            },
        }
        return kept | own


_TIME: Final = re.compile(
    r"\b\d+(\.\d+)?\s*(ms|s|min|h)\b(\s*\d+\s*(s|min)\b)?|\bin \d+\.\d+s\b|\b\d\d:\d\d(:\d\d)?\b"
    r"|\b\d{4}-\d\d-\d\d(T[\d:+.]+)?\b"
    r"|\b\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{4}\b"
    r"|\b\d+(\.\d+)? [kMG]i?B\b"
)
_SAVED: Final = re.compile(r"\b\d+ seeds run, \d+ saved|\b\d+ seeds(, \d+ saved)? in\b")
"""How many seeds had begun before the verdict on their test."""
_COMMIT: Final = re.compile(r"\b[0-9a-f]{7,40}\b")  # it may be all digits, or all letters
_NUMBER: Final = re.compile(r"(?<![\w.])[-+]?\d*\.?\d+(?:e[-+]?\d+)?(?![\w])")
_RULE: Final = re.compile(r"[=_-]{5,}")
_RELATIVE: Final = 0.3
_ABSOLUTE: Final = 0.02


def first_difference(expected: str, printed: str) -> str:
    """What a page shows and a command does not print, empty for nothing.

    The page shows a part of the output, in which a line ``...`` stands for any others. Times,
    dates, commits, the layout and how many seeds were saved may differ, and so may numbers a
    little: on another processor a training gives other last digits.
    """
    pieces = re.split(r"^\s*\.\.\.\s*$", expected, flags=re.MULTILINE)
    words, numbers = _words(printed)
    start = 0
    for piece in pieces:
        wanted, wanted_numbers = _words(piece)
        if not wanted:
            continue
        place = next(
            (
                at
                for at in range(start, len(words) - len(wanted) + 1)
                if words[at : at + len(wanted)] == wanted
                and _close(wanted_numbers, numbers[at : at + len(wanted)])
            ),
            None,
        )
        if place is None:
            return f"the page shows\n{piece}\nand the command prints\n{printed}"
        start = place + len(wanted)
    return ""


def _words(text: str) -> tuple[list[str], list[tuple[float, ...]]]:
    """The words of a text with its numbers taken out, and those of each word."""
    plain = _RULE.sub(" ", _COMMIT.sub("COMMIT", _TIME.sub("TIME", _SAVED.sub("SEEDS", text))))
    words, numbers = [], []
    for word in plain.split():
        words.append(_NUMBER.sub("NUMBER", word))
        numbers.append(tuple(float(found) for found in _NUMBER.findall(word)))
    return words, numbers


def _close(wanted: list[tuple[float, ...]], found: list[tuple[float, ...]]) -> bool:
    return all(
        abs(one - other) <= max(_ABSOLUTE, _RELATIVE * max(abs(one), abs(other)))
        for ones, others in zip(wanted, found, strict=True)
        for one, other in zip(ones, others, strict=True)
    )
