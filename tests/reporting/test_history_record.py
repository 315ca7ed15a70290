"""What the history keeps of a run is what its reports show."""

import verdict_cases as cases

from pytest_mlregress.reporting.history.record import TestFacts, run_record
from pytest_mlregress.reporting.metric_text import shown_interval


def test_the_interval_is_the_one_that_is_shown() -> None:
    verdict = cases.regression()
    facts = {verdict.test: TestFacts()}
    record = run_record(cases.a_run(verdict), environment="", same_code=lambda _: None, facts=facts)
    (metric, *_), (shown, *_) = record.tests[0].metrics, verdict.metrics
    assert (*metric.interval, metric.interval_level) == shown_interval(shown)
