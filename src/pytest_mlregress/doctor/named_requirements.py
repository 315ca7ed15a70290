"""Requirements files that the README or CI hands to pip by name, whatever they are called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pytest_mlregress.doctor.ci_files import ci_files
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.project_folder import nearest, text_of
from pytest_mlregress.doctor.readme_text import README_NAMES

__all__ = ["named_requirements"]

_INSTALLS: Final = re.compile(r"\b(pip3?|uv)\b.*\b(install|sync)\b|^\s*(deps\s*=\s*)?-[rc]")
"""A command of pip or uv, or an entry of tox's ``deps``."""
_NAMED: Final = re.compile(
    r"(?:^|[\s=])(?:-([rc])\s*|--(requirement|constraint)s?[\s=]+)[\"']?([^\s\"'`;&|)]+)"
)
_ROOT: Final = re.compile(r"^\{(toxinidir|tox_root)\}/")


def named_requirements(project: Project) -> dict[Path, bool]:
    """The files that a command installs from.

    Args:
        project: the project.

    Returns:
        Each file that is there, with whether it is given by ``-c``: it constrains alone.
    """
    readme = nearest(project.folder, project.top, *README_NAMES)
    texts = ["\n".join(file.lines) for file in ci_files(project)]
    texts += [text_of(readme)] if readme is not None else []
    found: dict[Path, bool] = {}
    for text in texts:
        for line in re.sub(r"\\\n\s*", " ", text).splitlines():
            if _INSTALLS.search(line) is None:
                continue
            for short, long, name in _NAMED.findall(line):
                file = _file_of(name, project)
                if file is not None:
                    found[file] = (short or long[0]) == "c"
    return found


def _file_of(name: str, project: Project) -> Path | None:
    """A named file within the repository; None where it is not there."""
    for folder in (project.folder, project.top):
        file = (folder / _ROOT.sub("", name)).resolve()
        if file.is_file() and file.is_relative_to(project.top.resolve()):
            return file
    return None
