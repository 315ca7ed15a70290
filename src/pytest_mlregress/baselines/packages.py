"""The versions of the imported packages that can change the results of a training run."""

import json
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import metadata
from typing import Final

from pytest_mlregress.baselines.distributions import distributions_of

__all__ = [
    "can_change_results",
    "installed_from_folders",
    "installed_version",
    "package_versions",
]

# Distributions by the module that shows they are in use: no other needs to be read for these.
_KNOWN: Final = {
    "accelerate": "accelerate",
    "albumentations": "albumentations",
    "catboost": "catboost",
    "cupy": "cupy",
    "datasets": "datasets",
    "diffusers": "diffusers",
    "flax": "flax",
    "gymnasium": "gymnasium",
    "ignite": "pytorch-ignite",
    "jax": "jax",
    "jaxlib": "jaxlib",
    "keras": "keras",
    "lightgbm": "lightgbm",
    "lightning": "lightning",
    "numba": "numba",
    "numpy": "numpy",
    "optax": "optax",
    "pandas": "pandas",
    "peft": "peft",
    "polars": "polars",
    "pytorch_lightning": "pytorch-lightning",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "statsmodels": "statsmodels",
    "tensorflow": "tensorflow",
    "timm": "timm",
    "tokenizers": "tokenizers",
    "torch": "torch",
    "torch_geometric": "torch-geometric",
    "torchaudio": "torchaudio",
    "torchmetrics": "torchmetrics",
    "torchvision": "torchvision",
    "transformers": "transformers",
    "triton": "triton",
    "xgboost": "xgboost",
}
# Libraries that those load, and whose versions move numbers with no import of their own.
_LOADED: Final = ("cuda-", "intel-openmp", "mkl", "nvidia-", "onednn", "openblas", "rocm", "tbb")
# What test modules import to test with, and what runs the process: no result comes from these.
_TOOLS: Final = frozenset(
    {
        "_pytest",
        "conftest",
        "execnet",
        "hypothesis",
        "pluggy",
        "pytest",
        "pytest_mlregress",
        "xdist",
    }
)


def package_versions(modules: Iterable[str] = ()) -> dict[str, str]:
    """Versions by distribution name, of what this process has imported.

    Standard library, test tools and modules that are not imported are left out, and the code under
    test, which the commit identifies and whose version may change with every commit: what was
    installed from a directory, a wheel or a repository (PEP 610), as by editable installs, tox, nox
    and CI jobs. A library that is known to change results, such as a nightly build of torch, is
    left out only if it was installed from a directory.

    Args:
        modules: further top-level module names, besides the packages that are known to change
            results.

    Returns:
        The versions.
    """
    asked = {name.partition(".")[0] for name in modules} - _TOOLS - sys.stdlib_module_names
    versions: dict[str, str] = {}
    for module in sorted([name for name in asked | _KNOWN.keys() if name in sys.modules]):
        known = module in _KNOWN
        names = _distributions_of_known(module) if known else distributions_of(module)
        for name in names:
            version = _version(name, known=known)
            if version is not None:
                versions[name] = version
    return versions


def installed_from_folders(modules: Iterable[str]) -> tuple[str, ...]:
    """The distributions that are copies of a folder, as ``pip install .`` makes them.

    Their code may change with every commit, and neither their version nor the checkout shows it.
    An editable install is none: its code is that of the checkout.

    Args:
        modules: names of imported modules.

    Returns:
        The names of the distributions, sorted.
    """
    asked = {name.partition(".")[0] for name in tuple(modules)} - _TOOLS - sys.stdlib_module_names
    names = {name for module in asked for name in distributions_of(module)}
    return tuple(sorted(name for name in names if _is_copy(name)))


def installed_version(distribution: str) -> str | None:
    """The version of a distribution as `package_versions` gives it; None where it gives none.

    Args:
        distribution: its name.

    Returns:
        The version, None also if it is not installed.
    """
    return _version(distribution, known=distribution in _KNOWN.values())


@cache
def _is_copy(distribution: str) -> bool:
    try:
        origin = metadata.distribution(distribution).read_text("direct_url.json")
        folder = json.loads(origin).get("dir_info") if origin else None
    except (metadata.PackageNotFoundError, OSError, ValueError, AttributeError):
        return False
    return folder is not None and not folder.get("editable", False)


def can_change_results(distribution: str) -> bool:
    """Whether a distribution is known to move numbers.

    Args:
        distribution: its normalised name: lower case, with hyphens.

    Returns:
        True for the packages that `package_versions` always lists, and for what they load.
    """
    return distribution in _KNOWN.values() or distribution.startswith(_LOADED)


@cache
def _distributions_of_known(module: str) -> Sequence[str]:
    """The usual one; another where that is not installed, such as tensorflow-cpu."""
    try:
        metadata.distribution(_KNOWN[module])
    except metadata.PackageNotFoundError:
        return distributions_of(module)
    return (_KNOWN[module],)


@cache
def _version(distribution: str, *, known: bool) -> str | None:
    """The version; None for one that is not installed, or is the code under test."""
    try:
        found = metadata.distribution(distribution)
        origin = found.read_text("direct_url.json")
        if origin and ("dir_info" in json.loads(origin) or not known):
            return None
        return found.version
    except (metadata.PackageNotFoundError, OSError, ValueError, KeyError):
        return None
