"""`mlregress.log` as a callback of Hugging Face's ``Trainer``.

``Trainer(callbacks=[mlregress.transformers_callback()])``: the trainer's log history (``loss``,
``eval_loss``, ``grad_norm``, ``learning_rate`` and the user's own metrics) becomes learning curves,
at its global step. Times, speeds and the epoch are no curves and are left out: they differ from run
to run, or say what the step says. The arguments of the training and of the model's configuration
that differ from their defaults become hyper-parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from transformers import TrainerCallback

from pytest_mlregress.integrations.training_log import TrainingLog

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from pytest_mlregress.running.run import Run

_NO_CURVES: Final = (
    *("epoch", "total_flos", "*_runtime", "*_per_second"),
    *("*_preparation_time", "*_compilation_time", "*_mem_?pu_*"),
)
_NO_PARAMS: Final = (
    *("*_dir", "*_token", "run_name", "project", "report_to", "push_to_hub*", "hub_*"),
    *("logging_*", "log_*", "save_*", "disable_tqdm", "seed", "data_seed", "do_*", "trackio_*"),
    *("accelerator_config", "debug"),  # which the trainer itself completes
)
"""Places, credentials, what is printed and kept, and the seed, which is not the same twice."""

_NO_CONFIG: Final = ("transformers_version", "_*", "architectures")


class MLRegressCallback(TrainerCallback):
    """A callback that writes a trainer's log into the run of a seed; only the main process does.

    Args:
        run: the fixture ``mlregress``.
        prefix: put before each name, to keep several trainings of a test apart.
    """

    def __init__(self, run: Run, prefix: str = "") -> None:
        super().__init__()
        self._log = TrainingLog(run, prefix, "transformers_callback")

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Keep the hyper-parameters of the training and the model."""
        if not state.is_world_process_zero:
            return
        self._log.log_params(dict(_chosen_arguments(args)))
        differences = getattr(getattr(model, "config", None), "to_diff_dict", None)
        if differences is not None:
            self._log.log_params({"model": _without(differences(), _NO_CONFIG)})

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add what the trainer logs to curves."""
        __tracebackhide__ = True
        if state.is_world_process_zero and logs:
            self._log.log(state.global_step, logs, skip=_NO_CURVES)


def _chosen_arguments(args: TrainingArguments) -> Iterator[tuple[str, object]]:
    """The arguments that differ from their defaults."""
    given = _without(args.to_dict(), _NO_PARAMS)
    for field in fields(args):
        if field.name in given:
            default: object = field.default
            if field.default_factory is not MISSING:
                default = field.default_factory()
            default = getattr(default, "value", default)  # of an enumeration
            if given[field.name] != default:
                yield field.name, given[field.name]


def _without(values: Mapping[str, Any], patterns: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: value
        for name, value in values.items()
        if not any(fnmatchcase(name, pattern) for pattern in patterns)
    }
