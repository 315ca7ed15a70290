"""Which part of a pytest command line is kept in files that many people read.

The plugin's options, `-k`, `-m` and node ids say which values a run recorded. Everything else is
left out unread: the options of other plugins may hold tokens and paths.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Final

from pytest_mlregress.baselines.urls import shareable

__all__ = ["recorded_command"]

_OWN: Final = "--mlregress-"
_OWN_FLAGS: Final = frozenset(
    f"{_OWN}{name}"
    for name in ("allow-dirty", "confirm", "plan", "prune", "strict", "update", "update-new-only")
)
_EXPRESSIONS: Final = ("-k", "-m")
_PYTEST: Final = re.compile(r"(?:.*[/\\])?(?:pytest|py\.test)(?:\.exe|-script\.py)?")
# Options that are known to take no word, or exactly one. After any other option the words may be
# its values, and a secret must not be taken for the name of a test.
_FLAGS: Final = re.compile(r"-[qvsxl]+|-r\w+|-n\w+|-p\S+|--lf|--ff|--[a-z-]+=.*", re.DOTALL)
_TAKE_ONE: Final = frozenset({"-n", "-p", "-c", "-o", "-W", "-r"})


def recorded_command(words: Sequence[str], root: PurePath | None = None) -> tuple[str, ...]:
    """The words of a command line that may be kept.

    Args:
        words: the whole command line, from the interpreter on.
        root: the folder that paths are made relative to; None if it is not known.

    Returns:
        ``pytest`` and the words, without credentials and absolute paths; nothing if the command did
        not name pytest.
    """
    for place, word in enumerate(words):
        if _PYTEST.fullmatch(word):
            return ("pytest", *(shareable(kept, root) for kept in _kept(words[place + 1 :])))
    return ()


def _kept(words: Sequence[str]) -> Iterator[str]:
    rest = iter(words)
    only_names_so_far = True
    for word in rest:
        if word in _EXPRESSIONS or (word.startswith(_OWN) and _takes_next(word)):
            yield word
            yield from _next(rest)
        elif word.startswith((_OWN, *_EXPRESSIONS)):
            yield word
        elif word in _TAKE_ONE:
            _ = list(_next(rest))
        elif word.startswith("-"):
            only_names_so_far = only_names_so_far and bool(_FLAGS.fullmatch(word))
        elif only_names_so_far:
            yield word


def _takes_next(option: str) -> bool:
    return "=" not in option and option not in _OWN_FLAGS


def _next(words: Iterator[str]) -> Iterator[str]:
    """The next word, if there is one."""
    for word in words:
        yield word
        return
