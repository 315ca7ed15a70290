"""Every fixture of the plugin: the run of a seed, and the bug checks as functions of a test.

Imported at every start of pytest, so torch is imported only when a test asks for one of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlregress.plurals import count_of

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer

    from pytest_mlregress.bughunt.findings import Finding, Findings
    from pytest_mlregress.bughunt.program.user_program import ModelT
    from pytest_mlregress.running.run import Run

HUNTING = ("bughunt", "overfit_single_batch", "check_view_permute", "check_logits")
"""The fixtures of `pytest_mlregress.bughunt`."""


@pytest.fixture
def mlregress(request: pytest.FixtureRequest) -> Run:
    """One seed's run of a regression test: its seed, and where it records metrics."""
    from pytest_mlregress.running.running_seed import run_of

    return run_of(request)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run of a regression test, a plain integer."""
    from pytest_mlregress.running.running_seed import run_of

    return run_of(request).seed


class _TestedCheck:
    """A check bound to a test: errors fail the test, and other findings are warnings.

    Slugs that the test's marker ``mlregress(suppress=[...])`` names are suppressed besides those
    given.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node = request.node

    def _report(self, check: Callable[..., Findings], suppress: Collection[str]) -> Findings:
        """Run ``check(suppress=...)``.

        `pytest.fail` for errors, and a warning at its line for each other finding. Also fails, in
        one line, if the program cannot be built or run, or a slug is unknown.
        """
        from pytest_mlregress.bughunt.errors import BughuntError

        try:
            findings = check(suppress=(*_marked(self._node), *suppress))
        except (BughuntError, ValueError) as error:
            pytest.fail(f"{self._node.nodeid}: {error}", pytrace=False)
        for finding in findings.warnings:
            _warn(finding, self._node)
        if findings.errors:
            pytest.fail(_text(findings), pytrace=False)
        if (line := _not_checked(findings)) is not None:
            print(line)  # pytest shows it with -rP or -s
        return findings


class BugHunt(_TestedCheck):
    """The type of the fixture ``bughunt``: `pytest_mlregress.bughunt.hunt`, bound to a test."""

    def __call__(
        self,
        make_model: Callable[[], ModelT],
        batch: Any,
        *,
        loss_fn: Callable[[ModelT, Any], torch.Tensor],
        make_optimizer: Callable[[ModelT], Any] | None = None,
        train_step: Callable[[ModelT, Any, Any], Any] | None = None,
        evaluate: Callable[[ModelT, Any], Any] | None = None,
        train_batches: Any = None,
        val_batches: Any = None,
        ablate: Sequence[str] = (),
        checks: Collection[str] | None = None,
        suppress: Collection[str] = (),
        budget_s: float = 10.0,
    ) -> Findings:
        """Hunt with the arguments of `hunt`; fails the test where a finding is an error."""
        from pytest_mlregress.bughunt.hunt_runner import hunt

        check = partial(
            hunt,
            make_model,
            batch,
            loss_fn=loss_fn,
            make_optimizer=make_optimizer,
            train_step=train_step,
            evaluate=evaluate,
            train_batches=train_batches,
            val_batches=val_batches,
            ablate=ablate,
            checks=checks,
            budget_s=budget_s,
        )
        return self._report(check, suppress)


class OverfitSingleBatch(_TestedCheck):
    """The type of the fixture ``overfit_single_batch``."""

    def __call__(
        self,
        model: ModelT,
        batch: Any,
        loss_fn: Callable[[ModelT, Any], torch.Tensor],
        *,
        optimizer: Optimizer | Callable[[ModelT], Optimizer] | None = None,
        steps: int = 200,
        target: float | None = None,
        suppress: Collection[str] = (),
    ) -> Findings:
        """Fail the test where the model cannot memorise the batch."""
        from pytest_mlregress.bughunt import suppression
        from pytest_mlregress.bughunt.findings import Findings
        from pytest_mlregress.bughunt.single_checks import overfit_single_batch

        def check(suppress: Collection[str]) -> Findings:
            found = overfit_single_batch(
                model, batch, loss_fn, optimizer=optimizer, steps=steps, target=target
            )
            reported, suppressed = suppression.split(found, suppress)
            return Findings(reported, suppressed=suppressed)

        return self._report(check, suppress)


