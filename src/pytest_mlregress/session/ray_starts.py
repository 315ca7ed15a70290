"""What actors of a Ray cluster are told to start with: code, options and environment."""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from pytest_mlregress import __version__, _compat
from pytest_mlregress.baselines.paths import FOLDER
from pytest_mlregress.engines.ray_actor import DEVICE_VARIABLES, ActorStart
from pytest_mlregress.engines.ray_cluster import RayCluster, RayError
from pytest_mlregress.engines.worker_process import WorkerStart
from pytest_mlregress.engines.working_tree import (
    TreeTooLargeError,
    WorkingTree,
    pack,
    working_tree,
)
from pytest_mlregress.masking import names_a_secret
from pytest_mlregress.node_ids import in_file, split_file
from pytest_mlregress.running import declared_needs, progress_channel
from pytest_mlregress.running.threads import THREAD_VARIABLES
from pytest_mlregress.settings import Settings

_CACHED: Final = ("v/cache/lastfailed", "v/cache/nodeids", "v/cache/stepwise")
"""Files of pytest's cache by which items are selected."""

_OF_A_MACHINE: Final = frozenset(
    {
        *("PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_", "USER", "LOGNAME", "SHELL", "HOSTNAME"),
        *("HOST", "TERM", "TERM_PROGRAM", "COLORTERM", "DISPLAY", "WAYLAND_DISPLAY", "EDITOR"),
        *("TMPDIR", "TMP", "TEMP", "MAIL", "LS_COLORS", "PYTHONPATH", "PYTHONHOME"),
        *("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_EXE", "CONDA_PYTHON_EXE"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", *DEVICE_VARIABLES),
    }
)
_PREFIXES_OF_A_MACHINE: Final = ("SSH_", "XDG_", "DBUS_", "RAY_", "SLURM_", "LC_", "GPG_")
"""Environment variables that say where a process runs, and who has started it."""


class RayStarts:
    """How the actors of a run start.

    Args:
        config: pytest's.
        settings: the settings of the run.
        environment: the environment variables of the run.
        count: how many workers there are.
        shortfalls: why no node is large enough for a test, by its node id.
        collection: the digest of what was collected.

    Attributes:
        digests: what actors compare the working tree with; None for a cluster of this machine,
            which has the tree itself.
        shows_progress: whether somebody looks at what seeds log.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        environment: Mapping[str, str],
        count: int,
        shortfalls: Mapping[str, str],
        collection: str,
    ) -> None:
        self.digests: Mapping[str, str] | None = None
        self._config = config
        self._count = count
        self._updates = settings.updating
        self._against = settings.against.text if settings.against is not None else None
        self._shortfalls = dict(shortfalls)
        self._collection = collection
        self._run = uuid.uuid4().hex
        self._environment = {**environment, **_threads(settings, environment)}
        self._is_whole = True
        self._is_shipped = False
        self._checked: frozenset[str] = frozenset()
        self._root = str(config.rootpath)
        self._basetemp: Path | None = _compat.make_temporary_folder(config)
        self.shows_progress = bool(self._input(0).get(progress_channel.WORKER_INPUT))

    def share_code(self, cluster: RayCluster) -> None:
        """See to it that every node has the working tree: its own one, or a copy.

        Args:
            cluster: the cluster, connected.

        Raises:
            RayError: the tree cannot be sent.
        """
        tree = working_tree(self._config.rootpath, self._is_written)
        nodes = cluster.nodes()
        self.digests = dict(tree.digests)
        self._root = str(tree.root)
        self._basetemp = None
        self._is_whole = False
        self._environment = _for_nodes(self._environment)
        if cluster.has_tree(tree, nodes):
            self._checked = frozenset(node.identity for node in nodes)
        elif self._against is not None:
            raise RayError(
                f"--mlregress-against={self._against} with --mlregress-engine=ray needs a working "
                f"tree that every node has at the same path, {tree.root}, and some node has not: "
                "the other side's checkout lies in it; leave out --mlregress-engine=ray, or use a "
                "file system that the nodes share"
            )
        else:
            self._send(cluster, tree)

    def _is_written(self, name: str) -> bool:
        """Whether a file is a baseline that this run records."""
        return self._updates and FOLDER in PurePosixPath(name).parts

    def _send(self, cluster: RayCluster, tree: WorkingTree) -> None:
        with tempfile.TemporaryDirectory(prefix="pytest-mlregress-") as folder:
            package = Path(folder, f"tree-{tree.digest[:16]}.zip")
            try:
                pack(tree, package, self._cached(tree))
            except TreeTooLargeError as error:
                raise RayError(str(error)) from None
            except OSError as error:
                raise RayError(f"the working tree {tree.root} cannot be packed: {error}") from None
            cluster.send(package)
        self._is_shipped = True

    def _cached(self, tree: WorkingTree) -> dict[str, Path]:
        """What options such as ``--lf`` select by, which git ignores."""
        cache = getattr(self._config, "cache", None)
        if cache is None:
            return {}
        folder = Path(cache.mkdir("mlregress")).parents[1]
        files = {name: folder / name for name in _CACHED}
        return {
            file.relative_to(tree.root).as_posix(): file
            for file in files.values()
            if file.is_file() and file.is_relative_to(tree.root)
        }

    def start_of(self, number: int) -> ActorStart:
        """What the actor with a number is told.

        Args:
            number: its number.
        """
        basetemp = self._basetemp
        return ActorStart(
            start=WorkerStart(
                args=self._args(),
                directory=self._directory(),
                path=list(sys.path),
                workerinput=self._input(number),
                variables={},
                basetemp=str(basetemp / f"popen-gw{number}") if basetemp is not None else None,
                collection=self._collection,
            ),
            root=self._root,
            is_shipped=self._is_shipped,
            inside=self._inside(),
            environment=self._environment,
            is_whole=self._is_whole,
            checked=self._checked,
            version=__version__,
            prefix=sys.prefix,
        )

    def _args(self) -> list[str]:
        args = [str(argument) for argument in self._config.invocation_params.args]
        return [self._absolute(argument) for argument in args] if self._is_shipped else args

    def _absolute(self, argument: str) -> str:
        """An argument that names a place in the tree, with its whole path."""
        path, names = split_file(argument)
        place = self._config.invocation_params.dir / path
        if argument.startswith("-") or not place.exists():
            return argument
        return in_file(str(place.resolve()), names)

    def _directory(self) -> str:
        directory = self._config.invocation_params.dir.resolve()
        if self._is_shipped and not directory.is_relative_to(self._root):
            return str(self._config.rootpath)
        return str(directory)

    def _inside(self) -> list[str]:
        """The import paths in the tree."""
        top = Path(self._root)
        found = [Path(entry or ".").resolve() for entry in sys.path]
        return [
            str(path.relative_to(top))
            for path in dict.fromkeys(found)
            if path.is_relative_to(top) and "site-packages" not in path.parts and path.is_dir()
        ]

    def _input(self, number: int) -> dict[str, object]:
        config = self._config
        given = _compat.worker_input(
            config,
            worker=f"gw{number}",
            count=self._count,
            run=self._run,
            argv=[str(argument) for argument in config.invocation_params.args],
        )
        return {**given, declared_needs.WORKER_INPUT: self._shortfalls}


def _threads(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that say how many threads a seed has, whatever Ray thinks of it."""
    if settings.threads == "keep":
        return {name: environment[name] for name in THREAD_VARIABLES if name in environment}
    return dict.fromkeys(THREAD_VARIABLES, str(settings.threads))


def _for_nodes(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what belongs to this machine, and without secrets."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _OF_A_MACHINE
        and not name.startswith(_PREFIXES_OF_A_MACHINE)
        and not names_a_secret(name)
    }
