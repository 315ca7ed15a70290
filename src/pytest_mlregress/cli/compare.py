"""``mlregress compare``."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final

import click

from pytest_mlregress.cli.common import (
    CannotRunError,
    as_report_option,
    clear_errors,
    json_report_option,
    report_option,
    say,
)

if TYPE_CHECKING:
    from pytest_mlregress.comparing.samples import ChosenMetric
    from pytest_mlregress.comparing.table import Table
    from pytest_mlregress.margins import MarginLike
    from pytest_mlregress.reporting.report import RunReport

__all__ = ["compare"]

_TESTS: Final = ("robust-t", "welch", "student", "paired", "rank")


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option(
    "--metric",
    "named",
    multiple=True,
    metavar="NAME[:higher|:lower]",
    help="A column, and whether more is better; repeatable (default: all that are well known).",
)
@click.option(
    "--margin",
    "margins",
    multiple=True,
    metavar="[NAME=]MARGIN",
    help='The smallest loss that matters: 0.01, "1%", "1sd" or auto (default); repeatable.',
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Chance that files of one distribution show any false red.",
)
@click.option("--seed-column", metavar="NAME", help="The column of seeds (default: seed, doc_id).")
@click.option("--test", type=click.Choice(_TESTS), default="robust-t", show_default=True)
@click.option(
    "--paired/--unpaired",
    "paired",
    default=None,
    help="Compare values of the same seed or example (default: for samples of lm-eval).",
)
@click.option("--strict", is_flag=True, help="Inconclusive, unaffordable and minor fail too.")
@report_option
@click.option("-v", "--verbose", is_flag=True, help="Print every value and test.")
@json_report_option
@clear_errors
def compare(before: Path, after: Path, **options: Any) -> None:
    """Say whether AFTER is worse than BEFORE, with the verdicts of a test against its baseline.

    The files hold one value per seed, run or example: .csv, .tsv, .jsonl or .json, exports of W&B
    and MLflow, samples of lm-evaluation-harness, baselines and reports of this plugin. Exit status:
    0 for green, 1 for red, 2 for files that cannot be compared.
    """
    from pytest_mlregress.comparing.comparison import ComparisonSettings, compared
    from pytest_mlregress.comparing.reading import read_table
    from pytest_mlregress.comparing.samples import chosen_metrics
    from pytest_mlregress.reporting.report import ReportError
    from pytest_mlregress.reporting.write_report import check_report_path, write_report

    try:
        for path in options["report_files"]:
            check_report_path(path)
        tables = (
            read_table(before, options["seed_column"]),
            read_table(after, options["seed_column"]),
        )
        metrics, left_out = chosen_metrics(*tables, options["named"])
        paired = _is_paired(options["paired"], tables)
        settings = ComparisonSettings(
            alpha=options["alpha"],
            margins=_margins(options["margins"], metrics),
            test=options["test"],
            paired=paired,
            strict=options["strict"],
        )
        verdict = compared(*tables, metrics, settings)
        report = _report(verdict, tables, metrics, settings)
        for path in options["report_files"]:
            write_report(path, report)
    except (ReportError, ValueError) as error:
        raise CannotRunError(as_report_option(error)) from None
    _print(report, tables[0].name, as_json=options["as_json"], verbose=options["verbose"])
    for note in _notes(tables, metrics, left_out):
        say(f"compare: {note}", err=True)
    raise click.exceptions.Exit(int(str(verdict.colour) == "red"))


def _is_paired(asked: bool | None, tables: tuple[Table, Table]) -> bool:
    if asked is not None:
        return asked
    examples = all(table.unit == "example" for table in tables)
    return examples and all(
        tables[0].columns[name].keys() == tables[1].columns[name].keys()
        for name in tables[0].columns
        if name in tables[1].columns
    )


def _margins(words: tuple[str, ...], metrics: list[ChosenMetric]) -> dict[str, MarginLike]:
    from pytest_mlregress.margins import read_margin

    names = [metric.name for metric in metrics]
    margins: dict[str, MarginLike] = {}
    for word in words:
        name, _, text = word.rpartition("=")
        if name and name not in names:
            raise CannotRunError(
                f"--margin {word}: {name!r} is not compared; compared are {', '.join(names)}"
            )
        value: MarginLike = text.strip()
        with contextlib.suppress(ValueError):
            value = float(text)
        try:
            read_margin(value)
        except ValueError as error:
            raise CannotRunError(f"--margin {word}: {error}") from None
        margins |= dict.fromkeys([name] if name else names, value)
    return margins


def _report(verdict: Any, tables: Any, metrics: Any, settings: Any) -> RunReport:
    from pytest_mlregress import __version__
    from pytest_mlregress.reporting.build_report import q_values_of
    from pytest_mlregress.reporting.report import RunReport

    return RunReport(
        verdicts=(verdict,),
        comparisons=len(metrics),
        alpha=settings.alpha,
        command=f"mlregress compare {tables[0].name} {tables[1].name}",
        version=__version__,
        q_values=q_values_of((verdict,)),
    )


def _notes(
    tables: tuple[Table, Table], metrics: list[ChosenMetric], left_out: list[str]
) -> list[str]:
    notes = []
    if tables[1].unit == "example":
        notes.append("this says nothing of another training: that takes several seeds of each")
    for metric in metrics:
        if metric.guessed:
            more = "higher" if metric.higher_is_better else "lower"
            other = "lower" if metric.higher_is_better else "higher"
            notes.append(
                f"{metric.name}: {more} is better, as its name says; otherwise write "
                f"--metric {metric.name}:{other}"
            )
    if left_out:
        notes.append(
            f"not compared, since it is not known whether more is better: {', '.join(left_out)}"
        )
    return notes


def _print(report: RunReport, before: str, *, as_json: bool, verbose: bool) -> None:
    from pytest_mlregress.reporting.comparison_text import comparison_text
    from pytest_mlregress.reporting.json_report import to_json
    from pytest_mlregress.reporting.text_layout import encodable

    if as_json:
        click.echo(to_json(report), nl=False)
        return
    text = comparison_text(report, before, width=get_terminal_size().columns, verbose=verbose)
    click.echo(encodable(text, sys.stdout.encoding or "ascii"))
