"""Between a `JudgedTest` and the JSON document that a report holds of it.

Each part has one pair of functions, side by side, so that this file documents the format. The seeds
themselves are not in it: reports list them for readers, too, see `seed_document`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final, cast

from pytest_mlregress.baselines.artifact import Artifact, Provenance
from pytest_mlregress.baselines.json_document import artifact_from, document_of
from pytest_mlregress.baselines.json_reader import Node
from pytest_mlregress.baselines.json_text import is_sealed
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.baselines.urls import shareable
from pytest_mlregress.node_ids import split_file
from pytest_mlregress.revisions.recorded_history import CommitFacts, RecordedHistory, facts_of
from pytest_mlregress.running.result import SeedResult, Xfail
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup
from pytest_mlregress.verdicts.judged_test import JudgedTest
from pytest_mlregress.verdicts.policy import Rules

Document = dict[str, Any]


def judged_document(case: JudgedTest) -> Document:
    """What a verdict was reached with, besides the seeds.

    Args:
        case: the test.

    Returns:
        Mappings, lists and plain values; numbers may be non-finite.
    """
    facts = facts_of(case.history, case.compared_commit)
    return {
        "plan": _from_plan(case.group.plan),
        "rules": asdict(case.rules),
        "seeds": _from_group(case.group),
        "base_seeds": _from_group(case.group.base) if case.group.base is not None else None,
        "baseline": _from_baseline(case.baseline) if case.baseline is not None else None,
        "problem": shareable(case.problem),
        "base": _from_base(case.base) if case.base is not None else None,
        "same_code": case.same_code,
        "compared_commit": asdict(facts) if facts is not None else None,
        "shallow": facts is None and case.history.shallow,
    }


def judged_test(
    node: Node, seeds: tuple[SeedResult, ...], base_seeds: tuple[SeedResult, ...], tree: WorkingTree
) -> JudgedTest:
    """The inverse of `judged_document`.

    Args:
        node: the document.
        seeds: the seeds of the test.
        base_seeds: those of the base.
        tree: the working tree of the run.

    Returns:
        The test.

    Raises:
        ArtifactError: a value is missing, or of another kind than the format says.
    """
    part = dict(node.entries())
    plan = _to_plan(_of(node, "plan"))
    group = _to_group(_of(node, "seeds"), plan, seeds)
    if _of(node, "base_seeds").value is not None:
        group.base = _to_group(part["base_seeds"], plan, base_seeds)
    facts = _of(node, "compared_commit")
    known = {} if facts.value is None else _to_facts(facts)
    return JudgedTest(
        group=group,
        rules=_to_rules(_of(node, "rules")),
        history=RecordedHistory(tree, known, shallow=_of(node, "shallow").flag()),
        baseline=_to_baseline(_of(node, "baseline")),
        base=_to_base(_of(node, "base")),
        same_code=_of(node, "same_code").flag(),
        problem=_of(node, "problem").text(),
    )


def _of(node: Node, name: str) -> Node:
    return node.fields(name, optional=tuple(key for key, _ in node.entries()))[name]


def _from_plan(plan: GroupPlan) -> Document:
    return {entry.name: getattr(plan, entry.name) for entry in fields(plan)} | {
        "file": split_file(plan.test)[0],
        "argument": shareable(plan.argument),
        "settings": dict(plan.settings),
        "source": None if plan.source is None else shareable(plan.source),
        "xfail": None if plan.xfail is None else asdict(plan.xfail),
    }


def _to_plan(node: Node) -> GroupPlan:
    location = _of(node, "location").row(3, "a path, a line and a name")
    xfail = _of(node, "xfail")
    return GroupPlan(
        test=_of(node, "test").text(),
        file=Path(_of(node, "file").text()),
        location=(location[0].text(), location[1].optional_whole(), location[2].text()),
        planned=_to_seeds(_of(node, "planned")),
        selected=_to_seeds(_of(node, "selected")),
        tier=_of(node, "tier").text(),
        settings=_to_settings(_of(node, "settings")),
        xfail=None if xfail.value is None else _to_xfail(xfail),
        check_seeds=_of(node, "check_seeds").whole(),
        looks=_to_seeds(_of(node, "looks")),
        seeds_removed=_of(node, "seeds_removed").flag(),
        argument=_of(node, "argument").text(),
        tier_option=_of(node, "tier_option").optional_text(),
        source=_of(node, "source").optional_text(),
        parallel=_of(node, "parallel").flag(),
        takes_run=_of(node, "takes_run").flag(),
        against=_of(node, "against").optional_text(),
        tests=_of(node, "tests").whole(),
    )


def _to_seeds(node: Node) -> tuple[int, ...]:
    return tuple(item.whole() for item in node.items())


def _to_settings(node: Node) -> dict[str, str | bool | None]:
    return {
        name: value.flag() if isinstance(value.value, bool) else value.optional_text()
        for name, value in node.entries()
    }


def _to_xfail(node: Node) -> Xfail:
    return Xfail(
        reason=_of(node, "reason").text(),
        strict=_of(node, "strict").flag(),
        raises=_of(node, "raises").flag(),
    )


_NUMBERS: Final = ("alpha", "beta", "tested_share")
_FLAGS: Final = ("deterministic", "early", "strict", "confirm")


def _to_rules(node: Node) -> Rules:
    readers: dict[str, Callable[[Node], object]] = {
        **dict.fromkeys(_NUMBERS, Node.number),
        **dict.fromkeys(_FLAGS, Node.flag),
        "comparisons": Node.whole,
        "green_runs": _to_green_runs,
    }
    known = {entry.name for entry in fields(Rules)}
    values = {
        name: readers.get(name, Node.optional_text)(entry)
        for name, entry in node.entries()
        if name in known
    }
    if missing := known - values.keys():
        _of(node, min(missing))
    return Rules(**cast("dict[str, Any]", values))


def _to_green_runs(node: Node) -> dict[str, tuple[dict[int, float], ...]]:
    return {
        name: tuple({seed: value.number() for seed, value in run.by_seed()} for run in runs.items())
        for name, runs in node.entries()
    }


def _from_group(group: SeedGroup) -> Document:
    return {
        "environment": group.environment,
        "guards": list(group.guard_findings),
        "reads": group.reads if group.plan.looks else {},  # which an update alone needs
        "reproduced": group.reproduced,
        "standing": group.standing,
        "unavailable": _shown(group.unavailable),
        "wrong_origin": _shown(group.wrong_origin),
    }


def _shown(text: str | None) -> str | None:
    return None if text is None else shareable(text)


def _to_group(node: Node, plan: GroupPlan, seeds: tuple[SeedResult, ...]) -> SeedGroup:
    environment, standing = _of(node, "environment"), _of(node, "standing")
    return SeedGroup(
        plan,
        results={seed.seed: seed for seed in seeds},
        environment=None if environment.value is None else _plain(environment),
        guard_findings={item.text(): None for item in _of(node, "guards").items()},
        reads={seed: _plain(reads) for seed, reads in _of(node, "reads").by_seed()},
        reproduced={seed: text.text() for seed, text in _of(node, "reproduced").by_seed()},
        standing=None if standing.value is None else _plain(standing),
        unavailable=_of(node, "unavailable").optional_text(),
        wrong_origin=_of(node, "wrong_origin").optional_text(),
    )


def _plain(node: Node) -> dict[str, Any]:
    return {name: entry.value for name, entry in node.entries()}


def _from_baseline(baseline: Artifact) -> Document:
    """The file's content; one of an older schema cannot be checked against its own revision."""
    return {
        "artifact": document_of(baseline),
        "edited": baseline.edited,
        "sealed": is_sealed(baseline),
    }


