"""Settings of pytest that switch the regression tests off, or that no file says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.ci_files import ci_files, pytest_commands
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.ini_keys import KEYS, missing_keys
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.options.resolution import ini_error

SETTINGS: Final = Question(
    "gate-settings",
    "baselines",
    "Every `mlregress_*` key has a valid value, and neither `mlregress_missing = warn` nor "
    "`addopts` switches the regression tests off.",
)
WRITTEN: Final = Question(
    "settings-written",
    "baselines",
    "The settings that every verdict depends on are in pytest's configuration file; `--fix` writes "
    "them.",
)


@check(SETTINGS, WRITTEN)
def gate_settings(project: Project) -> Iterator[DoctorFinding]:
    """Read pytest's configuration file."""
    configuration = project.configuration
    if configuration.broken:
        yield SETTINGS.problem(
            f"{configuration.broken}: pytest cannot start", "repair the file, then run it again"
        )
        yield WRITTEN.skipped(configuration.broken)
        return
    found = [*_refused(project), *_off(project)]
    yield from found
    file = configuration.file
    if not found:
        where = project.place(file) if file is not None else "no file configures pytest"
        yield SETTINGS.ok(f"no setting switches the tests off: {where}")
    yield _written(project)


def _refused(project: Project) -> Iterator[DoctorFinding]:
    """The plugin's own keys that pytest does not start with."""
    configuration = project.configuration
    for key, value in configuration.values.items():
        if configuration.file is not None and (error := ini_error(key, value)):
            comment = "; a comment needs a line of its own" if re.search(r"\s[#;]", value) else ""
            yield SETTINGS.problem(
                f"{error}: no test runs with it",
                f"repair the value{comment}",
                project.place(configuration.file, configuration.line_of(key)),
            )


def _off(project: Project) -> Iterator[DoctorFinding]:
    configuration = project.configuration
    file = configuration.file
    if file is None:
        return
    if configuration.values.get("mlregress_missing", "").strip() == "warn":
        yield SETTINGS.problem(
            "mlregress_missing = warn: a test without a baseline passes",
            "mlregress doctor --fix writes mlregress_missing = fail",
            project.place(file, configuration.line_of("mlregress_missing")),
        )
    options = configuration.values.get("addopts", "")
    place = project.place(file, configuration.line_of("addopts"))
    try:
        words = " ".join(shlex.split(options))
    except ValueError:
        words = options
    if re.search(r"--mlregress-missing[= ]warn", words):
        yield SETTINGS.problem(
            "addopts has --mlregress-missing=warn: a test without a baseline passes",
            "remove it from addopts",
            place,
        )
    if re.search(r"-p\s*no:(pytest_)?mlregress", words):
        yield SETTINGS.problem(
            "addopts has -p no:mlregress: the plugin is not loaded", "remove it from addopts", place
        )
    if re.search(r"-m\s*=?\s*\S*.*\bnot mlregress", words) and not _selected_in_ci(project):
        yield SETTINGS.warning(
            "addopts leaves the regression tests out (-m 'not mlregress'), and no command in a CI "
            "file selects them",
            "a CI step that runs: pytest -m mlregress",
            place,
        )


def _selected_in_ci(project: Project) -> bool:
    return any(
        re.search(r"-m[\s=]*[\"'\\]*mlregress", command.text)
        for file in ci_files(project)
        for command in pytest_commands(file)
    )


def _written(project: Project) -> DoctorFinding:
    configuration = project.configuration
    if not project.tests:
        return WRITTEN.skipped("no regression test in this folder")
    if configuration.file is None:
        lines = "; ".join(f"{key} = {value}" for key, value in KEYS.items())
        return WRITTEN.warning(
            "no file configures pytest, so that the verdicts rest on this release's defaults",
            f"a file pytest.ini with the line [pytest] and below it: {lines}",
        )
    missing = missing_keys(configuration)
    place = project.place(configuration.file)
    if not missing:
        return WRITTEN.ok(f"{', '.join(KEYS)} are written", place)
    return WRITTEN.warning(
        f"not written: {', '.join(missing)}; the verdicts rest on this release's defaults",
        "mlregress doctor --fix writes them, at their present values",
        place,
    )
