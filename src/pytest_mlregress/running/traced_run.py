"""Records what a seed computes, where the process is asked to: for ``mlregress explain``.

Nothing is imported for it otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pytest_mlregress.running.run_record import RunRecord

VARIABLE: Final = "MLREGRESS_TRACE"
"""The environment variable that names the folder of the request and of the traces."""


@contextmanager
def traced(record: RunRecord, seed: int) -> Iterator[None]:
    """Record the training inside the block, if `VARIABLE` asks for it.

    Args:
        record: what the seed records, read at its end.
        seed: the seed.

    Yields:
        Once, around the test function.
    """
    if not os.environ.get(VARIABLE):
        yield
        return
    from pytest_mlregress.divergence.request import TraceRequest, asked_folder
    from pytest_mlregress.divergence.tracing import trace_file, traced_into

    folder = asked_folder()
    assert folder is not None
    request = TraceRequest.read(folder)
    with traced_into(trace_file(folder, seed), request, lambda: _recorded(record)):
        yield


def _recorded(record: RunRecord) -> dict[str, Any]:
    """Metrics last: they are what the verdict is about, and the rest may say why they differ."""
    return {
        **{f"data {name}": digest for name, digest in record.data.items()},
        **{
            f"{name} at step {step}": value
            for name, points in record.curves.items()
            for step, value in points
        },
        **{name: metric.value for name, metric in record.metrics.items()},
    }
