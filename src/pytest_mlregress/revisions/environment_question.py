"""What one interpreter says about its environment: a program that other interpreters run.

Its text is sent to them, so it imports nothing of ours at the top: pytest-mlregress may be missing
there, or another version. What is imported to answer is the standard library, pytest and
pytest-mlregress; no device is initialised.
"""

import hashlib
import importlib
import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["answer", "digest_of_sources"]


def answer() -> dict[str, Any]:
    """The facts of this process' environment, as JSON values."""
    plugin = _imported("pytest_mlregress")
    file = getattr(plugin, "__file__", None)
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "prefix": os.path.realpath(sys.prefix),
        "platform": platform.platform(),
        "distributions": distributions(),
        "has_pip": find_spec("pip") is not None,
        "pytest": getattr(_imported("pytest"), "__version__", None),
        "plugin": getattr(plugin, "__version__", None),
        "plugin_digest": digest_of_sources(Path(file).parent) if file else None,
        "torch_cuda": _cuda_of_torch(),
        "environment": _described(),
    }


def distributions() -> dict[str, str]:
    """Versions of the installed distributions by normalised name.

    What was installed from a directory is left out: that is the code under test, which the commit
    identifies.
    """
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        try:
            name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
            origin = json.loads(distribution.read_text("direct_url.json") or "{}")
            version = distribution.version
        except (KeyError, TypeError, ValueError, OSError):
            continue  # the remains of a failed installation
        if "dir_info" not in origin:
            found.setdefault(name, version)  # the first on the path is the one that is imported
    return dict(sorted(found.items()))


def digest_of_sources(folder: Path) -> str:
    """A hash of the Python files of a package.

    Args:
        folder: the folder of the package.

    Returns:
        Hexadecimal digits; line endings do not change them.
    """
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(file.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:16]


def _imported(name: str) -> object:
    try:
        return importlib.import_module(name)
    except Exception:  # a broken installation can fail in any way, and serves no better than none
        return None


def _cuda_of_torch() -> str | None:
    """The version of CUDA or ROCm that torch was built for, from its file: an import takes 2 s."""
    try:
        spec = find_spec("torch")
        text = (Path(spec.origin).parent / "version.py").read_text() if spec and spec.origin else ""
    except (ImportError, OSError, ValueError):
        return None
    found = re.search(r"^(?:cuda|hip)\b[^=\n]*= *['\"]([^'\"]+)", text, re.MULTILINE)
    return found[1] if found else None


def _described() -> Mapping[str, Any]:
    """What the plugin says of this environment; nothing where it is missing or another version."""
    try:
        from pytest_mlregress.baselines.environment import describe_environment

        return describe_environment()
    except Exception:
        return {}


if __name__ == "__main__":
    print(sys.argv[1] + json.dumps(answer()))
