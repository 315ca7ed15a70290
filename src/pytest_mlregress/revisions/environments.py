"""Another environment on this machine: what it is made of, and whether it can be compared with."""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from pytest_mlregress.baselines.artifact import Environment
from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.revisions.environment_question import answer
from pytest_mlregress.revisions.environment_refusals import (
    OLDEST_PYTHON,
    refuse_old_python,
    refuse_other_plugin,
    refuse_same_environment,
)
from pytest_mlregress.revisions.interpreters import EnvironmentProbeError, find_interpreter
from pytest_mlregress.revisions.process_environment import process_environment

__all__ = [
    "EnvironmentFacts",
    "EnvironmentProbeError",
    "find_interpreter",
    "open_environment",
    "probe",
    "refuse_other_plugin",
    "refuse_same_environment",
    "running_environment",
]

TIMEOUT_S = 30.0
"""How long an interpreter may take to describe its environment, in seconds."""

_QUESTION: Final = Path(__file__).with_name("environment_question.py")
# The first lines are Python of any version, so that an old one can say how old it is. Modules
# beside the current folder are none of the environment's.
_ASK: Final = f"""
import sys
sys.path = [place for place in sys.path if place]
if sys.version_info < {OLDEST_PYTHON}:
    print(sys.argv[1] + '{{"version": "' + sys.version.split()[0] + '"}}')
else:
    exec(sys.stdin.buffer.read())
"""
_LONGEST_SHOWN: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFacts:
    """What is known of an environment.

    Attributes:
        python: its interpreter.
        version: the version of Python.
        prefix: its folder, with symbolic links resolved.
        implementation: CPython, PyPy, …
        platform: operating system, its version and the machine.
        distributions: versions of installed distributions by normalised name, those installed from
            a directory excepted.
        has_pip: whether its interpreter can run pip.
        pytest: the version of pytest, None without it.
        plugin: the version of pytest-mlregress, None without it.
        plugin_digest: hash of its sources.
        torch_cuda: the version of CUDA or ROCm that torch was built for.
        environment: what can change results, as `describe_environment` found it there; after
            seeds were trained, what they found.
    """

    python: Path
    version: str
    prefix: str = ""
    implementation: str = ""
    platform: str = ""
    distributions: Mapping[str, str] = field(default_factory=dict)
    has_pip: bool = True
    pytest: str | None = None
    plugin: str | None = None
    plugin_digest: str | None = None
    torch_cuda: str | None = None
    environment: Environment = field(default_factory=dict)

    def trained(self, environment: Environment) -> EnvironmentFacts:
        """The same facts with those that seeds reported, who had imported what they use.

        Args:
            environment: from `describe_environment` in the process that trained.

        Returns:
            The facts.
        """
        return replace(self, environment=environment)


def open_environment(text: str, invocation_dir: Path) -> EnvironmentFacts:
    """The environment that a person named, if this one can be compared with it.

    Args:
        text: what follows ``env:``.
        invocation_dir: where pytest was started.

    Returns:
        Its facts.

    Raises:
        EnvironmentProbeError: it is missing, broken, the running one, or lacks this plugin.
    """
    facts = probe(find_interpreter(text, invocation_dir))
    refuse_same_environment(facts)
    refuse_other_plugin(facts)
    return facts


@cache
def probe(python: Path) -> EnvironmentFacts:
    """Ask an interpreter for the facts of its environment, once per process.

    Args:
        python: the interpreter, as `find_interpreter` returned it.

    Returns:
        The facts, true for a process that is started with `process_environment`.

    Raises:
        EnvironmentProbeError: it is no Python, too old, or does not answer.
    """
    mark = secrets.token_hex(8)
    done = _asked(python, mark)
    answers = [line for line in done.stdout.splitlines() if line.startswith(mark)]
    if not answers:
        raise EnvironmentProbeError(
            f"{python} is no Python interpreter that works: {_said(done)}; name another one"
        )
    facts = EnvironmentFacts(python=python, **json.loads(answers[-1].removeprefix(mark)))
    refuse_old_python(facts)
    return facts


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an interpreter printed, and how it ended."""

    stdout: str
    stderr: str
    status: int


def _asked(python: Path, mark: str) -> _Answer:
    """Run the question in an interpreter.

    Raises:
        EnvironmentProbeError: it cannot be run or does not answer in time.
    """
    # Files and not pipes: a process that outlives a script of the user would keep a pipe open.
    with _QUESTION.open("rb") as question, TemporaryFile() as stdout, TemporaryFile() as stderr:
        try:
            done = subprocess.run(
                [str(python), "-c", _ASK, mark],
                check=False,
                env=process_environment(python),
                stdin=question,
                stdout=stdout,
                stderr=stderr,
                timeout=TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise EnvironmentProbeError(
                f"{python} did not describe its environment within {TIMEOUT_S:g} s; see what holds "
                f'it up: {shlex.quote(str(python))} -c "import pytest_mlregress"'
            ) from None
        except OSError as error:
            raise EnvironmentProbeError(
                f"{python} cannot be run: {error.strerror}; name a Python interpreter"
            ) from None
        return _Answer(_text_of(stdout), _text_of(stderr), done.returncode)


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


@cache
def running_environment() -> EnvironmentFacts:
    """The facts of the environment of this process, found out once.

    Returns:
        The facts; `EnvironmentFacts.environment` is that of a process that need not have trained.
    """
    return EnvironmentFacts(python=Path(sys.executable), **answer())


def _said(done: _Answer) -> str:
    """What a command complained of, or how it ended."""
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    if not lines:
        return f"it printed nothing and ended with status {done.status}"
    said = lines[-1 if lines[0].startswith("Traceback") else 0]
    return f"it said {visible(said.strip())[:_LONGEST_SHOWN]!r}"
