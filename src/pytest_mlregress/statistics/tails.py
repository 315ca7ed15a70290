"""One-sided p-values and the alternatives they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: What the candidate is tested to be: different, lower or higher.
Alternative: TypeAlias = Literal["two-sided", "less", "greater"]


@dataclass(frozen=True, slots=True)
class Tails:
    """The p-values of one statistic.

    Attributes:
        less: for a lower candidate.
        greater: for a higher candidate.
    """

    less: float
    greater: float

    def pvalue(self, alternative: Alternative) -> float:
        """The p-value for an alternative; two-sided is twice the smaller tail, at most 1.

        Args:
            alternative: the alternative.

        Returns:
            The p-value; NaN if a tail is NaN.
        """
        if alternative == "less":
            return self.less
        if alternative == "greater":
            return self.greater
        doubled = 2 * min(self.less, self.greater)
        return 1.0 if doubled > 1 else doubled


def require_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of `allowed`.

    Args:
        name: the name of the parameter, for the message.
        value: its value.
        allowed: the allowed values.

    Raises:
        ValueError: the value is another one.
    """
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")
