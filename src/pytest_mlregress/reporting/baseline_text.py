"""A baseline as text: for a person who asks, and for `git diff`, which compares its lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import fmean, stdev

from pytest_mlregress.baselines.artifact import Artifact, Fact, MetricBaseline
from pytest_mlregress.baselines.history import accepted_loss
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.text_layout import pad

__all__ = ["baseline_lines", "value_lines"]

_COLUMN = 10


def baseline_lines(
    artifact: Artifact, *, test: str | None = None, file: str | None = None
) -> Iterator[str]:
    """What a baseline holds, one fact a line.

    Args:
        artifact: the baseline.
        test: the node id of its test; None where nothing tells its folder.
        file: where it is; None where that is said elsewhere.

    Yields:
        The lines.
    """
    provenance = artifact.provenance
    yield f"{test or artifact.test} ({artifact.tier})"
    if file is not None:
        yield _line("file", f"{file}{' (edited by hand)' if artifact.edited else ''}")
    elif artifact.edited:
        yield _line("edited", "by hand: the revision is not that of the content")
    yield _line("revision", f"{artifact.revision}, after {artifact.parent or 'none'}")
    yield _line(
        "recorded", f"{provenance.time} at commit {provenance.commit or 'none'}{_branch(artifact)}"
    )
    if provenance.dirty:
        yield _line("dirty", f"uncommitted changes {provenance.diff_hash or 'unknown'}")
    yield _line("command", " ".join(provenance.command) or "unknown")
    for name, metric in artifact.metrics.items():
        yield _line(name, _sample(metric))
    for name, anchor in artifact.anchor.items():
        refused = f", {count_of(anchor.refused, 'update')} refused since" if anchor.refused else ""
        accepted = accepted_loss(artifact, name)
        since = f", loss accepted since {number(accepted, signed=True)}" if accepted else ""
        yield _line(
            "anchor",
            f"{name} {_mean(anchor.values)}, {count_of(len(anchor.values), 'seed')} at commit "
            f"{anchor.commit or 'none'}, {anchor.time}{since}{refused}",
        )
    for name, value in artifact.params.items():
        yield _line("param", f"{name} = {value}")
    for name, digest in artifact.data.items():
        yield _line("data", f"{name} {digest}")
    for fact, text in _facts(provenance.environment):
        yield _line("environment", f"{fact} {text}")
    for entry in artifact.ledger:
        kind = "" if entry.kind == "update" else f", {entry.kind}"
        moved = f" (anchor of {', '.join(entry.anchored)})" if entry.anchored else ""
        yield _line("accepted", f"{entry.time}{kind}{moved}: {entry.reason}")


def value_lines(artifact: Artifact, *, spent: bool = True) -> Iterator[str]:
    """The value of every metric and seed, a seed a line, with all digits.

    Args:
        artifact: the baseline.
        spent: whether to say what each seed took, which differs between equal trainings.

    Yields:
        The lines.
    """
    names = tuple(artifact.metrics)
    seeds = sorted({seed for metric in artifact.metrics.values() for seed in metric.values})
    rows = [
        (str(seed), *(_value(artifact.metrics[name], seed) for name in names)) for seed in seeds
    ]
    took = {seed: f"{number(one.duration, digits=2)} s" for seed, one in artifact.spent.items()}
    headings = ("seed", *names)
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = (pad(text, width, right=True) for text, width in zip(row, widths, strict=True))
        after = "" if row is headings or not spent else took.get(int(row[0]), "")
        yield f"  {'  '.join(cells)}{f'  {after}' if after else ''}"


def _line(title: str, text: str) -> str:
    return f"  {title:<{_COLUMN}} {text}"


def _branch(artifact: Artifact) -> str:
    branch = artifact.provenance.branch
    return f" on {branch}" if branch else ""


def _sample(metric: MetricBaseline) -> str:
    values = list(metric.values.values())
    finite = all(map(math.isfinite, values))
    spread = f", SD {stdev(values):.4g}" if len(values) > 1 and finite else ""
    direction = "higher" if metric.higher_is_better else "lower"
    margin = "auto" if metric.margin is None else f"{metric.margin:.6g}"
    return (
        f"mean {_mean(metric.values)}{spread}, {count_of(len(values), 'seed')}, "
        f"{direction} is better, margin {margin}, version {metric.version}"
    )


def _mean(values: Mapping[int, float]) -> str:
    return f"{fmean(values.values()):.6g}" if values else "none"


def _value(metric: MetricBaseline, seed: int) -> str:
    return repr(metric.values[seed]) if seed in metric.values else "-"


def _facts(environment: Mapping[str, Fact]) -> Iterator[tuple[str, str]]:
    """Each fact that is known, packages and flags one by one."""
    for name, fact in environment.items():
        if isinstance(fact, Mapping):
            yield from ((key, str(value)) for key, value in fact.items() if value is not None)
        elif isinstance(fact, list | tuple):
            if fact:
                yield name, ", ".join(fact)
        elif fact is not None:
            yield name, str(fact)
