"""Artifacts as text that is easy to review and to merge: strict, deterministic JSON.

Sorted keys and two spaces of indentation, as `json.dumps(sort_keys=True, indent=2)` writes them,
except that a list of plain values, and what a seed took, stay on one line: one line per seed.
Floats are written by `repr`, so that they are read back bit for bit; non-finite ones are the
strings `"nan"`, `"inf"` and `"-inf"`, because JSON has none.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NoReturn

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.baselines.json_document import artifact_from, document_of
from pytest_mlregress.baselines.json_reader import RESTORE
from pytest_mlregress.baselines.migrations import migrate

__all__ = ["MAX_BYTES", "dumps", "is_sealed", "loads", "seal"]

MAX_BYTES: Final = 64 * 1024 * 1024
"""The largest baseline file that is read; larger ones are refused before they are read."""

_REVISION_LENGTH: Final = 16
_SPENT: Final = "spent"
"""The part of a file that two equal trainings do not share."""

_SPENT_LINES: Final = re.compile(r'\n  "spent": \{(?:\}|(?:\n    .*)+\n  \}),')
_ONE_SIDE: Final = (
    "Take one side whole (git checkout --ours or --theirs, then git add), since neither was "
    "measured on the merged code, and record it again with --mlregress-update"
)


def dumps(artifact: Artifact) -> str:
    """The text of an artifact's file, with the revision of its content.

    Args:
        artifact: the baseline.

    Returns:
        The text, with a newline at its end.

    Raises:
        ArtifactError: the artifact holds something that could not be read back.
    """
    document = document_of(artifact)
    artifact_from(document, source=f"baseline of {artifact.test}")
    document["revision"] = _revision(document)
    return _rendered(document) + "\n"


def loads(text: str | bytes, *, source: str) -> Artifact:
    """The artifact in a file's text.

    Args:
        text: the content of the file.
        source: the file, as a message prints it.

    Returns:
        The artifact, with the revision of the file. If the file's content has another one it was
        edited or merged by hand, and `Artifact.edited` is true. A file of an older schema keeps the
        revision that it was written with, so that the `parent` of its successor names one that a
        file had.

    Raises:
        ArtifactError: anything in the text is not as this package writes it.
    """
    decoded = _decoded(text, source)
    parsed = _parsed(decoded, source)
    artifact = artifact_from(migrate(parsed, source=source), source=source)
    if _is_as_written(decoded, artifact.revision) or _has_revision(parsed, artifact.revision):
        return artifact
    revision = _revision(document_of(artifact))
    return replace(artifact, revision=revision, edited=artifact.revision != revision)


def seal(artifact: Artifact) -> Artifact:
    """The artifact with the revision of its content.

    Args:
        artifact: the baseline, with any revision.

    Returns:
        The artifact with the new revision.

    Raises:
        ArtifactError: the artifact holds something that could not be read back.
    """
    document = document_of(artifact)
    artifact_from(document, source=f"baseline of {artifact.test}")
    return replace(artifact, revision=_revision(document), edited=False)


def is_sealed(artifact: Artifact) -> bool:
    """Whether the revision of an artifact is that of its content.

    Args:
        artifact: the baseline.

    Returns:
        False also for one that was read from a file of an older schema.
    """
    return _revision(document_of(artifact)) == artifact.revision


def _revision(document: Mapping[str, object]) -> str:
    content = {n: value for n, value in document.items() if n not in ("revision", _SPENT)}
    return _hash(_rendered(content))


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:_REVISION_LENGTH]


def _is_as_written(text: str, revision: str) -> bool:
    """Whether a text has the recorded revision, which saves rendering its content again."""
    content = text.removesuffix("\n").replace(f'\n  "revision": {_plain(revision)},', "", 1)
    return _hash(_SPENT_LINES.sub("", content, 1)) == revision


def _has_revision(document: object, revision: str) -> bool:
    """Whether a document has the recorded revision, in whatever layout.

    The revision of an older schema is that of its content before it was migrated.
    """
    return isinstance(document, Mapping) and _revision(document) == revision


def _rendered(value: object, indent: str = "", *, flat: bool = False) -> str:
    """The text of a value; with ``flat`` each entry of a mapping stands on one line."""
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        entries = [
            f"{_plain(key)}: {_plain(entry) if flat else _rendered(entry, inner, flat=at_spent)}"
            for key, entry in sorted(value.items())
            for at_spent in (key == _SPENT and not indent,)
        ]
        return "{\n" + ",\n".join(inner + entry for entry in entries) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        entries = [inner + _rendered(item, inner) for item in value]
        return "[\n" + ",\n".join(entries) + f"\n{indent}]"
    return _plain(value)


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _decoded(text: str | bytes, source: str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ArtifactError(source, "$", f"byte {error.start} is not UTF-8", RESTORE) from error


def _parsed(text: str, source: str) -> object:
    def refuse(problem: str, remedy: str = RESTORE) -> NoReturn:
        raise ArtifactError(source, "$", problem, remedy)

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
            refuse(f"the key {twice!r} stands twice in one object", "Keep the right one of the two")
        return entries

    def no_constant(token: str) -> NoReturn:
        refuse(f"{token} is not JSON", f'Write non-finite values as strings, here "{_word(token)}"')

    def finite(token: str) -> float:
        value = float(token)
        if value in (float("inf"), float("-inf")):
            refuse(f"{token} is beyond the range of a float", 'Write "inf" or "-inf" if intended')
        return value

    try:
        if text.startswith("<<<<<<< ") or "\n<<<<<<< " in text:
            refuse("it holds a merge conflict", _ONE_SIDE)
        return json.loads(
            text, object_pairs_hook=unique, parse_constant=no_constant, parse_float=finite
        )
    except RecursionError:
        refuse("it is nested too deeply to be a baseline")
    except ValueError as error:
        refuse(f"it is not valid JSON: {error}")


def _word(token: str) -> str:
    return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}[token]
