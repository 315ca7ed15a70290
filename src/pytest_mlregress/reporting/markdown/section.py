"""One test that is not green: what a reviewer reads, and the evidence behind a click."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.plurals import plural
from pytest_mlregress.reporting.headline import failed_seeds, headline
from pytest_mlregress.reporting.markdown.table import MARKS, metric_table, name_of, row
from pytest_mlregress.reporting.markdown.text import code_text, escaped_text, preformatted
from pytest_mlregress.reporting.number_format import numbers
from pytest_mlregress.reporting.report import most_severe_metrics_first
from pytest_mlregress.reporting.sample_text import (
    LATE,
    NOT_NEEDED,
    absent,
    seeds_of_planned,
    unit_of,
)
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.reporting.text_layout import clip, one_line, shorten
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict

_COMMAND: Final = re.compile(r"(?:^|(?<=: ))(?:pytest|mlregress|git|python|pip) .*")
_LONGEST_COMMAND: Final = 2_000
_LONGEST_SENTENCE: Final = 400
_MOST_SENTENCES: Final = 8
_MOST_METRICS: Final = 4
_MOST_SEEDS: Final = 40
_LAST_LINES: Final = 20
_LONGEST_LINE: Final = 200


def section_of(verdict: Verdict) -> str:
    """What is read without a click: the verdict with its numbers, since when, and what to do.

    Args:
        verdict: the test.

    Returns:
        The Markdown, a heading on top.
    """
    title = f"### {MARKS[verdict.colour]} {verdict.kind}: {name_of(verdict)}"
    sentence = escaped_text(clip(headline(verdict), _LONGEST_SENTENCE, ellipsis="…"))
    decided = seeds_of_planned(verdict, of=" of ")
    facts = [f"verdict after {decided} {plural(unit_of([verdict]), 2)}"]
    if verdict.since is not None:
        facts.append(escaped_text(since_text(verdict.since)))
    steps = [f"- {_step(step)}" for step in verdict.next_steps[:_MOST_SENTENCES]]
    blocks = (title, sentence, metric_table(verdict), "; ".join(facts), "\n".join(steps))
    return "\n\n".join(block for block in blocks if block)


def details_of(verdict: Verdict) -> str:
    """Why, the values of every seed, and the last output of one that failed.

    Args:
        verdict: the test.

    Returns:
        The Markdown, folded; empty where there is nothing to say.
    """
    blocks = {
        "reasons": _sentences(verdict),
        plural(verdict.unit, 2): _values(verdict),
        "output": "\n\n".join(_output(verdict)),
    }
    found = {name: block for name, block in blocks.items() if block}
    if not found:
        return ""
    title = f"<details><summary>{', '.join(found)}</summary>"
    return "\n\n".join([title, *found.values(), "</details>"])


def _step(step: str) -> str:
    """What to do, its command as code."""
    step = one_line(step)
    command = _COMMAND.search(step)
    if command is None or len(command.group()) > _LONGEST_COMMAND:
        return escaped_text(clip(step, _LONGEST_SENTENCE, ellipsis="…"))
    prose = escaped_text(step[: command.start()].rstrip())
    return f"{prose} {code_text(command.group(), longest=_LONGEST_COMMAND)}".lstrip()


def _sentences(verdict: Verdict) -> str:
    said = {
        "why": (*verdict.reasons, *(r for metric in verdict.metrics for r in metric.reasons)),
        "note": (*verdict.notes, *(n for metric in verdict.metrics for n in metric.notes)),
        "environment": verdict.environment,
    }
    lines = [
        f"- {label}: {escaped_text(clip(one_line(text), _LONGEST_SENTENCE, ellipsis='…'))}"
        for label, texts in said.items()
        for text in list(dict.fromkeys(texts))[:_MOST_SENTENCES]
    ]
    return "\n".join(lines)


def _values(verdict: Verdict) -> str:
    """A row per seed: what the baseline's run of it recorded, and what this run did."""
    metrics = [m for m in most_severe_metrics_first(verdict) if m.baseline or m.candidate]
    columns = [_column(verdict, metric) for metric in metrics[:_MOST_METRICS]]
    seeds = sorted({seed for column in columns for seed in column})
    if not seeds:
        return ""
    names = [escaped_text(shorten(m.name, 60, ellipsis="…")) for m in metrics[:_MOST_METRICS]]
    lines = [row(verdict.unit, *names), "|".join(["", "--:", *["--:"] * len(names), ""])]
    lines += [
        row(str(seed), *(column.get(seed, "") for column in columns))
        for seed in seeds[:_MOST_SEEDS]
    ]
    if len(seeds) > _MOST_SEEDS:
        lines.append(row(f"… and {len(seeds) - _MOST_SEEDS} more", *[""] * len(names)))
    return "\n".join(lines)


def _column(verdict: Verdict, metric: MetricVerdict) -> dict[int, str]:
    """By seed ``0.930 → 0.887``, or what became of it."""
    values = iter(numbers((*metric.baseline.values(), *metric.candidate.values()), digits=4))
    baseline = {seed: next(values) for seed in metric.baseline}
    candidate = {seed: next(values) for seed in metric.candidate}
    # Whether a seed was under way when all was decided differs from run to run.
    missing = absent(verdict, metric).items()
    candidate |= {seed: NOT_NEEDED if why == LATE else why for seed, why in missing}
    if not baseline:
        return candidate
    seeds = baseline.keys() | candidate.keys()
    return {seed: f"{baseline.get(seed, '–')} → {candidate.get(seed, '–')}" for seed in seeds}


def _output(verdict: Verdict) -> Iterator[str]:
    """Of the first seed that failed: a seed that passed may come from the cache without any."""
    failed = failed_seeds(verdict)
    if failed:
        lines = [
            f"- {verdict.unit} {seed}: {escaped_text(clip(text, _LONGEST_SENTENCE, ellipsis='…'))}"
            for seed, text in ((seed, one_line(what)) for seed, what in failed[:_MOST_SENTENCES])
        ]
        yield "\n".join(lines)
    results: Sequence[SeedResult] = [
        seed for seed in verdict.seeds if seed.outcome in WITHOUT_SUCCESS
    ]
    for result in sorted(results, key=lambda seed: seed.seed)[:1]:
        for text in (result.traceback, result.captured):
            if text.strip():
                yield preformatted("\n".join(_last_lines(text)))


def _last_lines(text: str) -> list[str]:
    lines = text.rstrip().splitlines()[-_LAST_LINES:]
    return [clip(line, _LONGEST_LINE, ellipsis="…") for line in lines]
