"""Running git: without prompts, without a shell, and with a timeout."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["TIMEOUT_S", "GitError", "git", "outside_hooks"]

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
    }
)


class GitError(Exception):
    """Git is missing, timed out, or refused; the text is git's."""


def outside_hooks() -> dict[str, str]:
    """The environment of this process without what git sets for a hook."""
    return {name: value for name, value in os.environ.items() if name not in _MISLEADING}


def git(
    directory: Path,
    *arguments: str,
    timeout_s: float = TIMEOUT_S,
    options: Sequence[str] = (),
) -> bytes:
    """What git prints for these arguments in a directory.

    Args:
        directory: where git runs.
        *arguments: the command of git and its arguments.
        timeout_s: seconds after which git is stopped.
        options: options of git itself, which stand before the command.

    Returns:
        The standard output.

    Raises:
        GitError: git is not installed, takes longer than ``timeout_s``, or fails.
    """
    environment = outside_hooks() | _SETTINGS
    # Into files and not pipes: a helper process that outlives git would keep a pipe open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                ["git", "-C", str(directory), *options, *arguments],
                check=False,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            raise GitError(f"git {arguments[0]} took longer than {timeout_s:g} s") from error
        except (OSError, ValueError) as error:
            raise GitError(f"git cannot be run: {error}") from error
        output.seek(0)
        errors.seek(0)
        if done.returncode:
            message = errors.read().decode(errors="replace").strip()
            raise GitError(message or f"git {arguments[0]} ended with status {done.returncode}")
        return output.read()
