"""``--mlregress-engine=slurm``: the hooks of the process whose seeds run in jobs of a cluster."""

from __future__ import annotations

import shutil
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.engines.slurm_parameters import JobParameters, read_parameters
from pytest_mlregress.history.ignored_folder import ignore_folder
from pytest_mlregress.plurals import count_of
from pytest_mlregress.running import declared_needs
from pytest_mlregress.running.pairs import pair_of
from pytest_mlregress.running.stop_flags import share_stop_flags, stop_flags
from pytest_mlregress.running.threads import THREAD_VARIABLES
from pytest_mlregress.session.engine import has_items_to_run
from pytest_mlregress.session.loaded_statistics import load_statistics
from pytest_mlregress.session.seed_order import order_of
from pytest_mlregress.session.worker_count import WARM_WORKERS
from pytest_mlregress.settings import Settings

if TYPE_CHECKING:
    from pytest_mlregress.engines.slurm_workers import JobArray
    from pytest_mlregress.engines.workers import Message
    from pytest_mlregress.resources.need import Need

_DEFAULT_FOLDER: Final = ".mlregress/slurm"
_MOST_JOBS: Final = 16
"""Unless ``--mlregress-workers`` says another number."""
_OLD_S: Final = 14 * 86400.0


class SlurmEngine:
    """The hooks of a process that hands items out to jobs.

    Args:
        config: pytest's.
        settings: the settings of the run.

    Raises:
        pytest.UsageError: submitit or Slurm is missing here.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        refuse_missing(settings)
        self._parameters = read_parameters(settings.slurm_parameters)
        self._config = config
        self._settings = settings
        self._folder = _folder(config, settings) / uuid.uuid4().hex[:12]
        share_stop_flags(config, self._folder / f"flags-{self._folder.name}")
        if settings.slurm_cluster != "local":
            config.stash[declared_needs.NODES] = ()
        config.stash[WARM_WORKERS] = 1  # until it is known how many items there are

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know the number before anything is said of the run's cost."""
        asked = self._settings.workers
        most = asked if isinstance(asked, int) else _MOST_JOBS
        self._config.stash[WARM_WORKERS] = max(1, min(most, len(session.items)))

    def pytest_report_collectionfinish(self, items: list[pytest.Item]) -> list[str]:
        """How many there are."""
        if not items:
            return []
        where = "of this machine" if self._settings.slurm_cluster == "local" else "of Slurm"
        jobs = count_of(self._config.stash[WARM_WORKERS], "job")
        return [f"{jobs} {where} [{count_of(len(items), 'item')}]"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the items in jobs; None leaves errors of the collection to pytest."""
        if not has_items_to_run(session):
            return None
        from pytest_mlregress.engines.item_run import ItemRun
        from pytest_mlregress.engines.need_queue import NeedQueue
        from pytest_mlregress.engines.slurm_workers import SlurmWorkers
        from pytest_mlregress.engines.workers import collection_digest
        from pytest_mlregress.integrations.submitit import Cluster

        most = self._config.stash[WARM_WORKERS]
        self._make_folder()
        kinds, needs = declared_needs.needs_of(session.items)
        order = order_of(self._config, self._settings, session.items)
        orders = [[at for at in order if kinds[at] == kind] for kind in range(len(needs))]
        node_ids = [item.nodeid for item in session.items]
        workers = SlurmWorkers(
            Cluster(self._settings.slurm_cluster, self._folder / "logs"),
            self._folder,
            _arrays(self._parameters, needs, [len(order) for order in orders], most),
            _Starts(self._config, self._settings, most, collection_digest(node_ids)).message,
            self._say,
        )
        unit_of = pair_of if self._settings.compares_sides else str
        queue = NeedQueue(node_ids, kinds, orders, workers.kind_of, unit_of)
        workers.waits = queue.waits
        ItemRun(session, workers, queue, most).run(load_statistics)
        return True

    def _make_folder(self) -> None:
        base = self._folder.parent
        if self._settings.slurm_folder is None:
            ignore_folder(base.parent)
        try:
            self._folder.mkdir(parents=True, mode=0o700)  # what is read there is trusted
            stop_flags(self._config).folder.mkdir()
        except OSError as error:
            raise pytest.UsageError(
                f"{base}: the folder for the messages of jobs cannot be made: {error.strerror}; "
                "name one that this machine and the nodes share, --mlregress-slurm-folder=DIR"
            ) from error
        _remove_old(base)

    def _say(self, line: str) -> None:
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.ensure_newline()
            reporter.write_line(line)


def _folder(config: pytest.Config, settings: Settings) -> Path:
    """Where the folders of runs are, each with the messages and logs of its jobs."""
    given = settings.slurm_folder
    if given is None:
        return config.rootpath / _DEFAULT_FOLDER
    return config.invocation_params.dir / Path(given).expanduser()


def _remove_old(base: Path) -> None:
    """Folders that were left for their logs, or by a process that was killed."""
    for sign in base.glob("*/sign"):
        with suppress(OSError):
            if sign.stat().st_mtime < time.time() - _OLD_S:
                shutil.rmtree(sign.parent, ignore_errors=True)


class _Starts:
    """How each worker starts."""

    def __init__(
        self, config: pytest.Config, settings: Settings, count: int, collection: str
    ) -> None:
        self._config = config
        self._count = count
        self._collection = collection
        self._placed: dict[str, object] = {}
        if settings.slurm_cluster != "local":  # each job has what it was given for itself
            self._placed[declared_needs.WORKER_INPUT] = {}
        self._run = uuid.uuid4().hex
        self._variables: dict[str, str | None] = {}
        if settings.threads != "keep":
            self._variables = dict.fromkeys(THREAD_VARIABLES, str(settings.threads))

    def message(self, number: int) -> Message:
        """The first message to the process of a worker.

        Args:
            number: of the worker.
        """
        from pytest_mlregress.engines.worker_process import WorkerStart

        argv = [str(argument) for argument in self._config.invocation_params.args]
        given = _compat.worker_input(
            self._config, worker=f"gw{number}", count=self._count, run=self._run, argv=argv
        )
        return WorkerStart(
            args=argv,
            directory=str(self._config.invocation_params.dir),
            path=list(sys.path),
            workerinput={**given, **self._placed},
            variables=self._variables,
            basetemp=None,
            collection=self._collection,
        ).message()


def refuse_missing(settings: Settings) -> None:
    """Refuse to start where the library or Slurm's commands are missing.

    Args:
        settings: the settings of the run.

    Raises:
        pytest.UsageError: one is missing; the text says what to do.
    """
    if find_spec("submitit") is None:
        from pytest_mlregress.integrations.submitit import INSTALL

        raise pytest.UsageError(
            f"--mlregress-engine=slurm needs submitit, which is not installed; {INSTALL}"
        )
    if settings.slurm_cluster == "local":
        return
    missing = [name for name in ("sbatch", "srun", "sacct", "scancel") if not shutil.which(name)]
    if missing:
        raise pytest.UsageError(
            f"--mlregress-engine=slurm: {missing[0]} is not on the PATH of this machine; start "
            "pytest on a login node of the cluster, or try it out in processes of this machine: "
            "--mlregress-slurm-cluster=local"
        )


def _arrays(
    parameters: JobParameters, needs: Sequence[Need], items: Sequence[int], most: int
) -> list[JobArray]:
    """The jobs by the numbers of items, at least one for each need."""
    from pytest_mlregress.engines.slurm_workers import JobArray

    counts = [max(1, most * number // sum(items)) for number in items]
    while sum(counts) < most:  # where most is left for each job
        index = max(range(len(items)), key=lambda at: items[at] / counts[at])
        counts[index] += 1
    return [
        JobArray(parameters.for_need(need), count)
        for need, count in zip(needs, counts, strict=True)
    ]
