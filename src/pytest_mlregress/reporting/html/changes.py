"""What else differs between the sides of a test: hyper-parameters, data and environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.html.figures import short_name
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.plots.parallel import ParallelPlot, Run, parallel_plot
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.reporting.since_text import SHORT, day_text
from pytest_mlregress.reporting.text_layout import one_line, shorten
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.verdict import Verdict

__all__ = [
    "ChangeRow",
    "changes",
    "earlier_sentence",
    "parameter_plot",
    "revision_line",
    "side_parameters",
]

_VALUE: Final = 120
"""Characters of a value."""

_DIGEST: Final = 16
"""Characters of a fingerprint, after the name of its hash."""

_DISTINCT: Final = 3
"""Values of one name that a cell holds, where seeds differ."""


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One name.

    Attributes:
        name: the name.
        before: its value in the baseline or the base; empty if it has none.
        now: its value in this run.
        differs: whether they differ.
    """

    name: str
    before: str
    now: str
    differs: bool


def changes(verdict: Verdict, artifact: Artifact | None) -> Mapping[str, Any]:
    """The differences, and what is equal.

    Args:
        verdict: the test.
        artifact: its baseline; None in an A/B run and without one.

    Returns:
        ``params`` and ``data``, a row per name, those that differ first; ``environment``, the
        differences in words; ``count``, how many names differ.
    """
    params = _rows(*side_parameters(verdict, artifact))
    now = _distinct(result.data for result in verdict.seeds)
    before = _distinct(result.data for result in verdict.base_seeds)
    if artifact is not None:
        before = {name: [digest] for name, digest in artifact.data.items()}
    data = _rows(before, now, word=_digest)
    return {
        "params": params,
        "data": data,
        "environment": [one_line(text) for text in verdict.environment],
        "count": sum(row.differs for row in (*params, *data)) + len(verdict.environment),
    }


def side_parameters(
    verdict: Verdict, artifact: Artifact | None
) -> tuple[Mapping[str, Sequence[object]], Mapping[str, Sequence[object]]]:
    """The distinct values of each hyper-parameter, before and now.

    Args:
        verdict: the test.
        artifact: its baseline; None in an A/B run and without one.

    Returns:
        Values by name of both sides.
    """
    now = _distinct(result.params for result in verdict.seeds)
    if artifact is not None:
        return {name: (value,) for name, value in artifact.params.items()}, now
    return _distinct(result.params for result in verdict.base_seeds), now


def parameter_plot(
    verdict: Verdict, artifact: Artifact | None, earlier: Sequence[Artifact] = ()
) -> ParallelPlot | None:
    """The seeds of both sides as lines through the hyper-parameters that differ and the metrics.

    Args:
        verdict: the test.
        artifact: its baseline; None in an A/B run and without one.
        earlier: earlier revisions of it, a line each through their means.

    Returns:
        The plot; None where no hyper-parameter differs between any two of them.
    """
    metrics = [metric.name for metric in verdict.metrics]
    past = [revision_line(revision, metrics) for revision in reversed(earlier)]
    runs = [*past, *_before(verdict, artifact, metrics), *map(_run_now, verdict.seeds)]
    runs = [run for run in runs if any(name in run.values for name in metrics)]
    logged = {name for run in runs for name in run.values} - set(metrics)
    varied = sorted(
        name for name in logged if len({repr(run.values.get(name)) for run in runs}) > 1
    )
    return parallel_plot([*varied, *metrics], runs) if varied else None


def revision_line(artifact: Artifact, metrics: Sequence[str], test: str = "") -> Run:
    """An earlier revision of a baseline as one line.

    Args:
        artifact: the revision.
        metrics: the names of the metrics, whose means are drawn.
        test: what the title begins with.

    Returns:
        The line, of the side ``past``.
    """
    means = {
        name: summarise(artifact.metrics[name].values.values()).mean
        for name in metrics
        if name in artifact.metrics
    }
    provenance = artifact.provenance
    texts = (test, "baseline", day_text(provenance.time), (provenance.commit or "")[:SHORT])
    title = one_line(" ".join(filter(None, texts)))
    return Run(title, "past", {**artifact.params, **means})


def earlier_sentence(artifact: Artifact | None, earlier: Sequence[Artifact]) -> str:
    """Which of a baseline's earlier revisions are drawn.

    Args:
        artifact: the baseline; None in an A/B run and without one.
        earlier: those that the history holds.

    Returns:
        A sentence; empty where there are none.
    """
    if artifact is None or not artifact.parent:
        return ""
    if not earlier:
        return (
            "Earlier revisions of the baseline are not drawn: the history holds none of them, and "
            "the baseline's file has the hyper-parameters of its latest revision alone."
        )
    held = count_of(len(earlier), "earlier revision")
    return f"Dotted, by their means: {held} of the baseline, as far back as the history holds them."


def _run_now(result: SeedResult) -> Run:
    return _run(result, "now", f"seed {result.seed} now")


def _run(result: SeedResult, side: str, title: str) -> Run:
    recorded = {metric.name: metric.value for metric in result.metrics}
    return Run(title, side, {**result.params, **recorded})


def _before(verdict: Verdict, artifact: Artifact | None, metrics: Sequence[str]) -> Iterable[Run]:
    for result in verdict.base_seeds:
        yield _run(result, "before", f"seed {result.seed} of the base")
    if artifact is None:
        return
    samples = {name: artifact.metrics[name].values for name in metrics if name in artifact.metrics}
    for seed in sorted({seed for sample in samples.values() for seed in sample}):
        recorded = {name: sample[seed] for name, sample in samples.items() if seed in sample}
        yield Run(f"seed {seed} of the baseline", "before", {**artifact.params, **recorded})


def _distinct(mappings: Iterable[Mapping[str, object]]) -> dict[str, list[object]]:
    """The different values of each name, as they first occurred."""
    found: dict[str, list[object]] = {}
    for mapping in mappings:
        for name, value in mapping.items():
            values = found.setdefault(name, [])
            if all(repr(value) != repr(known) for known in values):
                values.append(value)
    return found


def _rows(
    before: Mapping[str, Sequence[object]],
    now: Mapping[str, Sequence[object]],
    *,
    word: Callable[[object], str] | None = None,
) -> list[ChangeRow]:
    """A row per name, those that differ first."""
    word = word or _word
    rows = []
    for name in sorted({*before, *now}):
        sides = [sorted(map(_exact, side.get(name, ()))) for side in (before, now)]
        old, new = (_joined(side.get(name, ()), word) for side in (before, now))
        rows.append(ChangeRow(short_name(name), old, new, differs=sides[0] != sides[1]))
    return sorted(rows, key=lambda row: not row.differs)


def _exact(value: object) -> str:
    """Equal for values that are equal: an integer and a float of the same value are."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(float(value)) if abs(value) < 2**53 else repr(value)
    return repr(value)


def _joined(values: Sequence[object], word: Callable[[object], str]) -> str:
    texts = [word(value) for value in values[:_DISTINCT]]
    more = len(values) - len(texts)
    return ", ".join([*texts, f"… {more} more"] if more else texts)


def _word(value: object) -> str:
    if isinstance(value, float):
        return number(value, digits=6)
    return shorten(one_line(str(value)), _VALUE, ellipsis="…")


def _digest(value: object) -> str:
    kind, colon, digest = one_line(str(value)).rpartition(":")
    return f"{kind}{colon}{digest[:_DIGEST]}"
