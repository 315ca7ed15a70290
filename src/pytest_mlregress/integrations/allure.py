"""Verdicts among Allure's results, through the interface that Allure offers to frameworks.

allure-pytest writes a result for each item, in the process that runs it. No item runs for a
verdict, and under xdist it is reached in a process that runs none; so it is written here, with and
without workers alike, at the end of the run, when no late seed can change it any more. What Allure
knows of the test, its labels and links among it, travels on the last report of each seed.

The status is ``failed`` where the run fails because the training got worse; ``broken``, Allure's
word for a test that could not do its work, where it fails because nothing was decided (no baseline,
``incomparable``, ``incomplete``; with ``--mlregress-strict`` also ``inconclusive`` and
``unaffordable``); ``skipped`` for an expected failure, as allure-pytest has it; else ``passed``,
also for a yellow verdict, which passes for pytest too. The message, the headline, is there always.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from allure_commons.model2 import Label, Link, Parameter, Status, StatusDetails, TestResult
from allure_commons.reporter import AllureReporter
from allure_commons.types import AttachmentType, LabelType
from allure_commons.utils import host_tag, md5, platform_label, thread_tag, uuid4

from pytest_mlregress import _compat
from pytest_mlregress.node_ids import name_parts, split_file, split_parameters
from pytest_mlregress.running.markers import DEFAULT_TIER
from pytest_mlregress.running.regression_tests import SEED
from pytest_mlregress.running.scalars import to_plain
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE, SEED_ITEM
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.reporting.report import RunReport

PLUGIN: Final = "mlregress-allure"
ATTRIBUTE: Final = "mlregress_allure"
"""On a seed's last report: an `AllureTest` as builtins."""

_UNDECIDED: Final = frozenset(
    {
        VerdictKind.INCONCLUSIVE,
        VerdictKind.UNAFFORDABLE,
        VerdictKind.NO_BASELINE,
        VerdictKind.INCOMPARABLE,
        VerdictKind.INCOMPLETE,
    }
)


@dataclass(frozen=True, slots=True)
class AllureTest:
    """A test as Allure knows it, whatever the seed.

    ``parameters`` are what Allure's `Parameter` takes, ``labels`` pairs of name and value,
    ``links`` type, URL and name.
    """

    name: str
    full_name: str
    title_path: Sequence[str]
    labels: Sequence[tuple[str, str]]
    parameters: Sequence[Mapping[str, Any]] = ()
    links: Sequence[tuple[str, str, str]] = ()
    description: str | None = None
    description_html: str | None = None

    @classmethod
    def of_seed(cls, item: pytest.Item, result: TestResult) -> AllureTest:
        """From what allure-pytest has put together for one of its seeds."""
        test = item.stash[SEED_ITEM].test
        titled = result.name != item.name
        known = {parameter.name: parameter for parameter in result.parameters}
        own = [key for key in _compat.parameter_values(item) if key != SEED and key in known]
        return cls(
            name=f"{_text(result.name)} (verdict)" if titled else name_parts(test)[-1],
            full_name=_text(result.fullName),
            title_path=[_text(part) for part in getattr(result, "titlePath", ())],
            labels=[
                (_text(label.name), _text(label.value))
                for label in result.labels
                if label.name != LabelType.THREAD
            ],
            parameters=[_described(known[key]) for key in own],
            links=[(_text(link.type), _text(link.url), _text(link.name)) for link in result.links],
            description=result.description and _text(result.description),
            description_html=result.descriptionHtml and _text(result.descriptionHtml),
        )

    @classmethod
    def of_node_id(cls, test: str) -> AllureTest:
        """From the test's node id alone: no seed has lived to say more."""
        path, _ = split_file(test)
        *classes, name = name_parts(test)
        function, _ = split_parameters(name)
        *folders, file = path.split("/")
        module = file.removesuffix(".py")
        package = ".".join([*folders, module])
        labels = {
            LabelType.PARENT_SUITE: ".".join(folders),
            LabelType.SUITE: module,
            LabelType.SUB_SUITE: " > ".join(classes),
            LabelType.HOST: host_tag(),
            LabelType.FRAMEWORK: "pytest",
            LabelType.LANGUAGE: platform_label(),
            "package": package,
        }
        return cls(
            name=name,
            full_name=f"{'.'.join([package, *classes])}#{function}",
            title_path=[*folders, file, *classes],
            labels=[pair for pair in labels.items() if pair[1]],
        )


