"""What every store does with the bytes of a baseline file, whatever the store."""

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.baselines.json_text import MAX_BYTES, dumps, loads
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path

__all__ = ["artifact_in", "bytes_of", "refuse_large"]


def refuse_large(size: int, *, source: str) -> None:
    """Refuse a file before it is read.

    Args:
        size: its size in bytes.
        source: the file, as a message prints it.

    Raises:
        ArtifactError: it is larger than `MAX_BYTES`.
    """
    if size > MAX_BYTES:
        raise ArtifactError(
            source,
            "$",
            f"it has {size / 2**20:.0f} MiB, a baseline has at most {MAX_BYTES // 2**20} MiB",
            "Restore the file from version control; if it was recorded like this, log fewer "
            "curves or parameters",
        )


def artifact_in(text: bytes, key: BaselineKey, *, source: str) -> Artifact:
    """The artifact in a file's bytes, which must be the baseline that the file's name says.

    Args:
        text: the content of the file.
        key: the test and tier of the file's name.
        source: the file, as a message prints it.

    Returns:
        The artifact.

    Raises:
        ArtifactError: it is no valid artifact, or the baseline of another test or tier.
    """
    artifact = loads(text, source=source)
    expected = artifact_path(artifact.test, artifact.tier)
    if expected != key.path:
        raise ArtifactError(
            source,
            "$.test",
            f"it is the baseline of {artifact.test!r}, tier {artifact.tier!r}",
            f"Move the file to {expected}, or, if the test was renamed, record its baseline again "
            "with --mlregress-update and remove this one",
        )
    return artifact


def bytes_of(artifact: Artifact, key: BaselineKey, *, source: str) -> bytes:
    """The bytes of an artifact's file, after every check that reading them makes.

    Args:
        artifact: the baseline to write.
        key: the test and tier whose baseline it is.
        source: the file, as a message prints it.

    Returns:
        The content of the file.

    Raises:
        ArtifactError: a check would refuse the file.
    """
    text = dumps(artifact).encode()
    if len(text) > MAX_BYTES:
        raise ArtifactError(
            source,
            "$",
            f"it would have {len(text) / 2**20:.0f} MiB, a baseline has at most "
            f"{MAX_BYTES // 2**20} MiB",
            "Log fewer curves or parameters, then record it again",
        )
    artifact_in(text, key, source=source)
    return text
