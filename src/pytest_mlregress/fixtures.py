"""Every fixture of the plugin: the run of a seed, and the bug checks as functions of a test.

Imported at every start of pytest, so torch is imported only when a test asks for one of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torch import nn

    from pytest_mlregress.bughunt.findings import Finding, Findings
    from pytest_mlregress.running.run import Run

HUNTING = ("bughunt", "overfit_single_batch", "check_view_permute", "check_logits")
"""The fixtures of `pytest_mlregress.bughunt`."""


@pytest.fixture
def mlregress(request: pytest.FixtureRequest) -> Run:
    """One seed's run of a regression test: its seed, and where it records metrics."""
    from pytest_mlregress.running.execution import run_of

    return run_of(request)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run of a regression test, a plain integer."""
    from pytest_mlregress.running.execution import run_of

    return run_of(request).seed


class Checker:
    """One of the checking functions, bound to a test: what it finds fails the test or warns.

    Takes the function's own arguments, and returns its findings if none is an error. Slugs that
    the test's marker ``mlregress(suppress=[...])`` names are suppressed besides those given.
    """

    def __init__(self, function: Callable[..., Findings], request: pytest.FixtureRequest) -> None:
        self._function = function
        self._request = request

    def __call__(self, *arguments: Any, **keywords: Any) -> Findings:
        """Check, then `pytest.fail` for errors and a warning at its line for each other finding.

        Also fails, in one line, if the program cannot be built or run, or a slug is unknown.
        """
        from pytest_mlregress.bughunt.errors import BughuntError

        keywords["suppress"] = (*_marked(self._request.node), *keywords.get("suppress", ()))
        try:
            findings = self._function(*arguments, **keywords)
        except (BughuntError, ValueError) as error:
            pytest.fail(f"{self._request.node.nodeid}: {error}", pytrace=False)
        for finding in findings.warnings:
            _warn(finding, self._request.node)
        if findings.errors:
            pytest.fail(_text(findings), pytrace=False)
        return findings


@pytest.fixture
def bughunt(request: pytest.FixtureRequest) -> Checker:
    """Hunt for training bugs: ``bughunt(make_model, batch, loss_fn=..., train_step=...)``."""
    pytest.importorskip("torch", reason="the fixture bughunt needs torch")
    from pytest_mlregress.bughunt.hunt_runner import hunt

    return Checker(hunt, request)


@pytest.fixture
def overfit_single_batch(request: pytest.FixtureRequest) -> Checker:
    """Must memorise: ``overfit_single_batch(model, batch, loss_fn, steps=200, target=None)``.

    A ``DataLoader`` in place of the batch asks for a small data set to be memorised.
    """
    pytest.importorskip("torch", reason="the fixture overfit_single_batch needs torch")
    from pytest_mlregress.bughunt.single_checks import overfit_single_batch as function

    def memorise(
        model: nn.Module, batch: Any, loss_fn: Any, *, suppress: Collection[str], **keywords: Any
    ) -> Findings:
        from pytest_mlregress.bughunt import suppression
        from pytest_mlregress.bughunt.findings import Findings

        found = function(model, batch, loss_fn, **keywords)
        reported, suppressed = suppression.split(found, suppress)
        return Findings(reported, suppressed=suppressed)

    return Checker(memorise, request)


@pytest.fixture
def check_view_permute(request: pytest.FixtureRequest) -> Checker:
    """No view where a permute was meant: ``check_view_permute(model, batch, loss_fn)``."""
    pytest.importorskip("torch", reason="the fixture check_view_permute needs torch")
    from pytest_mlregress.bughunt.single_checks import check_view_permute as function

    return Checker(function, request)


@pytest.fixture
def check_logits(request: pytest.FixtureRequest) -> Checker:
    """Each loss is given what it expects: ``check_logits(model, batch, loss_fn)``."""
    pytest.importorskip("torch", reason="the fixture check_logits needs torch")
    from pytest_mlregress.bughunt.single_checks import check_logits as function

    return Checker(function, request)


def _marked(node: pytest.Item) -> list[str]:
    """The slugs that the ``mlregress`` markers of a test suppress."""
    slugs: list[str] = []
    for mark in node.iter_markers("mlregress"):
        given = mark.kwargs.get("suppress") or ()
        if isinstance(given, str) or not all(isinstance(slug, str) for slug in given):
            pytest.fail(
                f"{node.nodeid}: mlregress(suppress={given!r}): a list of check names is due, "
                "such as ['batch-leak']",
                pytrace=False,
            )
        slugs += given
    return slugs


def _text(findings: Findings) -> str:
    slugs = list(dict.fromkeys(finding.check for finding in findings.errors))
    skipped = len({skip.check for skip in findings.skipped})
    lines = ["1 bug" if len(findings.errors) == 1 else f"{len(findings.errors)} bugs"]
    lines += map(str, findings.errors)
    if skipped:
        lines.append(f"{skipped} checks did not apply or did not fit into the budget")
    lines.append(f"if this is meant, say so: @pytest.mark.mlregress(suppress={slugs!r})")
    return "\n".join(lines)


def _warn(finding: Finding, node: pytest.Item) -> None:
    from pytest_mlregress.bughunt.errors import BughuntWarning

    here = f"{node.path}:{(node.location[1] or 0) + 1}"
    file, _, line = (finding.location or here).rpartition(":")
    where = f" ({finding.module})" if finding.module else ""
    evidence = f" [{finding.evidence}]" if finding.evidence else ""
    warnings.warn_explicit(
        f"{finding.check}{where}: {finding.message}{evidence}; {finding.fix} "
        f"(if meant: suppress={[finding.check]!r})",
        BughuntWarning,
        file,
        int(line),
    )
