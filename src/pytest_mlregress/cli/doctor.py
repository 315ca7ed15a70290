"""``mlregress doctor``."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pytest_mlregress.cli.common import CannotRunError, clear_errors, print_json, training_options

if TYPE_CHECKING:
    from pytest_mlregress.doctor.fix import Fix
    from pytest_mlregress.doctor.project import Project
    from pytest_mlregress.doctor.trainings import Trainings

_WIDTH: Final = 80
_PROBLEM: Final = 1


class _Doctor(click.Command):
    """A command whose optional PATH is not taken from pytest's arguments, which follow ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments.

        Args:
            ctx: click's.
            args: those of the command line.

        Returns:
            What is left: nothing.
        """
        end = args.index("--") if "--" in args else len(args)
        left = super().parse_args(ctx, args[:end])
        if ctx.params.get("pytest_args"):
            raise click.UsageError(
                f"unexpected argument {ctx.params['pytest_args'][0]}; one folder is examined, and "
                "pytest's arguments follow --",
                ctx,
            )
        ctx.params["pytest_args"] = tuple(args[end + 1 :])
        return left


@click.command(cls=_Doctor)
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path()
)
@training_options
@click.option("--test", "tests", metavar="NODEID", multiple=True, help="Only this test.")
@click.option("--no-training", is_flag=True, help="Only the checks that train nothing.")
@click.option(
    "--older-than",
    metavar="DAYS",
    type=click.IntRange(0),
    default=180,
    show_default=True,
    help="From this age on a baseline is old.",
)
@click.option("--ignore", metavar="CHECK", multiple=True, help="Leave out a check, by its name.")
@click.option("--fix", is_flag=True, help="Write mlregress settings into pytest's configuration.")
@click.option("--strict", is_flag=True, help="Warnings count as problems.")
@click.option("--baseline", "source", metavar="SOURCE", help="Where baselines are.")
@clear_errors
def doctor(
    path: Path,
    pytest_args: tuple[str, ...],
    as_json: bool,
    workers: int,
    rootdir: Path,
    tests: tuple[str, ...],
    no_training: bool,
    older_than: int,
    ignore: tuple[str, ...],
    fix: bool,
    strict: bool,
    source: str | None,
) -> None:
    """What makes the repository at PATH reproducible or not.

    Exit status 1 with a problem, 2 for bad input.
    """
    from pytest_mlregress.doctor.examine import examine, load_checks
    from pytest_mlregress.doctor.project import Project
    from pytest_mlregress.doctor.registry import require_known

    load_checks()
    try:
        require_known(ignore)
    except ValueError as error:
        raise click.UsageError(f"--ignore: {error}") from None
    folder = path.resolve()
    root = _rootdir(folder, rootdir)
    project = Project(folder, root, tests, source, older_than)
    _require_baselines(project)
    _require_tests(project)
    written = _fix(project, as_json=as_json) if fix else None
    if written is not None and written.file is not None:
        project = Project(folder, root, tests, source, older_than)
    if not no_training:
        project.trainings = _train(project, workers, pytest_args)
    findings = examine(project, ignore=ignore)
    if as_json:
        _print_findings(project, findings, written)
    else:
        from pytest_mlregress.doctor.text import report_lines

        width = min(_WIDTH, shutil.get_terminal_size((_WIDTH, 24)).columns)
        for line in report_lines(findings, title=_title(project), width=width):
            click.echo(line)
    bad = {"problem", "warning"} if strict else {"problem"}
    if any(finding.level in bad for finding in findings):
        raise click.exceptions.Exit(_PROBLEM)


def _rootdir(folder: Path, given: Path) -> Path:
    """The rootdir of pytest: as given, else where the configuration of the examined folder is."""
    from pytest_mlregress.doctor.configuration import find_configuration
    from pytest_mlregress.running.reads import checkout_of

    if given != Path():
        return given.resolve()
    configuration = find_configuration(folder, checkout_of(folder))
    return configuration.file.parent if configuration.file is not None else folder


def _require_baselines(project: Project) -> None:
    """Refuse a place for baselines that cannot be read.

    Raises:
        CannotRunError: with the reason.
    """
    from pytest_mlregress.baselines.errors import BaselineError

    if project.source is None:
        return
    try:
        _ = project.baselines
    except BaselineError as error:
        raise CannotRunError(f"--baseline={project.source}: {error}") from None


def _require_tests(project: Project) -> None:
    """Refuse a test that is neither in a file nor among the baselines.

    Raises:
        CannotRunError: with the tests that have a similar name.
    """
    names = {project.node_id(test) for test in project.all_tests}
    for name in project.selected:
        if any(known == name or known.startswith(name) for known in names):
            continue
        if project.tests or project.baselines:
            continue
        close = get_close_matches(name, names, n=3, cutoff=0.4) or sorted(names)[:3]
        there = f"there are: {', '.join(close)}" if close else "there is none in this folder"
        raise CannotRunError(f"--test: there is no regression test {name}; {there}")


def _fix(project: Project, *, as_json: bool) -> Fix:
    """Write the settings, and say what was written."""
    from pytest_mlregress.doctor.fix import CannotFixError, apply_fix, plan_fix

    try:
        found = plan_fix(project)
        apply_fix(found)
    except CannotFixError as error:
        raise CannotRunError(f"--fix: {error}") from None
    if not as_json:
        said = (
            f"wrote {found.name}:\n{found.diff}" if found.file else f"{found.name}: nothing to fix"
        )
        click.echo(said)
    return found


def _train(project: Project, workers: int, pytest_args: tuple[str, ...]) -> Trainings:
    """Train what the checks need; why tests that are there cannot be run is a finding, too."""
    from pytest_mlregress.cli.progress import TrainingProgress
    from pytest_mlregress.doctor.name_divergences import differing_tests, name_divergences
    from pytest_mlregress.doctor.train_tests import planned_trainings, train_tests
    from pytest_mlregress.doctor.trainings import Trainings
    from pytest_mlregress.revisions.cells.suite import NoTestError, describe_suite
    from pytest_mlregress.revisions.command_error import CommandError

    if not (project.tests or project.baselines or project.unparsed_test_files):
        return Trainings(problem="no regression test in this folder")
    if re.search(r"-m\s*\S*\s*not mlregress", project.configuration.values.get("addopts", "")):
        pytest_args = ("-m", "mlregress", *pytest_args)  # those that `addopts` leaves out
    files = dict.fromkeys(
        map(str, (*(test.module.file for test in project.tests), *project.unparsed_test_files))
    )
    try:
        suite = describe_suite(
            project.selected or tuple(files) or (str(project.folder),),
            directory=project.rootdir,
            pytest_args=pytest_args,
        )
        with TrainingProgress("doctor", total=planned_trainings(suite)) as progress:
            trained = train_tests(
                suite, workers=workers, on_start=progress.on_start, on_seed=progress.on_seed
            )
        if not differing_tests(trained):
            return trained
        with TrainingProgress("doctor: where they differ") as progress:
            return name_divergences(
                trained,
                project.rootdir,
                pytest_args=pytest_args,
                on_start=progress.on_start,
                on_seed=progress.on_seed,
            )
    except NoTestError as error:
        if not project.tests:
            return Trainings(problem=_one_line(error), level="warning")
        return Trainings(
            problem=f"pytest collects none of the regression tests here ({len(project.tests)}): "
            "their files are skipped, as where a library is missing, ignored or deselected",
            level="warning",
        )
    except CommandError as error:
        return Trainings(problem=_one_line(error), level="problem")


def _one_line(error: Exception) -> str:
    """The text of an error, without the marks that pytest begins the lines of one with."""
    return " ".join(re.sub(r"^\s*E\s{2,}", "", str(error), flags=re.MULTILINE).split())


def _title(project: Project) -> str:
    from pytest_mlregress.plurals import count_of

    tests = count_of(len(project.tests), "regression test")
    return f"mlregress doctor: {project.folder}, {tests}"


def _print_findings(project: Project, findings: list[Any], written: Fix | None) -> None:
    from collections import Counter

    numbers = Counter(finding.level for finding in findings)
    print_json(
        {
            "folder": str(project.folder),
            "tests": [project.node_id(test) for test in project.tests],
            "findings": [asdict(finding) for finding in findings],
            "levels": {level: numbers[level] for level in ("problem", "warning", "ok", "skipped")},
            "fix": None
            if written is None
            else {"file": written.name if written.file else None, "diff": written.diff},
        }
    )
