"""Statistical regression testing for machine learning, as a pytest plugin.

`Run` and `BugHunt` are the types of the fixtures ``mlregress`` and ``bughunt``, for annotations;
`margin` declares a margin to type checkers; the warnings and the error are for filters and
``pytest.raises``.

`pytest_mlregress.statistics` holds the tests behind a verdict, `pytest_mlregress.bughunt` the
checks for training bugs; both work without pytest. The plugin itself is `pytest_mlregress.plugin`.
Names are imported when they are first used, because pytest imports this module at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_mlregress.lazy_names import lazy_names

if TYPE_CHECKING:
    from pytest_mlregress.bughunt.errors import GuardWarning
    from pytest_mlregress.fixtures import BugHunt
    from pytest_mlregress.margins import Margin, margin
    from pytest_mlregress.running.recorded_metric import RecordError
    from pytest_mlregress.running.run import Run
    from pytest_mlregress.session.mlregress_warning import MLRegressWarning

__all__ = [
    "BugHunt",
    "GuardWarning",
    "MLRegressWarning",
    "Margin",
    "RecordError",
    "Run",
    "__version__",
    "margin",
]

__version__ = "0.1.0"

_HOMES: Final = {
    "BugHunt": "fixtures",
    "GuardWarning": "bughunt.errors",
    "MLRegressWarning": "session.mlregress_warning",
    "Margin": "margins",
    "RecordError": "running.recorded_metric",
    "Run": "running.run",
    "margin": "margins",
}


if not TYPE_CHECKING:  # to a type checker an unknown name would have a value
    __getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
