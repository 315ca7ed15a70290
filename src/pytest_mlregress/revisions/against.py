"""What `--mlregress-against` names: a git ref, another interpreter, or both."""

from __future__ import annotations

import re
from typing import Final

from pytest_mlregress.settings import Against, SettingError

__all__ = ["Against", "parse_against"]

_ENVIRONMENT: Final = "env:"
_TIP: Final = "tip:"
_OWN_TESTS: Final = "own-tests:"
_FORMS: Final = (
    "expected REF (a branch, tag or commit; its merge base with HEAD is the base), tip:REF, "
    "own-tests:REF, env:PYTHON, or a ref and an environment: REF,env:PYTHON"
)
# `git check-ref-format`, plus the suffixes that name a commit relative to a ref.
_NOT_IN_A_REF: Final = re.compile(r"[\x00-\x1f\x7f?*\[\\]")


def parse_against(source: str, text: str) -> Against:
    """What a value of `--mlregress-against` names.

    Args:
        source: where the value comes from, such as ``--mlregress-against``.
        text: the value.

    Returns:
        The parts of it; at least one of ``ref`` and ``python`` is set.

    Raises:
        SettingError: the value names neither, or one of them twice, or has another form.
    """
    pythons: list[str] = []
    refs: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            raise _refused(source, text, "it has an empty part")
        if part.startswith(_ENVIRONMENT):
            pythons.append(part.removeprefix(_ENVIRONMENT).strip())
        else:
            refs.append(part)
    if len(refs) > 1:
        raise _refused(source, text, f"it names two refs, {refs[0]} and {refs[1]}")
    if len(pythons) > 1:
        raise _refused(source, text, f"it names two environments, {pythons[0]} and {pythons[1]}")
    if "" in pythons:
        raise _refused(source, text, "env: names no interpreter")
    prefixes, ref = _without_prefixes(source, text, refs[0]) if refs else (frozenset(), None)
    return Against(
        ref=ref,
        tip=_TIP in prefixes,
        own_tests=_OWN_TESTS in prefixes,
        python=pythons[0] if pythons else None,
        text=text,
    )


def _without_prefixes(source: str, text: str, part: str) -> tuple[frozenset[str], str]:
    prefixes: set[str] = set()
    while True:
        prefix = next((known for known in (_TIP, _OWN_TESTS) if part.startswith(known)), None)
        if prefix is None:
            break
        if prefix in prefixes:
            raise _refused(source, text, f"it has {prefix} twice")
        prefixes.add(prefix)
        part = part.removeprefix(prefix)
    _check_ref(source, text, part)
    return frozenset(prefixes), part


def _check_ref(source: str, text: str, ref: str) -> None:
    prefix, colon, _ = ref.partition(":")
    if colon:
        raise _refused(source, text, f"{prefix}: is no known prefix, and no ref has a colon")
    if not ref:
        raise _refused(source, text, "it names no ref")
    if ref.startswith(("-", "^")):
        raise _refused(
            source, text, f"a ref cannot start with {ref[0]}; write refs/heads/{ref} for a branch"
        )
    if ".." in ref:
        raise _refused(source, text, f"{ref} is a range, and the base is one commit")
    if _NOT_IN_A_REF.search(ref) or (" " in ref and "@{" not in ref):
        raise _refused(source, text, f"{ref!r} is no name of a commit")


def _refused(source: str, text: str, problem: str) -> SettingError:
    return SettingError(f"{source}: {text!r}: {problem}; {_FORMS}")
