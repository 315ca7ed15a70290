"""The table of options agrees with what its entries name."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pytest_mlregress.options import DATA_FRACTION, OPTIONS
from pytest_mlregress.options.option import Option
from pytest_mlregress.settings import Settings


@pytest.mark.parametrize("option", [*OPTIONS, DATA_FRACTION], ids=lambda option: option.field)
def test_an_option_is_a_setting_and_can_be_read(option: Option) -> None:
    assert option.field in {entry.name for entry in fields(Settings)}
    assert (option.parse is None) == (option.value is None)


@pytest.mark.parametrize(
    "option", [one for one in OPTIONS if isinstance(one.value, tuple)], ids=lambda one: one.field
)
def test_the_words_of_an_option_begin_with_its_default(option: Option) -> None:
    assert isinstance(option.value, tuple)
    assert getattr(Settings(), option.field) in option.value
    assert "(default)" in option.help
