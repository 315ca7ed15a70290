"""Reports that were made elsewhere, logged for an item of this process."""

import pytest

REPLAYING = """
    import pytest

    from pytest_mlregress.running.replay import log_reports

    made = []


    def pytest_runtest_logreport(report):
        if "test_first" in report.nodeid:
            made.append(report._to_json())


    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(item, nextitem):
        if "test_replayed" not in item.nodeid:
            return None
        data = [item.config.hook.pytest_report_to_serializable(config=item.config, report=report)
                for report in map(pytest.TestReport._from_json, made)]
        log_reports(item, data, nextitem)
        return True
"""

TESTS = {
    "test_a": """
        import pytest

        @pytest.fixture(scope="module")
        def shared():
            yield
            print("torn down")
            {teardown}

        def test_first(shared):
            {outcome}

        def test_replayed(shared):
            raise AssertionError("it ran here")
    """,
    "test_b": """
        def test_after():
            pass
    """,
}


@pytest.mark.parametrize(
    ("outcome", "teardown", "counts", "line"),
    [
        ("pass", "pass", {"passed": 3}, "test_a.py::test_replayed PASSED*"),
        ("assert 1 == 2", "pass", {"failed": 2, "passed": 1}, "test_a.py::test_replayed FAILED*"),
        ("pass", "1 / 0", {"passed": 3, "errors": 1}, "*ERROR at teardown of test_replayed*"),
    ],
)
def test_an_item_has_the_reports_and_fixtures_of_earlier_ones_end_with_it(
    pytester: pytest.Pytester, outcome: str, teardown: str, counts: dict[str, int], line: str
) -> None:
    pytester.makeconftest(REPLAYING)
    files = {
        name: text.format(outcome=outcome, teardown=teardown) if "{" in text else text
        for name, text in TESTS.items()
    }
    pytester.makepyfile(**files)
    result = pytester.runpytest_inprocess("-v", "-p", "no:randomly")
    result.assert_outcomes(**counts)
    result.stdout.fnmatch_lines([line])
