"""What the nodes of a cluster have for seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_mlregress.plurals import plural
from pytest_mlregress.resources.need import Need, in_bytes


@dataclass(frozen=True, slots=True)
class Node:
    """What a node has.

    Attributes:
        cpus: processors.
        gpus: GPUs.
        memory: bytes.
    """

    cpus: float
    gpus: float
    memory: float


def places(need: Need, nodes: Iterable[Node], threads: float) -> int:
    """How many seeds of a test fit on a cluster at once.

    Args:
        need: what one of them needs.
        nodes: those of the cluster.
        threads: the processors of a seed that declares none.

    Returns:
        The number.
    """
    return sum(_places_on(need, node, threads) for node in nodes)


def _places_on(need: Need, node: Node, threads: float) -> int:
    wanted = (
        (node.cpus, threads if need.cpus is None else need.cpus),
        (node.gpus, need.gpus or 0.0),
        (node.memory, need.memory or 0.0),
    )
    limits = [int(has / amount + 1e-9) for has, amount in wanted if amount > 0]
    return min(limits) if limits else max(1, int(node.cpus))


def cluster_shortfall(need: Need, nodes: Sequence[Node]) -> str | None:
    """Why no node of a cluster is large enough for a seed.

    Args:
        need: what the seed needs.
        nodes: those of the cluster.

    Returns:
        What it needs and what the nodes have; None where it fits on one.
    """
    if not nodes or any(_fits(need, node) for node in nodes):
        return None
    wanted = [
        f"{number:.6g} {plural(thing, 1 if number == 1 else 2)}"
        for number, thing in ((need.cpus, "CPU"), (need.gpus, "GPU"))
        if number
    ]
    wanted += [f"{in_bytes(need.memory)} of memory"] if need.memory else []
    largest = (
        f"{max(node.cpus for node in nodes):.6g} CPUs, {max(node.gpus for node in nodes):.6g} GPUs "
        f"and {in_bytes(max(node.memory for node in nodes))}"
    )
    return (
        f"needs {', '.join(wanted)} on one node, and no node of the cluster has that; the most "
        f"that one has is {largest}"
    )


def _fits(need: Need, node: Node) -> bool:
    return (
        (need.cpus or 0.0) <= node.cpus
        and (need.gpus or 0.0) <= node.gpus
        and (need.memory or 0.0) <= node.memory
    )
