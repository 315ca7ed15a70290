"""`mlregress.log` as a callback of Keras: ``model.fit(callbacks=[mlregress.keras_callback()])``.

What an epoch logs (``loss``, ``val_loss``, the compiled metrics) becomes learning curves, at the
number of the epoch; the epochs, steps and the optimizer's settings become hyper-parameters. Works
with each backend of Keras 3.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

from pytest_mlregress.integrations.training_log import TrainingLog

if TYPE_CHECKING:
    from pytest_mlregress.running.run import Run


class MLRegressCallback(keras.callbacks.Callback):
    """A callback that writes each epoch into the run of a seed; only the main process does.

    Args:
        run: the fixture ``mlregress``.
        prefix: put before each name, to keep several trainings of a test apart.
    """

    def __init__(self, run: Run, prefix: str = "") -> None:
        super().__init__()
        self._log = TrainingLog(run, prefix, "keras_callback")

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Keep the hyper-parameters of the training."""
        if not _is_main_process(self.model):
            return
        told = self.params or {}
        self._log.log_params({name: told[name] for name in ("epochs", "steps") if name in told})
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            self._log.log_params({"optimizer": optimizer.get_config()})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Add the values of an epoch to curves.

        A second ``fit`` with the same callback, which Keras counts from 0 unless it is told an
        ``initial_epoch``, goes on with the next epoch.

        Args:
            epoch: its number, from 0.
            logs: values by name; what is no number is skipped.
        """
        __tracebackhide__ = True
        if _is_main_process(self.model):
            self._log.log(max(epoch, self._log.last_step + 1), logs or {})


def _is_main_process(model: Any) -> bool:
    """Whether this process is the one that reports, as the backend distributes the training."""
    backend = keras.backend.backend()
    if backend == "jax":
        return bool(sys.modules["jax"].process_index() == 0)
    if backend == "torch":
        distributed = sys.modules["torch"].distributed
        alone = not distributed.is_available() or not distributed.is_initialized()
        return alone or distributed.get_rank() == 0
    strategy = getattr(model, "distribute_strategy", None)
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or resolver.task_type in (None, "chief"):
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    return resolver.task_type == "worker" and resolver.task_id == 0 and not has_chief
