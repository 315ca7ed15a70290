"""The versions of the imported packages that can move the numbers of a training run."""

import json
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import metadata
from typing import Final

__all__ = ["package_versions"]

# Distributions by the module that shows they are in use.  Looking a name up here is a thousand
# times faster than asking every installed distribution which modules it has.
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
# What test modules import to test with, and the process is run by: no number comes from these.
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

    Args:
        modules: further top-level module names to look at, besides the packages that are known to
            move numbers.  Standard library, test tools, modules that are not imported, and
            packages installed from a local directory are left out: those are the code under
            test, which the commit identifies, and whose version may change with every commit.
    """
    asked = {name.partition(".")[0] for name in modules} - _TOOLS - sys.stdlib_module_names
    versions: dict[str, str] = {}
    for module in sorted((asked | _KNOWN.keys()) & sys.modules.keys()):
        names = (_KNOWN[module],) if module in _KNOWN else _distributions_of(module)
        versions |= {name: version for name in names if (version := _version(name)) is not None}
    return versions


@cache
def _distributions_of(module: str) -> Sequence[str]:
    return tuple(sorted(set(_all_distributions().get(module, ()))))


@cache
def _all_distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


@cache
def _version(distribution: str) -> str | None:
    """The version; None for one that is not installed or is installed from a directory."""
    try:
        found = metadata.distribution(distribution)
        origin = found.read_text("direct_url.json")
        if origin and "dir_info" in json.loads(origin):
            return None
        return found.version
    except (metadata.PackageNotFoundError, OSError, ValueError, KeyError):
        return None