class CheckViewPermute(_TestedCheck):
    """The type of the fixture ``check_view_permute``."""

    def __call__(
        self,
        model: ModelT,
        batch: Any,
        loss_fn: Callable[[ModelT, Any], torch.Tensor] | None = None,
        *,
        suppress: Collection[str] = (),
    ) -> Findings:
        """Fail the test where a view stands for a permute."""
        from pytest_mlregress.bughunt.single_checks import check_view_permute

        return self._report(partial(check_view_permute, model, batch, loss_fn), suppress)


class CheckLogits(_TestedCheck):
    """The type of the fixture ``check_logits``."""

    def __call__(
        self,
        model: ModelT,
        batch: Any,
        loss_fn: Callable[[ModelT, Any], torch.Tensor],
        *,
        suppress: Collection[str] = (),
    ) -> Findings:
        """Fail the test where a loss is given the wrong kind of values."""
        from pytest_mlregress.bughunt.single_checks import check_logits

        return self._report(partial(check_logits, model, batch, loss_fn), suppress)


@pytest.fixture
def bughunt(request: pytest.FixtureRequest) -> BugHunt:
    """Hunt for training bugs: ``bughunt(make_model, batch, loss_fn=..., train_step=...)``."""
    pytest.importorskip("torch", reason="the fixture bughunt needs torch")
    return BugHunt(request)


@pytest.fixture
def overfit_single_batch(request: pytest.FixtureRequest) -> OverfitSingleBatch:
    """Must memorise: ``overfit_single_batch(model, batch, loss_fn, steps=200, target=None)``.

    A ``DataLoader`` in place of the batch asks for a small data set to be memorised.
    """
    pytest.importorskip("torch", reason="the fixture overfit_single_batch needs torch")
    return OverfitSingleBatch(request)


@pytest.fixture
def check_view_permute(request: pytest.FixtureRequest) -> CheckViewPermute:
    """No view where a permute is needed: ``check_view_permute(model, batch, loss_fn)``."""
    pytest.importorskip("torch", reason="the fixture check_view_permute needs torch")
    return CheckViewPermute(request)


@pytest.fixture
def check_logits(request: pytest.FixtureRequest) -> CheckLogits:
    """Each loss is given what it expects: ``check_logits(model, batch, loss_fn)``."""
    pytest.importorskip("torch", reason="the fixture check_logits needs torch")
    return CheckLogits(request)


def _marked(node: pytest.Item) -> list[str]:
    """The slugs that the ``mlregress`` markers of a test suppress."""
    slugs: list[str] = []
    for mark in node.iter_markers("mlregress"):
        given = mark.kwargs.get("suppress") or ()
        if isinstance(given, str) or not all(isinstance(slug, str) for slug in given):
            pytest.fail(
                f"{node.nodeid}: mlregress(suppress={given!r}): expected a list of check names, "
                "such as ['batch-leak']",
                pytrace=False,
            )
        slugs += given
    return slugs


def _text(findings: Findings) -> str:
    slugs = list(dict.fromkeys(finding.check for finding in findings.errors))
    skipped = len({skip.check for skip in findings.skipped if not skip.partly})
    lines = [count_of(len(findings.errors), "bug")]
    lines += map(str, findings.errors)
    if skipped:
        lines.append(f"{count_of(skipped, 'check')} did not apply or did not fit into the budget")
    lines.append(f"if intended, suppress it: @pytest.mark.mlregress(suppress={slugs!r})")
    return "\n".join(lines)


def _not_checked(findings: Findings) -> str | None:
    """What a passing check did not look at, and why, in one line; None where there is nothing."""
    reasons: dict[str, list[str]] = {}
    for skip in findings.skipped:
        slugs = reasons.setdefault(skip.reason, [])
        slug = f"{skip.check} in part" if skip.partly else skip.check
        if slug not in slugs:
            slugs.append(slug)
    parts = [f"{', '.join(slugs)} ({reason})" for reason, slugs in reasons.items()]
    parts += [f"{finding.check} is information: {finding.message}" for finding in findings.infos]
    return f"bughunt: not checked: {'; '.join(parts)}" if parts else None


def _warn(finding: Finding, node: pytest.Item) -> None:
    from pytest_mlregress.bughunt.errors import BughuntWarning

    here = f"{node.path}:{(node.location[1] or 0) + 1}"
    file, _, line = (finding.location or here).rpartition(":")
    where = f" ({finding.module})" if finding.module else ""
    evidence = f" [{finding.evidence}]" if finding.evidence else ""
    warnings.warn_explicit(
        f"{finding.check}{where}: {finding.message}{evidence}; {finding.fix} "
        f"(if intended: suppress={[finding.check]!r})",
        BughuntWarning,
        file,
        int(line),
    )
