"""The CI files, of the service that the repository uses."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pytest_mlregress.baselines.git_command import GitError, git
from pytest_mlregress.scaffold.plan import Step, new_file

Service: TypeAlias = Literal["github", "gitlab", "jenkins", "buildkite"]

SERVICES: Final[tuple[Service, ...]] = ("github", "gitlab", "jenkins", "buildkite")

_SIGNS: Final[dict[Service, str]] = {
    "github": ".github/workflows",
    "gitlab": ".gitlab-ci.yml",
    "jenkins": "Jenkinsfile",
    "buildkite": ".buildkite",
}
_WRITTEN: Final[dict[Service, dict[str, str]]] = {
    "github": {
        "github-actions.yml": ".github/workflows/mlregress.yml",
        "github-comment.yml": ".github/workflows/mlregress-comment.yml",
    },
    "gitlab": {"gitlab-ci.yml": ".gitlab-ci.yml"},
    "jenkins": {
        "Jenkinsfile": "Jenkinsfile",
        "Jenkinsfile.mlregress-publish": "Jenkinsfile.mlregress-publish",
    },
    "buildkite": {
        "buildkite.yml": ".buildkite/pipeline.yml",
        "buildkite-update.yml": ".buildkite/mlregress-update.yml",
    },
}
_CHECKS: Final = "the checks of pull requests, nightly and update"
_OTHERS: Final = {
    "github-comment.yml": "the comment on a pull request",
    "Jenkinsfile.mlregress-publish": "a pipeline of its own, which alone may write",
    "buildkite-update.yml": "a pipeline of its own, which alone may write",
}
"""What the files are for that do not check."""

_BESIDE: Final = {
    ".gitlab-ci.yml": (".gitlab/mlregress.yml", "include it: `include: [{local: %s}]`"),
    "Jenkinsfile": ("Jenkinsfile.mlregress", "a pipeline of its own: script path %s"),
    ".buildkite/pipeline.yml": (".buildkite/mlregress.yml", "buildkite-agent pipeline upload %s"),
}
"""Where the pipeline has a file of its own, what is written beside it, and how it gets in."""

_INSTALL: Final = "-e . pytest-mlregress"


def service_of(root: Path) -> Service | None:
    """The CI service of a repository: by its remote, or else by the files that are there.

    Args:
        root: the top folder of the repository.

    Returns:
        The service; None where nothing says one.
    """
    there = [name for name, sign in _SIGNS.items() if (root / sign).exists()]
    if len(there) == 1:
        return there[0]
    host = _host(root)
    for name in ("github", "gitlab"):
        if name in host and (not there or name in there):
            return "github" if name == "github" else "gitlab"
    return there[0] if there else None


def ci_steps(root: Path, service: Service) -> list[Step]:
    """The files of a service.

    Args:
        root: the top folder of the repository, which is where pytest starts.
        service: the service.

    Returns:
        A step per file.
    """
    steps = []
    for name, place in _WRITTEN[service].items():
        resource = files("pytest_mlregress.scaffold").joinpath("files", name)
        text = _fitted(resource.read_text("utf-8"), root)
        path, what = root / place, _OTHERS.get(name, _CHECKS)
        if path.exists() and place in _BESIDE:
            if path.read_bytes() == text.encode():
                steps.append(new_file(path, text, what))
                continue
            beside, how = _BESIDE[place]
            path, what = root / beside, f"{what}; {how % beside}"
        steps.append(new_file(path, text, what))
    return steps


def _fitted(text: str, root: Path) -> str:
    """With how this repository is installed, and the name of its branch."""
    if not _is_installable(root):
        listed = "-r requirements.txt " if (root / "requirements.txt").is_file() else ""
        text = text.replace(_INSTALL, f"{listed}pytest-mlregress")
    branch = _default_branch(root)
    return text.replace("'main'", f"'{branch}'")


def _is_installable(root: Path) -> bool:
    """Whether pip can install the folder; many a `pyproject.toml` holds settings of tools alone."""
    if (root / "setup.py").is_file():
        return True
    try:
        declared = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    # Beside any `pyproject.toml`, setuptools reads a `setup.cfg`; alone, pip takes none.
    return bool({"project", "build-system"} & set(declared)) or (root / "setup.cfg").is_file()


def _default_branch(root: Path) -> str:
    """What the remote says, else the only branch, in a name that a file can hold; else ``main``."""
    try:
        branch = _refs(root, "refs/remotes/origin/HEAD", "%(symref:strip=3)") or _refs(
            root, "refs/heads/", "%(refname:strip=2)"
        )
    except GitError:
        return "main"
    return branch if re.fullmatch(r"[\w./-]+", branch) else "main"


def _refs(root: Path, pattern: str, form: str) -> str:
    return git(root, "for-each-ref", f"--format={form}", pattern).decode().strip()


def _host(root: Path) -> str:
    try:
        url = git(root, "remote", "get-url", "origin").decode().strip()
    except GitError:
        return ""
    found = re.match(r"(?:\w+://)?(?:[^@/]*@)?([^:/]+)", url)
    return found.group(1).lower() if found else ""
