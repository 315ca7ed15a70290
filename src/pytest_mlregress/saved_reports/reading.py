"""A JSON report as it was written: checked for what it is, and read part by part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn

from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.baselines.json_reader import Node
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.reporting.environment_table import EnvironmentRow
from pytest_mlregress.reporting.json_report import SCHEMA
from pytest_mlregress.reporting.shard_of_run import CollectedTest, ShardOfRun
from pytest_mlregress.reporting.sides import Sides
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.saved_reports.errors import SavedReportError
from pytest_mlregress.verdicts.judged_document import judged_test
from pytest_mlregress.verdicts.judged_test import JudgedTest
from pytest_mlregress.verdicts.seed_document import seed_result

GENERATOR: Final = "pytest-mlregress"


@dataclass(frozen=True)
class SavedTest:
    """One test of a report.

    Attributes:
        node: the test as the report holds it.
        tree: the working tree of the run.
    """

    node: Node
    tree: WorkingTree

    @property
    def document(self) -> dict[str, Any]:
        """The test as plain values."""
        assert isinstance(self.node.value, dict)
        return self.node.value

    @cached_property
    def identity(self) -> tuple[str, str]:
        """Its node id and its tier."""
        part = _fields(self.node, "id", "tier")
        return part["id"].text(), part["tier"].text()

    @cached_property
    def place(self) -> tuple[str, int] | None:
        """Its file and line; None where they are not known."""
        part = _fields(self.node, "file", "line")
        if part["file"].value is None:
            return None
        return part["file"].text(), part["line"].whole()

    @cached_property
    def judged(self) -> JudgedTest | None:
        """What its verdict was reached with; None after an update.

        Raises:
            ArtifactError: a value is missing or of another kind than the format says.
        """
        part = _fields(self.node, "seeds", "base_seeds", "judged_with")
        if part["judged_with"].value is None:
            return None
        seeds, base = (_to_seeds(part[name]) for name in ("seeds", "base_seeds"))
        return judged_test(part["judged_with"], seeds, base, self.tree)


@dataclass(frozen=True)
class SavedReport:
    """A report of the current schema.

    Attributes:
        name: the file, as messages name it.
        node: its content.
    """

    name: str
    node: Node

    @property
    def document(self) -> dict[str, Any]:
        """The report as plain values."""
        assert isinstance(self.node.value, dict)
        return self.node.value

    @cached_property
    def version(self) -> str:
        """That of the plugin that wrote it."""
        return _fields(_fields(self.node, "generator")["generator"], "version")["version"].text()

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings of the run, by name."""
        settings = _fields(self.node, "settings")["settings"]
        return {name: value.value for name, value in settings.entries()}

    @cached_property
    def code(self) -> WorkingTree | None:
        """The working tree; None outside git."""
        node = _fields(self.node, "code")["code"]
        if node.value is None:
            return None
        part = _fields(node, "commit", "branch", "dirty", "uncommitted", "diff_hash", "unknown")
        return WorkingTree(
            commit=part["commit"].optional_text(),
            branch=part["branch"].optional_text(),
            dirty=part["dirty"].flag(),
            diff_hash=part["diff_hash"].optional_text(),
            changed=_texts(part["uncommitted"]),
            unknown=part["unknown"].optional_text(),
        )

    @cached_property
    def tests(self) -> tuple[SavedTest, ...]:
        """Its tests, in the order of the file."""
        nodes = _fields(self.node, "tests")["tests"].items()
        return tuple(SavedTest(node, self.code or WorkingTree()) for node in nodes)

    @cached_property
    def shard(self) -> ShardOfRun | None:
        """Which seeds it has trained; None for a run of its own."""
        node = _fields(self.node, "shard")["shard"]
        if node.value is None:
            return None
        part = _fields(node, "number", "count", "collected", "exit_status", "reruns")
        collected = part["collected"]
        return ShardOfRun(
            number=part["number"].whole(),
            count=part["count"].whole(),
            collected=None
            if collected.value is None
            else tuple(_to_collected(test) for test in collected.items()),
            exit_status=part["exit_status"].whole(),
            reruns=part["reruns"].whole(),
        )

    @cached_property
    def sides(self) -> Sides | None:
        """What an A/B run compared; None for any other run."""
        node = _fields(self.node, "sides")["sides"]
        return None if node.value is None else _to_sides(node)

    @cached_property
    def summary(self) -> Mapping[str, Node]:
        """The counts over the run, by name."""
        return _fields(
            _fields(self.node, "summary")["summary"], "alpha", "comparisons", "duration", "notes"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on the run."""
        return _texts(self.summary["notes"])

    def part(self, name: str) -> Node | None:
        """A field at its top that may be absent.

        Args:
            name: the field.

        Returns:
            Its content; None where it is absent.
        """
        return dict(self.node.entries()).get(name)

    def text(self, name: str) -> str:
        """One of the texts at its top.

        Args:
            name: the field.

        Returns:
            The text.
        """
        return _fields(self.node, name)[name].text()

    def read_all(self) -> None:
        """Read every part, so that what is wrong with one is known.

        Raises:
            ArtifactError: a value is missing or of another kind than the format says.
        """
        _ = (self.version, self.settings, self.code, self.shard, self.sides, self.notes)
        for name in ("alpha", "comparisons", "duration"):
            self.summary[name].number()
        for name in ("started", "command", "folder"):
            self.text(name)
        for test in self.tests:
            _ = test.identity, test.place, test.judged


def read_report(path: Path) -> SavedReport:
    """Read a report of the current schema.

    Args:
        path: the file.

    Returns:
        The report, of which only the shape of the whole has been checked.

    Raises:
        SavedReportError: it cannot be read, or is no such report; names the file and the remedy.
    """
    name = str(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SavedReportError(f"{name}: cannot be read: {error.strerror or error}") from None
    document = _parsed(name, content)
    if not isinstance(document, dict) or not _is_ours(document):
        raise SavedReportError(
            f"{name}: is no report of pytest-mlregress; give a file that "
            "--mlregress-report=FILE.json has written"
        )
    schema = document.get("schema")
    if schema != SCHEMA:
        raise SavedReportError(f"{name}: {_other_schema(document, schema)}")
    return SavedReport(name, Node(document, name))


def is_of_update(report: SavedReport) -> bool:
    """Whether a run was to record baselines.

    Args:
        report: its report.

    Returns:
        The answer.
    """
    return any(report.settings.get(name) is True for name in ("update", "update_new_only"))


def damaged(error: ArtifactError) -> SavedReportError:
    """A value that no run has written, as the error of a report.

    Args:
        error: as the reader of the value raised it.

    Returns:
        The error, with the place in the file.
    """
    return SavedReportError(
        f"{error.source}: at {error.path}: {error.problem}; the file was edited or damaged"
    )


def _parsed(name: str, content: bytes) -> object:
    def no_constant(token: str) -> NoReturn:
        raise ValueError(f"{token} is not JSON")

    if not content.strip():
        raise SavedReportError(f"{name}: is empty; the job that was to write it has not ended")
    try:
        return json.loads(content, parse_constant=no_constant)
    except RecursionError:
        raise SavedReportError(f"{name}: is nested too deeply to be a report") from None
    except UnicodeDecodeError:
        raise SavedReportError(f"{name}: is no JSON: it is not text in UTF-8") from None
    except ValueError as error:
        cut = "" if content.rstrip().endswith(b"}") else ", as if it was cut off"
        raise SavedReportError(f"{name}: is no JSON{cut}: {error}") from None


def _is_ours(document: Mapping[str, Any]) -> bool:
    generator = document.get("generator")
    return isinstance(generator, dict) and generator.get("name") == GENERATOR


_OTHER_OUTCOMES: Final = 2
"""The schema before seeds were finished, cancelled or lost: passed, stopped or crashed."""


def _other_schema(document: Mapping[str, Any], schema: object) -> str:
    version = document["generator"].get("version")
    if isinstance(schema, int) and not isinstance(schema, bool) and schema < SCHEMA:
        why = "it does not hold what verdicts rest on"
        if schema == _OTHER_OUTCOMES:
            why = "it has other words for how a seed ended"
        return (
            f"schema {schema} is too old, {why} (this version reads schema {SCHEMA}); "
            f"pytest-mlregress {version} wrote it, run the tests again with this version"
        )
    return (
        f"schema {schema} is not known here, only {SCHEMA}; it was written by pytest-mlregress "
        f"{version}: install that version"
    )


def _fields(node: Node, *names: str) -> dict[str, Node]:
    """The fields that must be there, and any others."""
    return node.fields(*names, optional=tuple(key for key, _ in node.entries()))


def _texts(node: Node) -> tuple[str, ...]:
    return tuple(item.text() for item in node.items())


def _to_seeds(node: Node) -> tuple[SeedResult, ...]:
    return tuple(seed_result(item) for item in node.items())


def _to_collected(node: Node) -> CollectedTest:
    part = _fields(node, "test", "tier", "planned", "shards")
    return CollectedTest(
        test=part["test"].text(),
        tier=part["tier"].text(),
        planned=tuple(seed.whole() for seed in part["planned"].items()),
        shards={seed: number.whole() for seed, number in part["shards"].by_seed()},
    )


def _to_sides(node: Node) -> Sides:
    part = _fields(node, *(entry.name for entry in fields(Sides)))
    rows = part["environment"]
    return Sides(
        against=part["against"].text(),
        base_commit=part["base_commit"].optional_text(),
        candidate_commit=part["candidate_commit"].optional_text(),
        merge_base_of=part["merge_base_of"].optional_text(),
        uncommitted=_texts(part["uncommitted"]),
        diff_hash=part["diff_hash"].optional_text(),
        same_code=part["same_code"].flag(),
        changed=_texts(part["changed"]),
        read={test: _texts(files) for test, files in part["read"].entries()},
        reused={side: count.whole() for side, count in part["reused"].entries()},
        environment=None if rows.value is None else tuple(_to_row(row) for row in rows.items()),
        suite=part["suite"].optional_text(),
        notes=_texts(part["notes"]),
    )


def _to_row(node: Node) -> EnvironmentRow:
    part = _fields(node, "name", "base", "candidate")
    return EnvironmentRow(
        name=part["name"].text(),
        base=part["base"].text(),
        candidate=part["candidate"].text(),
    )
