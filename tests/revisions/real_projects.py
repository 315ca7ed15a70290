"""Small git repositories with an environment of their own, as users have them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest_mlregress

PLUGIN_FOLDER = Path(pytest_mlregress.__file__).parents[1]
IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
PYPROJECT = """
    [project]
    name = "demo-pkg"
    version = "1.0"
"""
TRAINING = """
    import random

    LEVEL = {level}


    def accuracy(seed):
        return LEVEL + random.Random(seed).gauss(0, 0.01)
"""
CHECK = """
    import pytest
    from {package} import accuracy


    @pytest.mark.seeds(5)
    def test_training(mlregress):
        mlregress.record(
            "accuracy", accuracy(mlregress.seed), higher_is_better=True, margin=0.02
        )
"""


def new_environment(folder: Path) -> Path:
    """Make an environment that sees the packages of the running one; answers its Python."""
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    shared = [entry for entry in sys.path if "site-packages" in Path(entry).parts]
    lines = [str(PLUGIN_FOLDER), *(f"import site; site.addsitedir({entry!r})" for entry in shared)]
    (packages / "a_shared.pth").write_text("\n".join(lines) + "\n")
    return folder / "bin" / "python"


def clean_variables() -> dict[str, str]:
    """The variables of this process without what would lead git, Python or pytest elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "PYTEST_", "PYTHON", "MLREGRESS_"))
    }


@dataclass(frozen=True)
class Compared:
    """How an A/B run ended, and what it printed."""

    status: int
    output: str

    @property
    def lines(self) -> list[str]:
        """The lines, spaces made single."""
        return [" ".join(line.split()) for line in self.output.splitlines()]

    def says(self, sentence: str) -> bool:
        """Whether it printed a sentence, wherever the terminal broke it into lines."""
        return "".join(sentence.split()) in "".join(self.output.split())


@dataclass
class RealProject:
    """A git repository, and the Python that its tests run with."""

    path: Path
    python: Path

    @property
    def site(self) -> Path:
        (folder,) = self.python.parents[1].glob("lib/python*/site-packages")
        return folder

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *IDENTITY, *arguments],
            check=True,
            capture_output=True,
            text=True,
            env=clean_variables(),
        )
        return done.stdout.strip()

    def commit(self) -> None:
        """Commit everything to the branch `main`."""
        if not (self.path / ".git").exists():
            self.git("init", "--quiet", "--initial-branch=main")
            self.write(".gitignore", ".pytest_cache/\n__pycache__/\n*.so\nbuild/\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=A commit")

    def install(self, folder: str = ".") -> None:
        """Install in editable mode: a line in a .pth file, as most backends write it."""
        (self.site / "demo.pth").write_text(f"{self.path / folder}\n")

    def compare(self, *arguments: str) -> Compared:
        """Run the tests of both sides in a fresh process."""
        command = [str(self.python), "-m", "pytest", "-m", "mlregress", "-p", "no:randomly"]
        done = subprocess.run(
            [*command, "--mlregress-against=main", *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.path,
            env=clean_variables(),
        )
        return Compared(done.returncode, done.stdout + done.stderr)
