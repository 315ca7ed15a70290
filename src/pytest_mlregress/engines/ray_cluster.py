"""The Ray cluster that seeds run on: one of this machine for the run, or the user's own."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.engines.ray_actor import tree_is_same
from pytest_mlregress.engines.working_tree import WorkingTree
from pytest_mlregress.resources.cluster import Node
from pytest_mlregress.running.threads import restore_variables

_CONNECT_S: Final = 5.0
_CHECK_S: Final = 120.0
"""A node that does not compare its tree within this time gets a copy."""
_START_S: Final = 120
"""Ray itself gives a cluster 10 s to start, which is too short where other processes run."""
_OBJECT_STORE: Final = 200 * 2**20
"""Bytes: what actors report is small."""

INSTALL: Final = "pip install 'pytest-mlregress[ray]'"

_START_VARIABLE: Final = "RAY_raylet_start_wait_time_s"


class RayError(Exception):
    """The cluster cannot be used; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class RayNode:
    """A node of the cluster that is alive.

    Attributes:
        identity: Ray's name of it.
        machine: its host name or address.
        has: what it has.
    """

    identity: str
    machine: str
    has: Node


class RayCluster:
    """A connection to a cluster.

    Args:
        address: as ``ray.init`` takes it; None for a cluster of this machine.

    Raises:
        RayError: Ray is not installed.
    """

    def __init__(self, address: str | None) -> None:
        found = find_spec("ray")
        if found is None or found.origin is None:  # a folder of that name is no library
            raise RayError(f"--mlregress-engine=ray needs Ray: {INSTALL}")
        self._address = address
        self._folder: str | None = None
        self._is_connected = False

    @property
    def is_own(self) -> bool:
        """Whether the cluster is this run's, on this machine."""
        return self._address is None

    @property
    def ray(self) -> Any:
        """The library."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray
        return ray

    def start(self, cpus: int, gpus: int) -> None:
        """Start a cluster of this machine.

        Args:
            cpus: its processors.
            gpus: its GPUs.

        Raises:
            RayError: it cannot be started.
        """
        self._folder = tempfile.mkdtemp(prefix="mlr-ray-")
        variables = {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ADDRESS": None,
            _START_VARIABLE: os.environ.get(_START_VARIABLE, str(_START_S)),
        }
        with _variables(variables):
            self._init(
                address="local",
                num_cpus=cpus,
                num_gpus=gpus,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE,
                # The path of a socket has 107 characters at most.
                _temp_dir=self._folder if len(self._folder) < 40 else None,
            )

    def connect(self) -> None:
        """Connect to the user's cluster.

        Raises:
            RayError: there is none at its address, or it has another version of Ray or Python.
        """
        address = str(self._address)
        _refuse_unreachable(address)
        self._init(address=address)

    def _init(self, **arguments: Any) -> None:
        ray = self.ray
        if ray.is_initialized():
            raise RayError(
                "this process has called ray.init before the tests run (in a conftest file, or "
                "at the top of a test file): call it in a fixture, which runs in a worker"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ray.init(
                    **arguments, log_to_driver=False, logging_level=logging.CRITICAL,
                    namespace="pytest-mlregress",
                )  # fmt: skip
        except (KeyboardInterrupt, SystemExit):
            self.close()
            raise
        except Exception as error:
            self.close()
            raise RayError(self._why_not(error)) from error
        self._is_connected = True

    def _why_not(self, error: Exception) -> str:
        reason = " ".join(str(error).split())
        if self._address is None:
            return (
                f"no Ray cluster can be started on this machine: {reason.rstrip('.')}; where the "
                f"machine is busy, run again with {_START_VARIABLE}=600 in the environment, or "
                "without --mlregress-engine=ray: --mlregress-workers needs no cluster"
            )
        what = f"--mlregress-ray-address={self._address}"
        if "ray[client]" in reason:
            return f"{what} needs Ray's client: pip install 'ray[client]'"
        if self._address == "auto":
            return (
                f"{what}: no Ray cluster runs on this machine; start one (ray start --head), name "
                "another one, or leave the option out for a cluster of this run"
            )
        if "Failed to connect" in reason:
            return (
                f"{what}: {reason}; a cluster with authentication needs RAY_AUTH_MODE=token in the "
                "environment, with its token in the file that RAY_AUTH_TOKEN_PATH names"
            )
        return f"{what}: {reason}"

    def nodes(self) -> list[RayNode]:
        """The nodes that are alive, and what they have."""
        found = []
        for node in self.ray.nodes():
            has = node["Resources"]
            if node["Alive"]:
                found.append(
                    RayNode(
                        node["NodeID"],
                        node.get("NodeManagerHostname") or node["NodeManagerAddress"],
                        Node(has.get("CPU", 0.0), has.get("GPU", 0.0), has.get("memory", 0.0)),
                    )
                )
        return found

    def has_tree(self, tree: WorkingTree, nodes: Sequence[RayNode]) -> bool:
        """Whether every node has a working tree at the same path.

        Args:
            tree: the tree.
            nodes: the nodes.
        """
        ray = self.ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        digests = ray.put(dict(tree.digests))
        task = ray.remote(num_cpus=0, max_retries=0)(tree_is_same)
        answers = [
            task.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.identity, soft=False)
            ).remote(str(tree.root), digests)
            for node in nodes
        ]
        with suppress(ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
            return all(ray.get(answers, timeout=_CHECK_S))
        return False

    def send(self, package: Path) -> None:
        """Give actors the content of a ZIP file as their working directory.

        Args:
            package: the file.

        Raises:
            RayError: the cluster does not take it.
        """
        self.ray.shutdown()
        self._is_connected = False
        self._init(address=self._address, runtime_env={"working_dir": str(package)})

    def close(self) -> None:
        """Leave the cluster, and end one that is this run's."""
        with suppress(Exception):
            self.ray.shutdown()
        self._is_connected = False
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _refuse_unreachable(address: str) -> None:
    """Ray itself waits minutes for an address at which there is nothing."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    what = f"--mlregress-ray-address={address}"
    if not colon or not port.isdecimal():
        if address == "auto":
            return
        raise RayError(f"{what} is neither HOST:PORT, ray://HOST:PORT nor auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RayError(
            f"{what}: nothing answers there ({reason}); `ray status` on the head of the cluster "
            "shows whether it runs, and its log the address (port 6379 by default)"
        ) from error


@contextmanager
def _variables(values: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    restore_variables(values)
    try:
        yield
    finally:
        restore_variables(before)
