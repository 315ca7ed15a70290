"""`mlregress.log` as a logger of Lightning: ``Trainer(logger=mlregress.lightning_logger())``.

What modules log with ``self.log`` becomes learning curves, at the trainer's steps; what
``save_hyperparameters`` keeps becomes hyper-parameters. The ``epoch`` that Lightning adds is no
curve and is left out. Works with ``lightning`` and ``pytorch_lightning``, whichever is imported,
and with Fabric's ``loggers``.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.integrations.training_log import TrainingLog

if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    from pytorch_lightning.loggers import Logger
    from pytorch_lightning.utilities import rank_zero_only
else:
    try:
        from lightning.pytorch.loggers import Logger
        from lightning.pytorch.utilities import rank_zero_only
    except ModuleNotFoundError:
        from pytorch_lightning.loggers import Logger
        from pytorch_lightning.utilities import rank_zero_only

if TYPE_CHECKING:
    from pytest_mlregress.running.run import Run

_NO_CURVES: Final = ("epoch",)


class MLRegressLogger(Logger):
    """A Lightning logger that writes into the run of a seed; only the main process does.

    Args:
        run: the fixture ``mlregress``.
        prefix: put before each name, to keep several trainings of a test apart.
    """

    def __init__(self, run: Run, prefix: str = "") -> None:
        super().__init__()
        self._log = TrainingLog(run, prefix, "lightning_logger")

    @property
    def name(self) -> str:
        """The name of the experiment, for Lightning."""
        return "mlregress"

    @property
    def version(self) -> int:
        """The version of the experiment, for Lightning."""
        return 0

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Add points to curves.

        Args:
            metrics: values by name; what is no number is skipped.
            step: the trainer's count of batches; without one, that of the call before.
        """
        __tracebackhide__ = True
        at = max(self._log.last_step, 0) if step is None else step
        self._log.log(at, metrics, skip=_NO_CURVES)

    @rank_zero_only
    def log_hyperparams(
        self, params: Mapping[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Keep hyper-parameters with the baseline.

        Args:
            params: values by name; nested ones are named ``outer/inner``.
            *args: what other loggers take, unused.
            **kwargs: the same.
        """
        self._log.log_params(params)
