"""Write what the commands of a page print now in place of what the page shows.

    python tests/docs/rewrite_outputs.py docs/tutorial.md

Of what pytest prints, the part before its first section is left out, as pages do. Look at the
difference before you commit it: a page shows what is right, not what happens to be printed.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from page_project import PageProject
from pages import Block, blocks_of


def shown_part(printed: str, page_shows: str) -> str:
    """The output without the head of a pytest session, if the page shows none."""
    if "test session starts" in page_shows or "test session starts" not in printed:
        return printed.rstrip("\n")
    head = re.search(r"^=+ (?!test session starts)\S", printed, re.MULTILINE)
    return printed[head.start() :].rstrip("\n") if head else printed.rstrip("\n")


def rewritten(page: Path, folder: Path) -> str:
    """The page with the outputs of now."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    project = PageProject(folder)
    replaced: list[tuple[Block, str]] = []
    for block in blocks_of(page):
        if block.directive == "not run":
            continue
        if block.language == "python" and not block.directive:
            continue
        if block.directive == "file":
            project.write(block)
        elif block.directive == "setup":
            project.run(f"set -eu\n{block.text}")
        elif block.directive == "output":
            replaced.append((block, shown_part(project.printed, block.text) + "\n"))
        elif block.is_transcript:
            texts = []
            for piece in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE)[1:]:
                command, output = Block(page, 0, "", piece).commands[0]
                project.run(command)
                shown = f"{shown_part(project.printed, output)}\n" if output else ""
                texts.append(piece[: len(piece) - len(output) - 1] + shown if output else piece)
            replaced.append((block, "".join(texts)))
        elif block.is_shell:
            for command, _ in block.commands:
                project.run(command)
    for block, text in reversed(replaced):
        lines[block.line : block.line + len(block.text.splitlines())] = [text]
    return "".join(lines)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(name).resolve()
            page.write_text(rewritten(page, Path(folder) / "project"), encoding="utf-8")
