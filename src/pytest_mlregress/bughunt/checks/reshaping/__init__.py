"""Views and reshapes that regroup elements where a permute was intended."""

from __future__ import annotations

from typing import Final

FILES: Final[dict[str, tuple[str, ...]]] = {
    "view-instead-of-permute": ("view_instead_of_permute", "view_instead_of_permute_guard"),
}
"""The files of each mistake, hunt checks first, by its slug."""
