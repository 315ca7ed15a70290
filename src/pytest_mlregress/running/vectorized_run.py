"""The object behind the fixture ``mlregress`` where one run of a test may train several seeds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pytest_mlregress.margins import Margin
from pytest_mlregress.plurals import count_of
from pytest_mlregress.running.recorded_metric import UNSET, RecordError, Unset
from pytest_mlregress.running.run import Run
from pytest_mlregress.running.run_record import RunRecord


class VectorizedRun(Run):
    """The run of several seeds of a regression test, of one with ``vectorized=False``.

    It is used as `Run` is, but what belongs to a seed is given for all of them: `record`,
    `record_all` and `log` take one value per seed, in the order of `seeds`. Hyper-parameters and
    data sets are the same for all seeds.

    Args:
        test: the node id without the seed.
        seeds: the seeds.
        tier: the name of the tier.
        params: the mapping of that tier.
        make_tmp_path: makes the folder of the run.
        records: takes what each seed records.
    """

    def __init__(
        self,
        *,
        test: str,
        seeds: tuple[int, ...],
        tier: str,
        params: Mapping[str, Any],
        make_tmp_path: Callable[[], Path],
        records: Mapping[int, RunRecord],
    ) -> None:
        self._runs = tuple(
            Run(
                test=test,
                seed=seed,
                tier=tier,
                params=params,
                make_tmp_path=make_tmp_path,
                record=records[seed],
            )
            for seed in seeds
        )
        self.test = test
        self.tier = tier
        self.params = params
        self._seeds = seeds
        self._make_tmp_path = make_tmp_path
        self._tmp_path: Path | None = None
        self._record = records[seeds[0]]  # of what is asked for and passed on once for all

    def __repr__(self) -> str:
        shown = count_of(len(self._runs), "seed")
        return f"<Run of {self.test} with {shown} at once, tier {self.tier}>"

    def __getstate__(self) -> NoReturn:
        raise TypeError(
            f"{self.test}: mlregress cannot be sent to another process where all seeds train in "
            "one; log and record in the test's own process"
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in the order in which values are given."""
        return self._seeds

    def __getattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        if name == "seed":
            raise RecordError(
                f"{self.test}: mlregress.seed: with seeds(..., vectorized=...) a run may train "
                f"several seeds, this one {len(self._runs)}; use mlregress.seeds"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def record(
        self,
        name: str,
        value: Any,
        *,
        higher_is_better: bool | Unset = UNSET,
        margin: Margin = "auto",
        version: int = 1,
        resolution: float | None = None,
    ) -> None:
        """Record one metric of every seed.

        Args:
            name: the metric's name, once per test.
            value: one value per seed, shape ``(seeds,)``: a tensor, an array or a list; NaN and
                infinities are kept for their own seed.
            higher_is_better: the direction.
            margin: the smallest loss that matters, as in `Run.record`.
            version: the version of how the metric is computed.
            resolution: the smallest step the metric can take.

        Raises:
            RecordError: the values are not one per seed, or as in `Run.record`.
        """
        __tracebackhide__ = True
        for run, one in zip(self._runs, self._per_seed(name, value), strict=True):
            run.record(
                name,
                one,
                higher_is_better=higher_is_better,
                margin=margin,
                version=version,
                resolution=resolution,
            )

    def record_all(
        self,
        metrics: Mapping[str, Any],
        *,
        higher_is_better: bool | Mapping[str, bool] | Unset = UNSET,
        margin: Margin | Mapping[str, Margin] = "auto",
        version: int | Mapping[str, int] = 1,
        resolution: float | Mapping[str, float] | None = None,
        prefix: str = "",
        skip: Collection[str] = (),
    ) -> None:
        """Record every metric of a mapping for every seed.

        Args:
            metrics: by name one value per seed, shape ``(seeds,)`` each.
            higher_is_better: as in `Run.record_all`.
            margin: as in `Run.record_all`.
            version: as in `Run.record_all`.
            resolution: as in `Run.record_all`.
            prefix: as in `Run.record_all`.
            skip: as in `Run.record_all`.

        Raises:
            RecordError: the values of a metric are not one per seed, or as in `Run.record_all`.
        """
        __tracebackhide__ = True
        values = {name: self._per_seed(name, value) for name, value in metrics.items()}
        for place, run in enumerate(self._runs):
            run.record_all(
                {name: ones[place] for name, ones in values.items()},
                higher_is_better=higher_is_better,
                margin=margin,
                version=version,
                resolution=resolution,
                prefix=prefix,
                skip=skip,
            )

    def log(self, step: int, mapping: Mapping[str, Any] | None = None, **values: Any) -> None:
        """Add a point to one or more learning curves of every seed.

        Args:
            step: as in `Run.log`, the same for all seeds.
            mapping: by name of the curve one value per seed, shape ``(seeds,)``.
            **values: the same as keywords.

        Raises:
            RecordError: the values of a curve are not one per seed, or as in `Run.log`.
        """
        __tracebackhide__ = True
        points = []
        for name, value in self._runs[0]._named(step, mapping, values):
            points.append((name, self._per_seed(name, value)))
        for place, run in enumerate(self._runs):
            run.log(step, {name: ones[place] for name, ones in points})

    def log_params(self, mapping: Mapping[str, object]) -> None:
        """Keep hyper-parameters, which are the same for every seed.

        Args:
            mapping: values by name.
        """
        for run in self._runs:
            run.log_params(mapping)

    def fingerprint(self, name: str, data: Any) -> str:
        """Hash a data set that every seed uses, as `Run.fingerprint` does.

        Args:
            name: a name for the data set.
            data: the data set.

        Returns:
            The hash.

        Raises:
            RecordError: as in `Run.fingerprint`.
        """
        __tracebackhide__ = True
        digest = self._runs[0].fingerprint(name, data)
        for run in self._runs[1:]:
            run._record.data[name] = digest
        return digest

    def _per_seed(self, name: str, value: Any) -> Sequence[Any]:
        """One value for each seed."""
        __tracebackhide__ = True
        wanted = len(self._runs)
        shape = getattr(value, "shape", None)
        if shape is not None and not isinstance(value, (list, tuple)):
            if tuple(shape) == (wanted,):
                return list(value.tolist())
            given = f"a {type(value).__name__} of shape {tuple(int(size) for size in shape)}"
        elif isinstance(value, (list, tuple)):
            if len(value) == wanted:
                return value
            given = f"a {type(value).__name__} of {count_of(len(value), 'value')}"
        else:
            given = f"one {type(value).__name__}"
        raise RecordError(
            f"{self.test}: metric {name!r}: expected one value per seed, of shape ({wanted},) and "
            f"in the order of mlregress.seeds, not {given}"
        )
