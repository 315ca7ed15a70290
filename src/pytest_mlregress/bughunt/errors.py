"""The named errors of bug hunting."""

from __future__ import annotations


class BughuntError(Exception):
    """The hunt cannot be made: what was given cannot be built or run."""


class UserCodeError(BughuntError):
    """A function that the user gave raised; the original exception is the cause."""


class CannotTell(Exception):  # noqa: N818 - not an error: the honest answer of a check
    """Raised by a check that does not apply here; the argument is the reason shown."""


class OverBudget(CannotTell):
    """It would cost more than what is left of the budget."""


class InternalError(CannotTell):
    """A defect of a check, which must not cost the user the other checks."""


class BughuntWarning(UserWarning):
    """A finding, or something to know about the search for one, that fails no test."""


class GuardWarning(BughuntWarning):
    """A finding of a guard where guards do not fail the test."""
