"""Baselines that an update has trained and could not write, kept on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.paths import BaselineKey

_FOLDER: Final = "mlregress-unwritten"


def keep_unwritten(config: pytest.Config, key: BaselineKey, artifact: Artifact) -> str | None:
    """Keep a baseline in pytest's cache folder, whose layout is that of any folder of baselines.

    Args:
        config: pytest's.
        key: the test and tier.
        artifact: what could not be written where it belongs.

    Returns:
        The file, relative to the rootdir where it lies below; None if there is no cache folder, or
        it cannot be written either.
    """
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if cache is None:
        return None
    try:
        store = FolderStore(Path(cache.mkdir(_FOLDER)), beside_tests=False)
        store.write(key, artifact)
    except (OSError, BaselineError):
        return None
    file = Path(store.describe(key))
    return str(file.relative_to(config.rootpath) if file.is_relative_to(config.rootpath) else file)
