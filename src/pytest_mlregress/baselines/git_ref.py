"""How a place for baselines names a git ref: ``git:main``."""

from typing import Final

__all__ = ["GIT_SCHEME", "is_git_ref"]

GIT_SCHEME: Final = "git:"


def is_git_ref(source: str | None) -> bool:
    """True for a place that is a git ref, and so is read only.

    Args:
        source: the value of `--mlregress-baseline`; None for the default.

    Returns:
        Whether it names a git ref.
    """
    return source is not None and source.startswith(GIT_SCHEME)