class AllureVerdicts:
    """Reads Allure's description of each test off its seeds, and writes the verdicts."""

    def __init__(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager
        self._tests: dict[str, AllureTest] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Where a seed runs."""
        report = yield
        if call.when == "teardown" and SEED_ITEM in item.stash:
            listener = self._plugins.getplugin("allure_listener")
            result = listener.allure_logger.get_test(None) if listener is not None else None
            if result is not None and result.fullName is not None:
                setattr(report, ATTRIBUTE, asdict(AllureTest.of_seed(item, result)))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Where verdicts are reached."""
        described: Mapping[str, Any] | None = getattr(report, ATTRIBUTE, None)
        if described is None:
            return
        payload, test = getattr(report, REPORT_ATTRIBUTE), AllureTest(**described)
        if payload["stopped"]:  # before its fixtures and body, which may say more of the test
            self._tests.setdefault(payload["test"], test)
        else:
            self._tests[payload["test"]] = test

    def write(self, run: RunReport, published: Mapping[str, pytest.TestReport]) -> None:
        """Write the verdicts of a run that pytest has seen, each with its report of the call.

        Raises:
            OSError: Allure's folder cannot be written.
        """
        for verdict in run.verdicts:
            if verdict.test in published:
                self._write(verdict, published[verdict.test], run)

    def _write(self, verdict: Verdict, report: pytest.TestReport, run: RunReport) -> None:
        from pytest_mlregress.reporting.html.page import to_html

        test = self._tests.get(verdict.test) or AllureTest.of_node_id(verdict.test)
        result = _result(test, verdict, report)
        result.parameters += _circumstances(verdict, run)
        allure = AllureReporter()
        allure.schedule_test(result.uuid, result)
        allure.attach_data(
            uuid4(),
            to_html(replace(run, verdicts=(verdict,), notes=())),
            name="verdict",
            attachment_type=AttachmentType.HTML,
            parent_uuid=result.uuid,
        )
        allure.close_test(result.uuid)


def _result(test: AllureTest, verdict: Verdict, report: pytest.TestReport) -> TestResult:
    from pytest_mlregress.reporting.failure_text import failure_text

    parameters = [Parameter(**parameter) for parameter in test.parameters]
    if verdict.tier != DEFAULT_TIER:
        parameters.append(Parameter(name="tier", value=verdict.tier))
    told_apart = {entry.name: entry.value for entry in parameters if not entry.excluded}
    values = [value for _, value in sorted(told_apart.items())]
    labels = [*test.labels, (LabelType.TAG, "verdict"), (LabelType.THREAD, thread_tag())]
    result = TestResult(
        uuid=uuid4(),
        name=test.name,
        fullName=test.full_name,
        testCaseId=md5(test.full_name),
        historyId=md5(test.full_name, "verdict", *values),
        description=test.description,
        descriptionHtml=test.description_html,
        status=_status(verdict, report),
        statusDetails=StatusDetails(
            message=_message(verdict, report),
            # A terminal shows a few lines of a failure; its text has all of them.
            trace=(str(report.longrepr) if report.failed else report.longreprtext)
            or failure_text(verdict),
        ),
        parameters=parameters,
        labels=[Label(name=name, value=value) for name, value in labels],
        links=[Link(kind, url, name) for kind, url, name in test.links],
        start=round(report.start * 1000),
        stop=round(report.stop * 1000),
    )
    if hasattr(result, "titlePath"):  # older versions know none
        result.titlePath = [*test.title_path]
    return result


def _described(parameter: Parameter) -> dict[str, Any]:
    """The parameter as builtins, with how it is shown and whether it tells tests apart."""
    described = {"name": parameter.name, "value": _text(parameter.value)}
    for name in ("excluded", "mode"):
        if (value := getattr(parameter, name, None)) is not None:
            described[name] = to_plain(value)
    return described


def _circumstances(verdict: Verdict, run: RunReport) -> list[Parameter]:
    """What is shown of the run, and makes no other test of this one."""
    from pytest_mlregress.reporting.sample_text import seeds_counted

    shown = {"seeds": f"{seeds_counted(verdict)} of {len(verdict.planned)}"}
    if any(metric.comparison is not None for metric in verdict.metrics):
        shown["alpha"] = f"{run.alpha:g}"
    return [Parameter(name=name, value=value, excluded=True) for name, value in shown.items()]


def _status(verdict: Verdict, report: pytest.TestReport) -> str:
    if report.skipped:
        status = Status.SKIPPED
    elif not report.failed and verdict.colour is not Colour.RED:
        status = Status.PASSED
    else:
        status = Status.BROKEN if verdict.kind in _UNDECIDED else Status.FAILED
    return str(status)


def _message(verdict: Verdict, report: pytest.TestReport) -> str:
    from pytest_mlregress.reporting.headline import headline
    from pytest_mlregress.reporting.text_layout import one_line

    reason = getattr(report, "wasxfail", None)
    if reason is not None:
        word = "XFAIL" if report.skipped else "XPASS"
        return f"{word} {one_line(reason)}".rstrip() + f"\n\n{headline(verdict)}"
    if report.failed and verdict.colour is not Colour.RED:  # an unexpected pass, which is strict
        return f"{one_line(report.longreprtext)}\n\n{headline(verdict)}"
    return headline(verdict)


def _text(value: object) -> str:
    """A value of Allure's as exact text that can cross to xdist's controller."""
    return str(to_plain(value))
