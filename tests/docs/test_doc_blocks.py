"""Every code block of the documentation is run, and what it prints is what the page shows.

A comment above a block says more:

- ``<!-- file: test_digits.py -->``: the block is that file of the page's project;
- ``<!-- run -->``: commands without their output, which must succeed;
- ``<!-- output -->``: what the last command has printed, or a part of it;
- ``<!-- not run: why -->``: what needs a service, a GPU or hours; its syntax is checked alone;
- ``<!-- setup: ... -->``: commands that a reader does not see, run at their place.

Blocks of the language ``text`` are formulas and drawings. Python without a directive is run as it
is, with the names of ``contexts/<page>.py`` where there is such a file; tests in it are run by
pytest.
"""

from __future__ import annotations

import ast
import configparser
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import yaml
from page_project import PageProject, first_difference
from pages import GENERATED, REPOSITORY, Block, blocks_of, pages

CONTEXTS: Final = Path(__file__).parent / "contexts"
PAGES: Final = [page for page in pages() if page.parent != GENERATED or page.name == "index.md"]


def _json_lines(text: str) -> None:
    json.loads(text)


SYNTAX: Final[dict[str, Callable[[str], object]]] = {
    "python": ast.parse,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
    "toml": tomllib.loads,
    "json": _json_lines,
    "ini": lambda text: configparser.ConfigParser(interpolation=None).read_string(text),
}


def _name(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


ALL_BLOCKS: Final = [block for page in PAGES for block in blocks_of(page)]


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=str)
def test_the_syntax_of_a_block_is_right(block: Block) -> None:
    if block.language in SYNTAX:
        SYNTAX[block.language](block.text)
    elif block.is_shell and block.directive != "output":
        script = "\n".join(command for command, _ in block.commands)
        checked = subprocess.run(
            ["bash", "-n"], input=script, text=True, capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=str)
def test_a_block_is_run_or_says_why_not(block: Block) -> None:
    if block.directive == "not run":
        assert len(block.argument.split()) >= 2, f"{block}: say why it is not run"
    elif block.directive == "file":
        assert block.argument, f"{block}: name the file"
    elif block.is_shell and not block.is_transcript:
        assert block.directive, f"{block}: commands without output need 'run' or 'not run: why'"
    elif block.language not in ("python", "text") and not block.is_shell:
        assert block.directive, f"{block}: name it as a file, or say why it is not run"


def runs_something(page: Path) -> bool:
    return any(
        block.directive != "not run" and block.language != "text" for block in blocks_of(page)
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if runs_something(page)], ids=_name)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    project = PageProject(tmp_path / "project")
    fragments: list[Block] = []
    for block in blocks_of(page):
        if block.directive == "not run":
            continue
        if block.directive == "file":
            project.write(block)
        elif block.directive == "output":
            assert not (found := first_difference(block.text, project.printed)), f"{block}: {found}"
        elif block.is_shell:
            run_commands(project, block)
        elif block.language == "python":
            fragments.append(block)
    run_fragments(page, fragments, tmp_path / "fragments")


def run_commands(project: PageProject, block: Block) -> None:
    """Each command prints what the page shows; one whose output is not shown succeeds."""
    if block.directive == "setup":
        status = project.run(f"set -eu\n{block.text}")
        assert status == 0, f"{block}: ended with {status}\n{project.printed}"
        return
    for command, output in block.commands:
        status = project.run(command)
        if output:
            assert not (found := first_difference(output, project.printed)), f"{block}: {found}"
        else:
            assert status == 0, f"{block}: {command} ended with {status}\n{project.printed}"


def run_fragments(page: Path, fragments: list[Block], folder: Path) -> None:
    """Parts of programs, with the names that the page's context gives; tests run as tests."""
    if not fragments:
        return
    folder.mkdir()
    relative = page.relative_to(REPOSITORY).with_suffix("").as_posix().replace("/", "_")
    context = CONTEXTS / f"{relative.replace('-', '_')}.py"
    given = context.read_text(encoding="utf-8") if context.exists() else ""
    (folder / "page_context.py").write_text(given, encoding="utf-8")
    for block in fragments:
        code = f"from page_context import *\n\n{block.text}"
        (folder / f"test_line_{block.line}.py").write_text(code, encoding="utf-8")
    project = PageProject(folder)
    options = "-q --mlregress-missing=warn --mlregress-seeds=2 --mlregress-guards=off"
    status = project.run(f"{sys.executable} -m pytest {options} -p no:cacheprovider .")
    allowed = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    assert status in allowed, f"{page}: {project.printed}"
