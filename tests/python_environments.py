"""Virtual environments for tests, made without a network."""

from __future__ import annotations

import shutil
import site
import sys
import venv
from pathlib import Path

import pytest_mlregress

SOURCE = Path(pytest_mlregress.__file__).parents[1]


def make_environment(folder: Path, *, packages: bool = True, plugin: bool = True) -> Path:
    """A virtual environment that sees the running one's packages and this source.

    Args:
        folder: where it is made.
        packages: whether the installed packages are visible in it.
        plugin: whether pytest-mlregress is.

    Returns:
        Its interpreter.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    paths = [str(SOURCE)] if plugin else []
    if packages:
        paths += site.getsitepackages()
    (site_packages(folder) / "visible.pth").write_text("\n".join(paths) + "\n")
    return folder / "bin" / "python"


def site_packages(folder: Path) -> Path:
    """Where an environment made here keeps its packages."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return folder / "lib" / version / "site-packages"


def install(folder: Path, name: str, version: str, source: str) -> None:
    """Put a distribution of one module into an environment, in place of an earlier version."""
    place = site_packages(folder)
    for old in place.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    info = place / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "top_level.txt").write_text(f"{name}\n")
    (place / f"{name}.py").write_text(source)
