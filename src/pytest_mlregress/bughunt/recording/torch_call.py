"""One call of torch by the user's code or by a module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

Numbers = tuple[float | None, float | None]
NO_NUMBERS: Final[Numbers] = (None, None)


@dataclass(frozen=True, slots=True)
class TorchCall:
    """What hunts and guards know alike of a call; what it calls in turn is not seen.

    Attributes:
        name: of the function, method or operator, as ``__torch_function__`` is given it.
        arguments: by position, the very tensors.
        keywords: by name.
        output: what it returned.
        location: ``file:line`` in the user's code; None where no line of it is known.
    """

    name: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    output: Any
    location: str | None

    def argument(self, position: int, keyword: str, default: Any = None) -> Any:
        """An argument that may have been given by position or by keyword."""
        if len(self.arguments) > position:
            return self.arguments[position]
        return self.keywords.get(keyword, default)

    @property
    def numbers(self) -> Numbers:
        """The plain numbers that it was given in second and in third place.

        Such as the factor in ``2 * x`` and the limits of a clamp; None for anything else.
        """
        arguments, keywords = self.arguments[1:3], self.keywords
        named = [keywords[name] for name in ("other", "min", "min_val", "p") if name in keywords]
        limits = [keywords[name] for name in ("max", "max_val") if name in keywords]
        if "alpha" in keywords or len(named) > 1:
            return NO_NUMBERS
        second = arguments[0] if arguments else named[0] if named else None
        third = arguments[1] if len(arguments) > 1 else limits[0] if limits else None
        return _number(second), _number(third)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
