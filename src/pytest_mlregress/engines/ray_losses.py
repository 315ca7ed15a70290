"""What an error of Ray says of an actor, in words for a report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Loss:
    """What has become of an actor.

    Attributes:
        reason: in words.
        is_final: whether another actor would fare the same.
        may_answer: whether it may be there, and answer if it is asked again.
        is_of_memory: whether its node ran out of memory.
    """

    reason: str
    is_final: bool = False
    may_answer: bool = False
    is_of_memory: bool = False


def loss_of(error: BaseException, exceptions: Any) -> Loss:
    """What an error of a call says.

    Args:
        error: what getting the answer of an actor raised.
        exceptions: Ray's module of that name.

    Returns:
        The loss.
    """
    text = " ".join(str(error).split())
    if isinstance(error, exceptions.RuntimeEnvSetupError):
        return Loss(f"the nodes of the Ray cluster cannot take the code: {text}", is_final=True)
    if isinstance(error, exceptions.RayTaskError):
        return Loss(f"an actor of the Ray cluster failed: {error}", is_final=True)
    if "ModuleNotFoundError" in text and "pytest_mlregress" in text:
        return Loss(
            "the nodes of the Ray cluster have no pytest-mlregress: install it there, in the "
            "environment that Ray runs in, with what the tests import",
            is_final=True,
        )
    if isinstance(error, exceptions.ActorUnavailableError):
        return Loss("its node does not answer", may_answer=True)
    address = re.search(r"\b\d+\.\d+\.\d+\.\d+\b", text)
    node = f"its node {address[0]}" if address else "its node"
    if isinstance(error, exceptions.OutOfMemoryError) or re.search(
        r"out of memory|OOM|low memory|memory pressure", text
    ):
        return Loss(f"{node} ran out of memory, and Ray ended it", is_of_memory=True)
    if re.search(r"node (has )?died|node was terminated|node.*(is dead|marked dead)|node failure",
                 text, re.IGNORECASE):  # fmt: skip
        return Loss(f"{node} died")
    if isinstance(error, exceptions.RayActorError):
        return Loss("its actor was killed")
    return Loss(f"Ray lost it: {text}")
