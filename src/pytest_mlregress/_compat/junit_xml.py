"""Private parts of pytest's JUnit XML."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    pass


def leave_out_of_junit(config: pytest.Config, node_ids: Collection[str]) -> None:
    """Leave test cases that did not fail out of the JUnit XML, and out of its counts.

    To be called before the file is written. `LogXML` keeps its test cases in a list of finished
    elements, which no longer know their node id, and counts them as they come (pytest 8.0 to 9.2).
    """
    from _pytest.junitxml import bin_xml_escape, mangle_test_address, xml_key

    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    prefix = [xml.prefix] if xml.prefix else []
    addresses = [mangle_test_address(node_id) for node_id in node_ids]
    left_out = {(".".join(prefix + names[:-1]), bin_xml_escape(names[-1])) for names in addresses}
    kept = []
    for reporter in xml.node_reporters_ordered:
        case = reporter.to_xml()
        failed = case.find("failure") is not None or case.find("error") is not None
        if failed or (case.get("classname"), case.get("name")) not in left_out:
            kept.append(reporter)
            continue
        xml.stats["passed" if case.find("skipped") is None else "skipped"] -= 1
    xml.node_reporters_ordered[:] = kept


def writes_junit(config: pytest.Config) -> bool:
    """Whether this process writes a JUnit XML (pytest 8.0 to 9.2)."""
    from _pytest.junitxml import xml_key

    return config.stash.get(xml_key, None) is not None


def add_suite_properties(config: pytest.Config, properties: Iterable[tuple[str, str]]) -> None:
    """Properties of the test suite in the JUnit XML, before it is written.

    As pytest's fixture ``record_testsuite_property``, which no code outside of a test can ask for.
    `LogXML` escapes values alone: names come without control characters.
    """
    from _pytest.junitxml import xml_key

    for name, value in properties:
        config.stash[xml_key].add_global_property(name, value)
