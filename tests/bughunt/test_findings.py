"""Several findings of one check at one line are one; the gravest come first."""

from __future__ import annotations

from pytest_mlregress.bughunt.findings import Finding, Findings, by_severity, merged


def at(line, module, severity="warning", check="bias-before-batchnorm", evidence="gradient 0"):
    return Finding(check, severity, "no use", module, line, evidence, "bias=False")


def test_findings_of_one_check_at_one_line_are_one_with_a_count():
    layers = [at("net.py:4", f"layers.{index}") for index in range(6)]
    [finding] = merged([*layers, layers[2]])
    assert str(finding).splitlines() == [
        "warning: bias-before-batchnorm at net.py:4, layers.0 (and 5 more)",
        "    no use",
        "    evidence: gradient 0; the same of layers.1, layers.2, layers.3, layers.4, …",
        "    fix: bias=False",
    ]
    assert finding.count == 6


def test_other_lines_and_other_checks_stay_apart():
    found = [at("net.py:4", "a"), at("net.py:5", "b"), at("net.py:4", "a", check="dead-relu")]
    assert merged(found) == found


def test_the_gravest_of_a_line_stays():
    [finding] = merged([at("net.py:4", "a"), at("net.py:4", "b", "error", evidence="")])
    assert (finding.severity, finding.module, finding.count) == ("error", "b", 2)
    assert finding.evidence == "the same of a"


def test_errors_come_before_warnings_and_warnings_before_information():
    found = [at("a.py:1", "a", "info"), at("a.py:2", "b"), at("a.py:3", "c", "error")]
    assert [finding.module for finding in by_severity(found)] == ["c", "b", "a"]
    findings = Findings(found)
    assert [f.module for f in findings.infos] == ["a"]
    assert [f.module for f in findings.warnings] == ["b"]
    assert [f.module for f in findings.errors] == ["c"]