def _to_baseline(node: Node) -> Artifact | None:
    if node.value is None:
        return None
    artifact = artifact_from(_of(node, "artifact").value, source=node.source)
    if _of(node, "sealed").flag() and not is_sealed(artifact):
        revision = artifact.revision
        _of(node, "artifact").fail(f"the values of revision {revision}, which these are not")
    return replace(artifact, edited=_of(node, "edited").flag())


def _from_base(base: Provenance) -> Document:
    return {
        "plugin": base.plugin,
        "time": base.time,
        "commit": base.commit,
        "dirty": base.dirty,
        "seeds": base.seeds,
        "environment": base.environment,
    }


def _to_base(node: Node) -> Provenance | None:
    if node.value is None:
        return None
    return Provenance(
        plugin=_of(node, "plugin").text(),
        time=_of(node, "time").text(),
        commit=_of(node, "commit").optional_text(),
        dirty=_of(node, "dirty").flag(),
        seeds=_to_seeds(_of(node, "seeds")),
        environment=_plain(_of(node, "environment")),
    )


def _to_facts(node: Node) -> Mapping[str, CommitFacts]:
    facts = CommitFacts(
        commit=_of(node, "commit").text(),
        same_code=_of(node, "same_code").flag(),
        commits=_of(node, "commits").optional_whole(),
        date=_of(node, "date").text(),
        only_tests=any(name == "only_tests" and entry.flag() for name, entry in node.entries()),
    )
    return {facts.commit: facts}
