"""The object behind the fixture ``mlregress``: one seed's run, as the test sees it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.margins import Margin
from pytest_mlregress.running.fingerprints import fingerprint
from pytest_mlregress.running.installed import require
from pytest_mlregress.running.metric_mapping import recorded_metrics
from pytest_mlregress.running.recorded_metric import (
    UNSET,
    RecordError,
    Unset,
    number_of,
    recorded_metric,
)
from pytest_mlregress.running.run_record import RunRecord
from pytest_mlregress.running.scalars import OneNumber, to_plain

if TYPE_CHECKING:
    from pytest_mlregress.integrations.keras import MLRegressCallback as KerasCallback
    from pytest_mlregress.integrations.lightning import MLRegressLogger as LightningLogger
    from pytest_mlregress.integrations.transformers import MLRegressCallback as TransformersCallback

PREFLIGHT: Final = "preflight"
DATA_FRACTION: Final = "data_fraction"
"""Names in `RunRecord.asked`."""


class Run:
    """One seed's run of a regression test.

    Attributes:
        test: the node id without the seed.
        seed: the seed; every random number generator is already seeded with it.
        tier: the name of the tier that runs, ``"default"`` without a ``tiers`` marker.
        params: the mapping of that tier.
    """

    def __init__(
        self,
        *,
        test: str,
        seed: int,
        tier: str,
        params: Mapping[str, Any],
        make_tmp_path: Callable[[], Path],
        record: RunRecord,
    ) -> None:
        self.test = test
        self.seed = seed
        self.tier = tier
        self.params = params
        self._make_tmp_path = make_tmp_path
        self._tmp_path: Path | None = None
        self._record = record

    def __repr__(self) -> str:
        return f"<Run of {self.test} with seed {self.seed}, tier {self.tier}>"

    def __deepcopy__(self, memo: object) -> Run:
        """The same run: what a copied logger or callback is told belongs to this seed too."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """For a process that the test starts: what it logs there comes back to this one."""
        child = {"_tmp_path": self.tmp_path, "_make_tmp_path": None}
        return {**vars(self), **child, "_record": self._record.for_child()}

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of this run: this one, or all where the marker says ``vectorized=True``."""
        return (self.seed,)

    @property
    def tmp_path(self) -> Path:
        """An empty folder for this seed, made when first requested."""
        if self._tmp_path is None:
            self._tmp_path = self._make_tmp_path()
        return self._tmp_path

    @property
    def preflight(self) -> bool:
        """Whether one step is enough: True with ``--mlregress-preflight``, else False.

        A test that asks says itself what one step is, and runs on to its evaluation; the training
        of one that does not is ended after its first optimizer step.
        """
        self._record.asked.add(PREFLIGHT)
        return self._record.preflight

    @property
    def data_fraction(self) -> float:
        """The share of the training data to use: 1.0, or less where ``mlregress curve`` asks."""
        self._record.asked.add(DATA_FRACTION)
        return self._record.data_fraction

    def record(
        self,
        name: str,
        value: OneNumber,
        *,
        higher_is_better: bool | Unset = UNSET,
        margin: Margin = "auto",
        version: int = 1,
        resolution: float | None = None,
    ) -> None:
        """Record one metric of this seed.

        Args:
            name: the metric's name, once per seed.
            value: anything with one number in it; the metrics of torchmetrics, flax and Keras are
                computed, and the ``higher_is_better`` of a torchmetrics ``Metric`` is then used.
                NaN and infinities are kept and judged.
            higher_is_better: the direction. It has no default, since a wrong guess would pass
                silently.
            margin: the smallest loss that matters: absolute ``0.01``, relative ``"1%"``, in
                standard deviations of the baseline ``"1sd"``, or ``"auto"``, the smallest that
                the seeds can detect, and at least the resolution. Type checkers know the common
                texts; `pytest_mlregress.margin` declares any other: ``margin("0.37sd")``.
            version: the version of how the metric is computed; raise it when that changes.
            resolution: the smallest step the metric can take, such as ``1 / len(test_set)``.

        Raises:
            RecordError: an unusable argument, or a name recorded before in this seed.
        """
        __tracebackhide__ = True
        self._refuse_in_child(f"record({name!r}, ...)")
        metric = recorded_metric(
            self._record.metrics,
            (self.test, self.seed),
            name,
            value,
            higher_is_better=higher_is_better,
            margin=margin,
            version=version,
            resolution=resolution,
        )
        self._record.metrics[metric.name] = metric

    def record_all(
        self,
        metrics: Mapping[str, OneNumber],
        *,
        higher_is_better: bool | Mapping[str, bool] | Unset = UNSET,
        margin: Margin | Mapping[str, Margin] = "auto",
        version: int | Mapping[str, int] = 1,
        resolution: float | Mapping[str, float] | None = None,
        prefix: str = "",
        skip: Collection[str] = (),
    ) -> None:
        """Record every metric of a mapping: Lightning's ``callback_metrics``, what Keras returns.

        Each argument is one value for all, or a mapping by name; a name that is in no mapping of
        margins, versions or resolutions has the default of `record`. All metrics are recorded, or
        none.

        Args:
            metrics: values by name, each as in `record`.
            higher_is_better: the direction: one for all, or by name. Nothing is guessed: a metric
                that is neither in the mapping nor skipped is an error, unless it is a torchmetrics
                ``Metric`` that knows its direction.
            margin: the smallest loss that matters, as in `record`.
            version: the version of how a metric is computed.
            resolution: the smallest step that a metric can take.
            prefix: put before each name in the record; the mappings and ``skip`` go without it.
            skip: names to leave out, or patterns (``"*_runtime"``).

        Raises:
            RecordError: an unusable entry or argument, or a name that is not among the metrics.
        """
        __tracebackhide__ = True
        self._refuse_in_child("record_all(...)")
        self._record.metrics |= recorded_metrics(
            self._record.metrics,
            (self.test, self.seed),
            metrics,
            {
                "higher_is_better": higher_is_better,
                "margin": margin,
                "version": version,
                "resolution": resolution,
            },
            prefix=prefix,
            skip=skip,
        )

    def log(
        self, step: int, mapping: Mapping[str, OneNumber] | None = None, **values: OneNumber
    ) -> None:
        """Add a point to one or more learning curves: ``log(step, loss=..., accuracy=...)``.

        Names that are no Python names go into a mapping: ``log(step, {"val/loss": 0.3})``.

        A step that is logged again replaces its point, and with an equal value changes nothing:
        several loggers and callbacks may report the same step.

        Args:
            step: a whole number that never decreases within a curve.
            mapping: values by name of the curve.
            **values: the same as keywords.

        Raises:
            RecordError: a value that is no number, a name that is given twice, or a step that is no
                whole number or decreases.
        """
        __tracebackhide__ = True
        at = self._step(step)
        points = {}
        for name, value in self._named(step, mapping, values):  # a comprehension is a frame more
            points[name] = number_of((self.test, self.seed), name, value)
        if self._record.forwarded.in_child:
            self._record.forwarded.append(at, points)
            return
        take_forwarded(self)
        self._add_points(at, points)

    def lightning_logger(self, prefix: str = "") -> LightningLogger:
        """A logger for ``Trainer(logger=...)`` that logs curves and hyper-parameters here.

        Args:
            prefix: put before each name, to keep several trainings of a test apart.

        Returns:
            The logger.

        Raises:
            ModuleNotFoundError: Lightning is not installed.
        """
        __tracebackhide__ = True
        require("lightning", "pytorch_lightning", method="lightning_logger", install="lightning")
        from pytest_mlregress.integrations.lightning import MLRegressLogger

        return MLRegressLogger(self, prefix)

    def transformers_callback(self, prefix: str = "") -> TransformersCallback:
        """A callback for Hugging Face's ``Trainer(callbacks=[...])`` that logs its history here.

        Args:
            prefix: put before each name, to keep several trainings of a test apart.

        Returns:
            The callback.

        Raises:
            ModuleNotFoundError: Transformers is not installed.
        """
        __tracebackhide__ = True
        require("transformers", method="transformers_callback", install="'transformers[torch]'")
        from pytest_mlregress.integrations.transformers import MLRegressCallback

        return MLRegressCallback(self, prefix)

    def keras_callback(self, prefix: str = "") -> KerasCallback:
        """A callback for Keras's ``model.fit(callbacks=[...])`` that logs each epoch here.

        Args:
            prefix: put before each name, to keep several trainings of a test apart.

        Returns:
            The callback.

        Raises:
            ModuleNotFoundError: Keras 3 is not installed.
        """
        __tracebackhide__ = True
        require("keras", method="keras_callback", install="keras")
        from pytest_mlregress.integrations.keras import MLRegressCallback

        return MLRegressCallback(self, prefix)

    def log_params(self, mapping: Mapping[str, object]) -> None:
        """Keep hyper-parameters with the baseline; values that are not plain are kept as text.

        Args:
            mapping: values by name.
        """
        params = {str(name): to_plain(value) for name, value in mapping.items()}
        if self._record.forwarded.in_child:
            self._record.forwarded.append(None, params)
        else:
            self._record.params |= params

    def fingerprint(self, name: str, data: Any) -> str:
        """Hash a data set (array, tensor, file, path); values with another hash are never compared.

        Args:
            name: a name for the data set.
            data: the data set.

        Returns:
            The hash.

        Raises:
            RecordError: the name was used before in this seed for other data, or the data have no
                stable bytes or cannot be read.
        """
        __tracebackhide__ = True
        self._refuse_in_child(f"fingerprint({name!r}, ...)")
        try:
            digest = fingerprint(data)
        except (OSError, TypeError) as error:
            raise RecordError(
                f"{self.test}: fingerprint {name!r} in seed {self.seed}: {error}"
            ) from None
        if self._record.data.setdefault(name, digest) != digest:
            raise RecordError(
                f"{self.test}: fingerprint {name!r} is given two different data sets "
                f"in seed {self.seed}; use another name for the second"
            )
        return digest

    def _refuse_in_child(self, call: str) -> None:
        __tracebackhide__ = True
        if self._record.forwarded.in_child:
            raise RecordError(
                f"{self.test}: {call} in seed {self.seed} runs in a process that the test has "
                "started, and the verdict would never see it: return the value to the test's own "
                "process and record it there (only log and log_params are carried over)"
            )

    def _named(
        self, step: int, mapping: object, values: Mapping[str, object]
    ) -> list[tuple[str, object]]:
        """The points of one `log`, each under the plain text of its name."""
        __tracebackhide__ = True
        if mapping is None:
            mapping = {}
        if not isinstance(mapping, Mapping):
            raise RecordError(
                f"{self.test}: log({step!r}, ...) in seed {self.seed}: the values are named, "
                f"log(step, loss=0.3) or log(step, {{'val/loss': 0.3}}), not {mapping!r}"
            )
        named = [(str(to_plain(name)), value) for name, value in mapping.items()]
        twice = {name for name, _ in named} & values.keys()
        if twice:
            raise RecordError(
                f"{self.test}: log({step!r}, ...) in seed {self.seed}: {min(twice)!r} is given "
                "in the mapping and as a keyword; pass it once"
            )
        return [*named, *values.items()]

    def _add_points(self, at: int, points: Mapping[str, float]) -> None:
        """Add one point to each curve, and tell those who watch of the new ones."""
        __tracebackhide__ = True
        for name in points:
            self._refuse_earlier_step(at, name)
        new = {name: value for name, value in points.items() if self._add(name, at, value)}
        if new and self._record.progress is not None:
            self._record.progress(at, new)
        if new and self._record.on_log is not None:
            self._record.on_log(at, new)

    def _refuse_earlier_step(self, at: int, name: str) -> None:
        __tracebackhide__ = True
        curve = self._record.curves.get(name)
        if curve and at < curve[-1][0]:
            raise RecordError(
                f"{self.test}: log({at}, {name}=...) in seed {self.seed}: the steps of a "
                f"curve do not go back; the last one was {curve[-1][0]}. Count steps through the "
                "whole training, not within an epoch, and give a second training another name"
            )

    def _add(self, name: str, at: int, value: float) -> bool:
        """Add a point to its curve; False if it is there already."""
        curve = self._record.curves.setdefault(name, [])
        if curve and curve[-1][0] == at:
            before = curve.pop()[1]
            curve.append((at, value))
            return before != value and not (math.isnan(before) and math.isnan(value))
        curve.append((at, value))
        return True

    def _step(self, step: object) -> int:
        __tracebackhide__ = True
        number = number_of((self.test, self.seed), "step", step)
        if not number.is_integer():
            raise RecordError(
                f"{self.test}: log({step!r}, ...) in seed {self.seed}: a step is a whole number, "
                "such as the number of the epoch or batch"
            )
        return int(number)


def take_forwarded(run: Run) -> None:
    """Add to a run what processes that its test has started have logged since the last call.

    Args:
        run: the run, in the process of its test.

    Raises:
        RecordError: a step that decreases.
    """
    __tracebackhide__ = True
    for step, values in run._record.forwarded.take():
        if step is None:
            run._record.params |= values
        else:
            run._add_points(step, values)
