"""What a seed has printed, logged and raised, with the secrets in it masked.

This is where text of the user's code enters the plugin: the terminal, JUnit XML, reports, the
history, trackers and the seed cache are all written from these reports.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Final

import pytest

from pytest_mlregress.masking import (
    learn_environment,
    learn_secrets,
    mask,
    mask_values,
    names_a_secret,
    secrets_of_url,
)
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE

_TEXTS: Final = ("guards", "xfailed", "ended")
"""Parts of a seed's payload that hold text of the user's code; others are ids, hashes, numbers."""


def learn_options(config: pytest.Config) -> None:
    """Mask from now on what the options and ini keys of any plugin say that have secret names."""
    for name, value in vars(config.option).items():
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str):
                learn_secrets([text] if names_a_secret(name) else secrets_of_url(text))
    for override in getattr(config.option, "override_ini", None) or ():
        name, _, value = str(override).partition("=")
        if names_a_secret(name):
            learn_secrets([value])
    learn_environment()


def mask_report(report: pytest.TestReport) -> None:
    """Mask the report of a phase, in place."""
    learn_environment()
    if report.sections:
        report.sections = [(heading, mask(text)) for heading, text in report.sections]
    if report.user_properties:
        report.user_properties = mask_values(report.user_properties)
    if report.longrepr is not None:
        report.longrepr = _masked(report.longrepr)
    payload = getattr(report, REPORT_ATTRIBUTE, None)
    if isinstance(payload, dict):
        texts = {name: mask_values(payload[name]) for name in _TEXTS if payload.get(name)}
        result = payload.get("result")
        if result is not None and result["params"]:
            texts["result"] = {**result, "params": mask_values(dict(result["params"]))}
        if texts:
            setattr(report, REPORT_ATTRIBUTE, {**payload, **texts})


def _masked(value: Any) -> Any:
    """Pytest's account of a failure: dataclasses that hold text, in lists and tuples."""
    if isinstance(value, str | list | tuple | dict):
        if isinstance(value, list):
            value[:] = [_masked(entry) for entry in value]
            return value
        if isinstance(value, tuple):
            return tuple(_masked(entry) for entry in value)
        return mask_values(value)
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            object.__setattr__(value, field.name, _masked(getattr(value, field.name)))
    if hasattr(value, "sections"):
        value.sections = [(name, mask(text), line) for name, text, line in value.sections]
    return value
