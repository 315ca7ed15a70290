"""What loggers and callbacks of all training frameworks do with the values they are told."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.running.recorded_metric import RecordError
from pytest_mlregress.running.scalars import NotANumberError, to_number

if TYPE_CHECKING:
    from pytest_mlregress.running.run import Run

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


class TrainingLog:
    """Curves and hyper-parameters of one training, as a framework tells them.

    Attributes:
        last_step: the last step that was logged, -1 before the first.
    """

    def __init__(self, run: Run, prefix: str, method: str) -> None:
        self._run = run
        self._prefix = prefix
        self._method = method
        self.last_step = -1

    def log(self, step: int, values: Mapping[str, Any], *, skip: Collection[str] = ()) -> None:
        """Add a point to the curve of each name; what is no number is skipped.

        Args:
            step: the step, which never decreases within one training.
            values: values by name.
            skip: patterns of names that are no learning curves, such as run times.

        Raises:
            RecordError: the steps go back.
        """
        __tracebackhide__ = True
        points = {}
        for name, value in values.items():
            if any(fnmatchcase(str(name), pattern) for pattern in skip):
                continue
            try:
                points[f"{self._prefix}{name}"] = to_number(value)
            except NotANumberError:
                continue
        try:
            self._run.log(step, points)
        except RecordError as error:
            raise RecordError(f'{error}: mlregress.{self._method}(prefix="second/")') from None
        self.last_step = max(self.last_step, int(step))

    def log_params(self, params: Mapping[str, Any] | Namespace) -> None:
        """Keep hyper-parameters; those of a nested mapping are named ``outer/inner``.

        Args:
            params: values by name.
        """
        found = vars(params) if isinstance(params, Namespace) else params
        self._run.log_params(dict(_flat(found, self._prefix)))


def _flat(params: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        elif isinstance(value, (bool, int, float, str, type(None))):
            yield f"{prefix}{name}", value
        else:  # an object's address differs from run to run
            yield f"{prefix}{name}", _without_address(value)


def _without_address(value: object) -> object:
    """The number in an array or tensor of one element, else its text without an address."""
    try:
        return to_number(value)
    except NotANumberError:
        return _ADDRESS.sub("", repr(value))
