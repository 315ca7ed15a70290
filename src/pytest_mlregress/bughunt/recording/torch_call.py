"""One call of torch by the user's code or by a module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
