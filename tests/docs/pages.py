"""The pages of the documentation, and the code blocks in them with what is said of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY: Final = Path(__file__).parents[2]
GENERATED: Final = REPOSITORY / "docs" / "bughunt"
"""Most of its pages come from the catalogue, whose examples are parts of programs."""

_DIRECTIVE: Final = re.compile(
    r"<!--\s*(file|setup|run|not run|output)\b:?\s*(.*?)\s*-->", re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One code block.

    Attributes:
        page: its page.
        line: the line of its fence, from 1.
        language: as the fence names it; empty without.
        text: what is in it.
        directive: ``file``, ``setup``, ``run``, ``not run`` or ``output``, as a comment above it
            says; empty without one.
        argument: what the comment says besides: the file's name, or why it is not run.
    """

    page: Path
    line: int
    language: str
    text: str
    directive: str = ""
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"

    @property
    def is_shell(self) -> bool:
        """Whether it holds commands, with or without what they print."""
        return self.language in ("", "bash", "console", "sh", "shell")

    @property
    def is_transcript(self) -> bool:
        """Whether it holds commands with what they print."""
        return self.is_shell and self.text.startswith("$ ")

    @property
    def commands(self) -> tuple[tuple[str, str], ...]:
        """Each command with what the page says that it prints; without comments."""
        if self.is_transcript:
            pieces = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
            return tuple(_command_and_output(piece) for piece in pieces)
        joined = self.text.replace("\\\n", " ")
        lines = (re.sub(r"(^|\s)#\s.*", "", line).strip() for line in joined.splitlines())
        return tuple((line, "") for line in lines if line)


def pages() -> Sequence[Path]:
    """Every page that people read, in a fixed order."""
    folders = (REPOSITORY, REPOSITORY / "docs", REPOSITORY / "action")
    found = [page for page in folders[0].glob("*.md") if page.name != "CHANGELOG.md"]
    found += folders[1].rglob("*.md")
    found += folders[2].rglob("*.md")
    return sorted(found)


def blocks_of(page: Path) -> tuple[Block, ...]:
    """The code blocks of a page, hidden set-ups among them."""
    return tuple(_blocks(page))


def _blocks(page: Path) -> Iterator[Block]:
    before: Token | None = None
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "html_block":
            for directive, argument in _DIRECTIVE.findall(token.content):
                if directive == "setup":
                    yield Block(page, line, "sh", argument + "\n", "setup")
        elif token.type == "fence":
            directive, argument = _directive_of(before)
            language = token.info.split(" ")[0]
            yield Block(page, line, language, token.content, directive, argument)
        before = token


def _directive_of(before: Token | None) -> tuple[str, str]:
    """What the comment above a block says of it."""
    if before is None or before.type != "html_block":
        return "", ""
    found = [entry for entry in _DIRECTIVE.findall(before.content) if entry[0] != "setup"]
    return found[-1] if found else ("", "")


def _command_and_output(piece: str) -> tuple[str, str]:
    lines = piece.splitlines()
    command = lines.pop(0)
    while command.endswith("\\") and lines:
        command = f"{command[:-1]} {lines.pop(0).strip()}"
    return command, "\n".join(lines)


ANCHORED: Final = re.compile(r"^#+\s+(.+?)\s*$", re.MULTILINE)


def anchors_of(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as mkdocs and GitHub make them, and its own ids."""
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    slugs = {_slug(re.sub(r"\{[^}]*\}$", "", heading)) for heading in ANCHORED.findall(prose)}
    return frozenset(slugs | set(re.findall(r"""(?:id|name)=["']([^"']+)""", prose)))


def _slug(heading: str) -> str:
    words = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", words).strip().lower())
