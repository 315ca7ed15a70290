"""The settings of the plugin in the file that pytest reads, with every other byte left as it is.

The lines go under the head of the section. Afterwards the file is parsed, and must say what it said
before and the new keys besides; a layout for which that does not hold is the user's to edit.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from iniconfig import IniConfig, ParseError

from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.scaffold.plan import Step

KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "mlregress_seeds": ("5", "at most that many seeds per check; a marker `seeds` outranks it"),
    "mlregress_alpha": ("0.05", "chance that an unchanged suite shows any false red"),
    "mlregress_env_mismatch": ("warn", "a baseline of another environment: fail, warn or ignore"),
}
"""By key its value, which is the default, and what it means."""

_TABLES: Final = {
    "pytest.toml": ("pytest",),
    ".pytest.toml": ("pytest",),
    "pytest.ini": ("pytest",),
    ".pytest.ini": ("pytest",),
    "pyproject.toml": ("tool.pytest", "tool.pytest.ini_options"),
    "tox.ini": ("pytest",),
    "setup.cfg": ("tool:pytest",),
}
"""The files that pytest looks into, in its order, and the sections of its own."""

_ALWAYS: Final = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
"""Those that it takes even without a section."""


def ini_step(root: Path) -> Step:
    """Where the keys go: the file that pytest reads, else `pyproject.toml`, or a new `pytest.ini`.

    Args:
        root: the folder in which pytest starts.

    Returns:
        The step.

    Raises:
        CommandError: a file cannot be parsed or edited; names it and what to do.
    """
    for name, sections in _TABLES.items():
        file = root / name
        if not file.is_file():
            continue
        known = _sections(file)
        found = next((section for section in sections if section in known), None)
        if found is not None or name in _ALWAYS:
            return _edit(file, found or sections[0], known.get(found or "", {}))
    pyproject = root / "pyproject.toml"
    if pyproject.is_file():
        return _edit(pyproject, "tool.pytest.ini_options", {})
    lines = "".join(f"{line}\n" for line in ("[pytest]", *_lines(KEYS, toml=False)))
    return Step(
        root / "pytest.ini", "write", "the settings, which are the defaults", lines.encode()
    )


def words_of(root: Path, key: str) -> list[str]:
    """The value of a key of pytest that is a list of words, such as ``testpaths``.

    Args:
        root: the folder in which pytest starts.
        key: the key.

    Returns:
        The words; empty where the key is not set or the file cannot be parsed.
    """
    for name, sections in _TABLES.items():
        if not (root / name).is_file():
            continue
        try:
            known = _sections(root / name)
            for section in sections:
                if section in known:
                    value = known[section].get(key, [])
                    return shlex.split(value) if isinstance(value, str) else list(map(str, value))
        except (CommandError, ValueError):
            return []
    return []


def _edit(file: Path, section: str, present: Mapping[str, Any]) -> Step:
    keys = {key: told for key, told in KEYS.items() if key not in present}
    if any(key.startswith("mlregress_") for key in present):
        return Step(file, "keep", "has settings of mlregress already")
    before = file.read_bytes()
    toml = file.suffix == ".toml"
    ending = "\r\n" if b"\r\n" in before else "\n"
    added = ending.join(_lines(keys, toml=toml)) + ending
    text = before.decode("utf-8")
    after = _under_head(text, section, added, ending) or _appended(text, section, added, ending)
    step = Step(file, "edit", f"the settings, in [{section}]", after.encode())
    _check(file, step, section, keys)
    return step


def _lines(keys: Mapping[str, tuple[str, str]], *, toml: bool) -> Iterator[str]:
    for key, (value, meaning) in keys.items():
        yield f"# {meaning}"
        yield f'{key} = "{value}"' if toml else f"{key} = {value}"


def _under_head(text: str, section: str, added: str, ending: str) -> str | None:
    """The text with the lines under the section's head; None without one on a line of its own."""
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        if line.partition("#")[0].strip() == f"[{section}]":
            head = line if line.endswith(("\n", "\r")) else line + ending
            return "".join([*lines[:index], head, added, *lines[index + 1 :]])
    return None


def _appended(text: str, section: str, added: str, ending: str) -> str:
    gap = "" if not text.strip() else ending if text.endswith(("\n", "\r")) else ending * 2
    return f"{text}{gap}[{section}]{ending}{added}"


def _check(file: Path, step: Step, section: str, keys: Mapping[str, tuple[str, str]]) -> None:
    assert step.content is not None
    before, after = file.read_bytes().decode("utf-8"), step.content.decode("utf-8")
    parse = _parser(file)
    wanted = parse(before)
    wanted[section] = {
        **wanted.get(section, {}),
        **{key: value for key, (value, _) in keys.items()},
    }
    try:
        same = parse(after) == wanted
    except (ValueError, ParseError):
        same = False
    if not same:
        lines = "\n".join(f"  {line}" for line in _lines(keys, toml=file.suffix == ".toml"))
        raise CommandError(
            f"{file.name} is laid out in a way that mlregress init does not edit: add these lines "
            f"to its section {section} by hand, then run mlregress init again:\n{lines}"
        )


def _sections(file: Path) -> dict[str, dict[str, Any]]:
    try:
        return _parser(file)(file.read_bytes().decode("utf-8"))
    except (ValueError, ParseError) as error:
        raise CommandError(
            f"{file.name} cannot be read: {error}; mend it, then run mlregress init again"
        ) from None
    except OSError as error:
        raise CommandError(
            f"{file.name} cannot be read: {error.strerror}; make it readable, "
            "then run mlregress init again"
        ) from None


def _parser(file: Path) -> Callable[[str], dict[str, dict[str, Any]]]:
    return _toml if file.suffix == ".toml" else _ini


def _toml(text: str) -> dict[str, dict[str, Any]]:
    """Every table by its dotted name; the tables in it are tables of their own."""
    found: dict[str, dict[str, Any]] = {}

    def walk(name: str, table: Mapping[str, Any]) -> None:
        own = {key: value for key, value in table.items() if not isinstance(value, dict)}
        if own or not table or name in found:
            found[name] = own
        for key, value in table.items():
            if isinstance(value, dict):
                walk(f"{name}.{key}" if name else key, value)

    walk("", tomllib.loads(text))
    return found


def _ini(text: str) -> dict[str, dict[str, Any]]:
    config = IniConfig("", data=text)
    return {section.name: dict(section.items()) for section in config}
