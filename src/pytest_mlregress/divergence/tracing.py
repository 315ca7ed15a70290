"""Records one seed from the call of its test function to its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pytest_mlregress.divergence.digests import digest_of
from pytest_mlregress.divergence.function_calls import FunctionCalls
from pytest_mlregress.divergence.recorder import Recorder, TraceEnded
from pytest_mlregress.divergence.request import TraceRequest
from pytest_mlregress.running.import_hooks import after_import_of

Recorded = Callable[[], dict[str, Any]]
"""What a seed has recorded so far: metrics and points of curves, by name."""


@contextmanager
def traced_into(file: Path, request: TraceRequest, recorded: Recorded = dict) -> Iterator[None]:
    """Record the training inside the block.

    Args:
        file: the trace, which is overwritten.
        request: what is to be recorded.
        recorded: asked at the end for the metrics of the seed.

    Yields:
        Once, around the training.

    Raises:
        TraceEnded: from inside the training, after the last step that was asked for.
        OSError: the file cannot be written.
    """
    recorder = Recorder(file, request)
    ended, error, failed_at = "failed", "", None
    try:
        with ExitStack() as exits:
            _when_torch_is_there(exits, lambda: _listen_to_torch(exits, recorder))
            exits.enter_context(FunctionCalls(recorder).installed())
            recorder.random_state("RNG draws", sys._getframe(1))
            yield
        recorder.random_state("RNG draws", None)
        for name, value in recorded().items():
            recorder.record("metric", name, "recorded metric", digest_of(value))
        ended = "finished"
    except TraceEnded:
        ended = "stopped"
        raise
    except BaseException as failure:
        lines = str(failure).strip().splitlines()
        error = f"{type(failure).__name__}: {lines[0] if lines else ''}".rstrip(": ")
        failed_at = recorder.first_party.line_of_error(failure)
        raise
    finally:
        recorder.finish(ended, error, failed_at)


def _listen_to_torch(exits: ExitStack, recorder: Recorder) -> None:
    import torch

    from pytest_mlregress.divergence.torch_calls import TorchCalls

    # The first optimizer imports a thousand modules, which takes long while calls are recorded.
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0).step()
    exits.enter_context(TorchCalls(recorder).installed())


def _when_torch_is_there(exits: ExitStack, action: Callable[[], None]) -> None:
    """Act now if torch is imported, otherwise right after the training imports it."""
    if hasattr(sys.modules.get("torch"), "nn"):
        action()
    else:
        exits.enter_context(after_import_of("torch", action=lambda _: action()))


def trace_file(folder: Path, seed: int) -> Path:
    """Where a seed of this process is recorded: a new file for each training.

    Args:
        folder: that the environment variable names.
        seed: the seed.
    """
    number = len(list(folder.glob("*.trace.jsonl")))
    return folder / f"{number:03d}-seed{seed}-{os.getpid()}.trace.jsonl"
