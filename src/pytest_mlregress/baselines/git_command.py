"""Running git: without prompts, without a shell, and with a timeout."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

__all__ = ["TIMEOUT_S", "GitError", "git", "has_repository_above", "outside_hooks"]

TIMEOUT_S = 20.0
"""How long one git command may take, in seconds."""

# A question to git must neither wait for a person, nor take the lock that the person's own git
# needs, nor speak the person's language; and a hook's GIT_DIR would point it elsewhere.
_SETTINGS: Final = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
_MISLEADING: Final = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"),
        *("GIT_IMPLICIT_WORK_TREE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE"),
        *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS"),
        "GIT_ICASE_PATHSPECS",
    }
)


class GitError(Exception):
    """Git is missing, timed out, or refused; the text is git's.

    Attributes:
        status: the exit status; None where git did not end by itself.
        output: the standard output up to there: some commands answer and fail.
    """

    def __init__(self, message: str, *, status: int | None = None, output: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.output = output


def outside_hooks() -> dict[str, str]:
    """The environment of this process without what git sets for a hook."""
    return {name: value for name, value in os.environ.items() if name not in _MISLEADING}


def git(
    directory: Path,
    *arguments: str,
    timeout_s: float | None = None,
    options: Sequence[str] = (),
    variables: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """What git prints for these arguments in a directory.

    Args:
        directory: where git runs.
        *arguments: the command of git and its arguments.
        timeout_s: seconds after which git is stopped; None for `TIMEOUT_S`.
        options: options of git itself, which stand before the command.
        variables: what the environment holds besides, such as another index.

    Returns:
        The standard output.

    Raises:
        GitError: git is not installed, takes longer than allowed, or fails.
    """
    environment = outside_hooks() | _SETTINGS | dict(variables)
    limit_s = TIMEOUT_S if timeout_s is None else timeout_s
    # Into files and not pipes: a helper process that outlives git would keep a pipe open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                ["git", "-C", str(directory), *options, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
        except (OSError, ValueError) as error:
            raise GitError(f"git cannot be run: {error}") from error
        if not _ends_within(process, limit_s):
            raise GitError(f"git {arguments[0]} took longer than {limit_s:g} s")
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            message = errors.read().decode(errors="replace").strip()
            raise GitError(
                message or f"git {arguments[0]} ended with status {process.returncode}",
                status=process.returncode,
                output=output.read(),
            )
        return output.read()


def has_repository_above(directory: Path) -> bool:
    """Whether there is a repository that git should find from a directory.

    git says that there is none also for one with a broken `HEAD`.

    Args:
        directory: the directory.

    Returns:
        Whether it, or a folder above it, has a `.git`.
    """
    return any((folder / ".git").exists() for folder in (directory, *directory.absolute().parents))


def _ends_within(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Wait for a process, and kill it after a time.

    `Popen.wait` with a timeout polls, at last every 50 ms: most calls of git take less than 10.
    """
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        process.kill()

    timer = threading.Timer(timeout_s, expire)
    timer.daemon = True
    timer.start()
    try:
        process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        timer.cancel()
    return not expired.is_set()
