"""pytest's node ids: ``folder/test_file.py::Class::name[parameters]``, with and without a seed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_SEPARATOR: Final = "::"
_HAS_SEED: Final = re.compile(r"::.*[\[-]seed\d+[\]-]")
_ENDS_WITH_SEED: Final = re.compile(r"seed(\d+)\]$")


def split_file(node_id: str) -> tuple[str, str]:
    """The file, and what follows it, empty for a file or a folder.

    ``a/t.py::TestA::test_b[x]`` gives ``a/t.py`` and ``TestA::test_b[x]``.
    """
    file, _, names = node_id.partition(_SEPARATOR)
    return file, names


def in_file(file: str, names: str) -> str:
    """The node id of ``names`` in a file; that of the file where there are none."""
    return f"{file}{_SEPARATOR}{names}" if names else file


def split_parameters(name: str) -> tuple[str, str | None]:
    """A name before its parameters, and their id, None for a test without.

    ``TestA::test_b[x-y]`` gives ``TestA::test_b`` and ``x-y``. Takes what follows the file, or a
    part of it, since a file's name may contain brackets.
    """
    name, bracket, parameters = name.partition("[")
    return name, parameters.removesuffix("]") if bracket else None


def without_parameters(node_id: str) -> str:
    """``a/t.py::TestA::test_b`` of ``a/t.py::TestA::test_b[x-y]``."""
    file, names = split_file(node_id)
    return in_file(file, split_parameters(names)[0])


def name_parts(node_id: str) -> tuple[str, ...]:
    """The classes and the function that a node id names, the latter with its parameters' id."""
    names, bracket, parameters = split_file(node_id)[1].partition("[")
    *classes, function = names.split(_SEPARATOR)
    return (*classes, function + bracket + parameters)


def dotted_name(node_id: str) -> str:
    """``TestClass.test_name[x-y]``."""
    return ".".join(name_parts(node_id))


def seed_id(seed: int) -> str:
    """The parameter id of a seed, as in ``test_digits[seed3]``."""
    return f"seed{seed}"


def has_seed(node_id: str) -> bool:
    """True for the id of a seed; a parameter of a project's own that looks like one counts too."""
    return _HAS_SEED.search(node_id) is not None


def ends_with_seed(node_id: str) -> bool:
    """True where the last parameter is a seed, or looks like one."""
    return _ENDS_WITH_SEED.search(node_id) is not None


def last_seed(node_id: str) -> int | None:
    """The seed that is the last parameter, or looks like one; None where it is none."""
    found = _ENDS_WITH_SEED.search(node_id)
    return int(found[1]) if found is not None else None


def without_seed(node_id: str, parameter_ids: Sequence[str], seed: int) -> str:
    """The node id of the test that a seed belongs to.

    Args:
        node_id: of the seed.
        parameter_ids: of all its parameters, in order; the last of the seed's form is left out.
        seed: the number that the parameter stands for.
    """
    base = node_id.removesuffix(f"[{'-'.join(parameter_ids)}]")
    others = list(parameter_ids)
    del others[len(others) - 1 - others[::-1].index(seed_id(seed))]
    return f"{base}[{'-'.join(others)}]" if others else base


def replace_seed(name: str, seed: int, other: str) -> str:
    """The name or node id of a seed with another text in the place of its parameter id."""
    head, _, tail = name.rpartition(seed_id(seed))
    return head + other + tail
