"""Another environment on this machine: what it is made of, and whether it can be compared with."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest_mlregress
from pytest_mlregress import __version__
from pytest_mlregress.baselines.artifact import Environment
from pytest_mlregress.baselines.git_command import outside_hooks
from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.revisions.environment_question import answer, digest_of_sources
from pytest_mlregress.revisions.interpreters import EnvironmentProbeError, find_interpreter

__all__ = [
    "EnvironmentFacts",
    "EnvironmentProbeError",
    "find_interpreter",
    "open_environment",
    "probe",
    "process_environment",
    "refuse_other_plugin",
    "refuse_same_environment",
    "running_environment",
]

OLDEST_PYTHON: Final = (3, 11)
"""The oldest Python that pytest-mlregress runs on."""

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
    exec(sys.stdin.read())
"""
_OF_ONE_INTERPRETER: Final = frozenset(
    {"PYTHONHOME", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "__PYVENV_LAUNCHER__"}
)
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
    try:
        done = subprocess.run(
            [str(python), "-c", _ASK, mark],
            input=_QUESTION.read_text(encoding="utf-8"),
            env=process_environment(python),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentProbeError(
            f"{python} did not describe its environment within {TIMEOUT_S:g} s; see what holds it "
            f'up: {shlex.quote(str(python))} -c "import pytest_mlregress"'
        ) from None
    except OSError as error:
        raise EnvironmentProbeError(
            f"{python} cannot be run: {error.strerror}; name a Python interpreter"
        ) from None
    answers = [line for line in done.stdout.splitlines() if line.startswith(mark)]
    if not answers:
        raise EnvironmentProbeError(
            f"{python} is no Python interpreter that works: {_said(done)}; name another one"
        )
    facts = EnvironmentFacts(python=python, **json.loads(answers[-1].removeprefix(mark)))
    _refuse_old_python(facts)
    return facts


@cache
def running_environment() -> EnvironmentFacts:
    """The facts of the environment of this process, found out once.

    Returns:
        The facts; `EnvironmentFacts.environment` is that of a process that need not have trained.
    """
    return EnvironmentFacts(python=Path(sys.executable), **answer())


def process_environment(python: Path) -> dict[str, str]:
    """The environment variables of a process in another Python environment.

    They are those of this process, without what belongs to its interpreter: entries of PYTHONPATH
    that hold installed packages are left out, those with source code stay. Commands are looked up
    beside the interpreter first, as in an activated environment.

    Args:
        python: the interpreter of the other environment.

    Returns:
        The variables.
    """
    variables = {k: v for k, v in outside_hooks().items() if k not in _OF_ONE_INTERPRETER}
    paths = variables.pop("PYTHONPATH", "").split(os.pathsep)
    if kept := [path for path in paths if path and not _holds_packages(Path(path))]:
        variables["PYTHONPATH"] = os.pathsep.join(kept)
    commands = [str(python.parent), variables.get("PATH", os.defpath)]
    variables["PATH"] = os.pathsep.join(commands)
    if "VIRTUAL_ENV" in variables:
        variables["VIRTUAL_ENV"] = str(python.parent.parent)
    return variables


def _holds_packages(folder: Path) -> bool:
    own = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    return folder in own or any(folder.glob("*.dist-info"))


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """What a command complained of, or how it ended."""
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    if not lines:
        return f"it printed nothing and ended with status {done.returncode}"
    said = lines[-1 if lines[0].startswith("Traceback") else 0]
    return f"it said {visible(said.strip())[:_LONGEST_SHOWN]!r}"


def _refuse_old_python(facts: EnvironmentFacts) -> None:
    numbers = tuple(int(part) for part in facts.version.split(".")[:2])
    if numbers < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise EnvironmentProbeError(
            f"{facts.python} is Python {facts.version}; pytest-mlregress {__version__} needs "
            f"{oldest} or newer: create the environment with such a Python"
        )


def refuse_same_environment(facts: EnvironmentFacts) -> None:
    """Refuse the environment of this very process.

    Args:
        facts: those of the other environment.

    Raises:
        EnvironmentProbeError: it is the same one.
    """
    here = (os.path.realpath(sys.prefix), platform.python_version())
    if (facts.prefix, facts.version) == here:
        raise EnvironmentProbeError(
            f"{facts.python} belongs to the environment that pytest runs in ({sys.prefix}): "
            "nothing would be compared; name the other environment's interpreter, or leave env: out"
        )


def refuse_other_plugin(facts: EnvironmentFacts) -> None:
    """Refuse an environment without pytest or without this very pytest-mlregress.

    Args:
        facts: those of the other environment.

    Raises:
        EnvironmentProbeError: either is missing, or the plugin is another version; the text has
            the command that installs it.
    """
    remedy = f"install it there: {_install_command(facts)}"
    if facts.pytest is None:
        raise EnvironmentProbeError(f"the environment of {facts.python} lacks pytest; {remedy}")
    if facts.plugin is None:
        raise EnvironmentProbeError(
            f"the environment of {facts.python} lacks pytest-mlregress; both sides need "
            f"{__version__}: {remedy}"
        )
    if facts.plugin != __version__:
        raise EnvironmentProbeError(
            f"the environment of {facts.python} has pytest-mlregress {facts.plugin}, this one "
            f"{__version__}; both sides need the same: {remedy}"
        )
    if facts.plugin_digest != digest_of_sources(_package()):
        raise EnvironmentProbeError(
            f"the environment of {facts.python} has other sources of pytest-mlregress "
            f"{__version__} than this one; both sides need the same: {remedy}"
        )


def _package() -> Path:
    return Path(pytest_mlregress.__file__).parent


def _install_command(facts: EnvironmentFacts) -> str:
    """The command that installs the running plugin in the other environment."""
    words = [*_installer(facts), *_requirement()]
    return " ".join(shlex.quote(word) for word in words)


def _installer(facts: EnvironmentFacts) -> list[str]:
    python = str(facts.python)
    if facts.has_pip:
        return [python, "-m", "pip", "install"]
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", python]
    return [sys.executable, "-m", "pip", "--python", python, "install"]


def _requirement() -> list[str]:
    """What to install: the release, or the same source where this is none."""
    source = _package().parents[1]
    if _package().parent.name == "src" and (source / "pyproject.toml").is_file():
        return ["-e", str(source)]
    origin = _origin()
    url = str(origin.get("url", ""))
    if "vcs_info" in origin:
        version = origin["vcs_info"]
        return [f"pytest-mlregress @ {version['vcs']}+{url}@{version['commit_id']}"]
    if "dir_info" in origin:
        path = url2pathname(urlsplit(url).path)
        return ["-e", path] if origin["dir_info"].get("editable") else [path]
    if url:
        return [f"pytest-mlregress @ {url}"]
    return [f"pytest-mlregress=={__version__}"]


def _origin() -> Mapping[str, Any]:
    """Where the running plugin was installed from (PEP 610); empty for a release."""
    try:
        text = metadata.distribution("pytest-mlregress").read_text("direct_url.json")
        found: Mapping[str, Any] = json.loads(text or "{}")
    except (metadata.PackageNotFoundError, OSError, ValueError):
        return {}
    return found
