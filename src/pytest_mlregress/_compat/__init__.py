"""The only place that touches private parts of pytest and pytest-xdist, one file for each part.

Each function says which part, and in which versions it was seen to work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_mlregress.lazy_names import lazy_names

if TYPE_CHECKING:
    from pytest_mlregress._compat.collection import (
        called_by_pytest_or,
        count_collected,
        deselect_as_asked,
        ini_keys,
        is_ignored,
        marks_of_parameters,
        parameter_ids,
        parameter_values,
        place_of,
        resolves_to,
        take_back_deselection,
    )
    from pytest_mlregress._compat.distribution import (
        count_failure,
        exit_status,
        number_of_workers,
        reschedule,
        run_by_xdist,
    )
    from pytest_mlregress._compat.forked import (
        WorkerNode,
        capture_anew,
        keep_temporary_files_apart,
        make_temporary_folder,
        plain_warning,
        report_only_to,
        tear_down_after,
        warning_of,
    )
    from pytest_mlregress._compat.junit_xml import (
        add_suite_properties,
        leave_out_of_junit,
        writes_junit,
    )
    from pytest_mlregress._compat.reports import (
        failure_representation,
        forget_reports,
        unsettle_stepwise_and_last_failed,
    )
    from pytest_mlregress._compat.running import (
        reports_of,
        run_unlogged,
        tear_down_to,
        without_time_limit,
        xfail_in_force,
    )
    from pytest_mlregress._compat.terminal_writer import (
        WatchedFile,
        call_before_debugger,
        is_plain_terminal,
    )
    from pytest_mlregress._compat.time_limits import (
        captured_so_far,
        end_after_report,
        time_limit_in,
    )
    from pytest_mlregress._compat.worker_input import worker_input

__all__ = [
    "WatchedFile",
    "WorkerNode",
    "add_suite_properties",
    "call_before_debugger",
    "called_by_pytest_or",
    "capture_anew",
    "captured_so_far",
    "count_collected",
    "count_failure",
    "deselect_as_asked",
    "end_after_report",
    "exit_status",
    "failure_representation",
    "forget_reports",
    "ini_keys",
    "is_ignored",
    "is_plain_terminal",
    "keep_temporary_files_apart",
    "leave_out_of_junit",
    "make_temporary_folder",
    "marks_of_parameters",
    "number_of_workers",
    "parameter_ids",
    "parameter_values",
    "place_of",
    "plain_warning",
    "report_only_to",
    "reports_of",
    "reschedule",
    "resolves_to",
    "run_by_xdist",
    "run_unlogged",
    "take_back_deselection",
    "tear_down_after",
    "tear_down_to",
    "time_limit_in",
    "unsettle_stepwise_and_last_failed",
    "warning_of",
    "without_time_limit",
    "worker_input",
    "writes_junit",
    "xfail_in_force",
]

_HOMES: Final = {
    "WatchedFile": "terminal_writer",
    "WorkerNode": "forked",
    "add_suite_properties": "junit_xml",
    "call_before_debugger": "terminal_writer",
    "called_by_pytest_or": "collection",
    "capture_anew": "forked",
    "captured_so_far": "time_limits",
    "count_collected": "collection",
    "count_failure": "distribution",
    "deselect_as_asked": "collection",
    "end_after_report": "time_limits",
    "exit_status": "distribution",
    "failure_representation": "reports",
    "forget_reports": "reports",
    "ini_keys": "collection",
    "is_ignored": "collection",
    "is_plain_terminal": "terminal_writer",
    "keep_temporary_files_apart": "forked",
    "leave_out_of_junit": "junit_xml",
    "make_temporary_folder": "forked",
    "marks_of_parameters": "collection",
    "number_of_workers": "distribution",
    "parameter_ids": "collection",
    "parameter_values": "collection",
    "place_of": "collection",
    "plain_warning": "forked",
    "report_only_to": "forked",
    "reports_of": "running",
    "reschedule": "distribution",
    "resolves_to": "collection",
    "run_by_xdist": "distribution",
    "run_unlogged": "running",
    "take_back_deselection": "collection",
    "tear_down_after": "forked",
    "tear_down_to": "running",
    "time_limit_in": "time_limits",
    "unsettle_stepwise_and_last_failed": "reports",
    "warning_of": "forked",
    "without_time_limit": "running",
    "worker_input": "worker_input",
    "writes_junit": "junit_xml",
    "xfail_in_force": "running",
}

if not TYPE_CHECKING:  # to a type checker an unknown name would have a value
    __getattr__ = lazy_names(__name__, _HOMES)
