"""Past verdicts under other rules, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_mlregress.history.replay import OtherRules, Replayed
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.since_text import SHORT, day_text
from pytest_mlregress.reporting.text_layout import one_line, pad

__all__ = ["replay_document", "replay_lines"]


def replay_lines(replayed: Sequence[Replayed], other: OtherRules) -> Iterator[str]:
    """Which past verdicts would change.

    Args:
        replayed: every verdict that was reached again.
        other: what was different.

    Yields:
        The lines.
    """
    usable = [one for one in replayed if one.reproduced or other.as_recorded]
    changed = [one for one in usable if one.changes]
    for one in changed:
        yield (
            f"{pad(day_text(one.run.time), 11)}  {pad((one.run.commit or '-')[:SHORT], SHORT)}  "
            f"{one.test.verdict} -> {one.verdict.kind if one.verdict else ''}  {_test(one)}"
        )
        yield from _metrics(one)
    if changed:
        yield ""
    yield f"{count_of(len(usable), 'verdict')} judged again {_how(other)}: {_counted(changed)}"
    open_ones = [one for one in usable if one.verdict is None]
    if open_ones:
        yield (
            f"{count_of(len(open_ones), 'check')} would have gone on: more seeds would decide than "
            "were trained"
        )
    lost = len(replayed) - len(usable)
    if lost:
        yield (
            f"left out: {count_of(lost, 'verdict')} that this version does not reach again at "
            "their own settings, as after --mlregress-confirm; see them with: mlregress replay"
        )


def replay_document(replayed: Sequence[Replayed], other: OtherRules) -> dict[str, Any]:
    """The same as plain builtins for JSON.

    Args:
        replayed: every verdict that was reached again.
        other: what was different.

    Returns:
        Mappings, lists and plain values.
    """
    return {
        "schema": 1,
        "alpha": other.alpha,
        "margins": dict(other.margins or {}),
        "seeds": other.seeds,
        "verdicts": [
            {
                "run": one.run.id,
                "time": one.run.time,
                "commit": one.run.commit,
                "test": one.test.test,
                "tier": one.test.tier,
                "recorded": one.test.verdict,
                "replayed": str(one.verdict.kind) if one.verdict is not None else None,
                "reproduced": one.reproduced,
                "changes": one.changes and (one.reproduced or other.as_recorded),
                "metrics": [
                    {
                        "name": metric.name,
                        "verdict": metric.kind,
                        "n": len(metric.candidate),
                        "p_harm": metric.comparison.p_harm if metric.comparison else None,
                        "margin": metric.comparison.margin if metric.comparison else None,
                    }
                    for metric in (one.verdict.metrics if one.verdict is not None else ())
                ],
            }
            for one in replayed
        ],
    }


def _test(one: Replayed) -> str:
    tier = "" if one.test.tier == "default" else f" ({one.test.tier})"
    return one_line(f"{one.test.test}{tier}")


def _metrics(one: Replayed) -> Iterator[str]:
    assert one.verdict is not None
    for metric in one.verdict.metrics:
        before = one.test.metric(metric.name)
        if before is not None and before.verdict != metric.kind:
            yield f"  {one_line(metric.name)}: {before.verdict} -> {metric.kind}"


def _how(other: OtherRules) -> str:
    parts = []
    if other.alpha is not None:
        parts.append(f"alpha {other.alpha:g}")
    for name, margin in (other.margins or {}).items():
        parts.append(f"margin {margin}{f' of {name}' if name else ''}")
    if other.seeds is not None:
        parts.append(f"at most {count_of(other.seeds, 'seed')}")
    return f"with {', '.join(parts)}" if parts else "as they were judged"


def _counted(changed: Sequence[Replayed]) -> str:
    if not changed:
        return "none would change"
    kinds = Counter(
        f"{one.test.colour} to {one.verdict.colour}" if one.test.colour != one.verdict.colour
        else f"{one.test.colour} as before"
        for one in changed
        if one.verdict is not None
    )  # fmt: skip
    listed = ", ".join(f"{number} {words}" for words, number in sorted(kinds.items()))
    return f"{len(changed)} would change ({listed})"
