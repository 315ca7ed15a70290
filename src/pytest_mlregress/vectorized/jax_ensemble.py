"""The training of several seeds at once in jax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from pytest_mlregress.vectorized.errors import VectorizedError
from pytest_mlregress.vectorized.nests import PerSeed, seed_axes

TOLERANCE: Final = 1e-3
"""The largest difference, as a share of the largest value of a leaf."""

_FLOOR: Final = 0.01
"""A leaf is compared as if its largest value were this share of that of all leaves, at least."""

CHECKED_STEPS: Final = 3


class JaxEnsemble:
    """One training state per seed, all trained in one computation by ``jax.vmap``.

    Each state is initialised with its seed's key, as in a single run. In the first steps two seeds
    are compared with single runs.

    Attributes:
        seeds: the seeds, in the order in which values are returned.
        state: the states of all seeds, each leaf of shape ``(seeds, ...)``.

    Args:
        init: called with ``jax.random.key(seed)``, returns a state: any pytree of arrays.
        step: called as ``step(state, batch)``, returns the next state and what it measured.
        seeds: the seeds, ``mlregress.seeds``.
        tolerance: the largest difference from a single run, as a share of a leaf's largest value.
        checked_steps: in how many first steps two seeds are compared with single runs.
    """

    def __init__(
        self,
        init: Callable[[Any], Any],
        step: Callable[[Any, Any], tuple[Any, Any]],
        seeds: Sequence[int],
        *,
        tolerance: float = TOLERANCE,
        checked_steps: int = CHECKED_STEPS,
    ) -> None:
        if not seeds:
            raise VectorizedError("JaxEnsemble(init, step, seeds): there is no seed")
        self.seeds = tuple(seeds)
        states = [init(jax.random.key(seed)) for seed in self.seeds]
        self.state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        self._step = step
        self._tolerance = tolerance
        self._checked_steps = checked_steps
        self._steps = 0
        self._single = jax.jit(step)
        self._of_all = {
            False: jax.jit(jax.vmap(step, in_axes=(0, None))),
            True: jax.jit(jax.vmap(step, in_axes=(0, 0))),
        }

    def __repr__(self) -> str:
        return f"<JaxEnsemble of {len(self.seeds)} seeds>"

    def step(self, batch: Any) -> Any:
        """Train each seed with one batch.

        Args:
            batch: any pytree of arrays, the same for all seeds; or `PerSeed`, one batch per seed.

        Returns:
            What ``step`` measured, each leaf of shape ``(seeds, ...)``.

        Raises:
            VectorizedError: a seed differs from its single run.
        """
        per_seed = isinstance(batch, PerSeed)
        given = batch.batch if per_seed else batch
        after, measured = self._of_all[per_seed](self.state, given)
        if self._steps < self._checked_steps:
            for place in sorted({0, len(self.seeds) - 1}):
                own = self._single(self._of(self.state, place), self._batch(batch, place))
                self._compare(place, self._of((after, measured), place), own)
        self.state = after
        self._steps += 1
        return measured

    def evaluate(self, function: Callable[[Any, Any], Any], batch: Any) -> Any:
        """Compute something of each state.

        Args:
            function: called as ``function(state, batch)``.
            batch: any pytree of arrays, the same for all seeds; or `PerSeed`.

        Returns:
            What the function returned, each leaf of shape ``(seeds, ...)``.
        """
        per_seed = isinstance(batch, PerSeed)
        given = batch.batch if per_seed else batch
        axes = seed_axes(given) if per_seed else None
        return jax.vmap(function, in_axes=(0, axes))(self.state, given)

    def _batch(self, batch: Any, place: int) -> Any:
        return self._of(batch.batch, place) if isinstance(batch, PerSeed) else batch

    def _of(self, nest: Any, place: int) -> Any:
        return jax.tree.map(lambda leaf: leaf[place], nest)

    def _compare(self, place: int, given: Any, own: Any) -> None:
        """Name the first leaf that differs: first what was measured, then the state."""
        for which, name in ((1, "what step() measured"), (0, "the state")):
            theirs = jax.tree_util.tree_leaves_with_path(own[which])
            ours = jax.tree_util.tree_leaves(given[which])
            largest = max((_largest(leaf) for _, leaf in theirs), default=0.0)
            for (path, other), one in zip(theirs, ours, strict=True):
                scale = max(_largest(other), _FLOOR * largest)
                gap = _gap(one, other)
                if gap > self._tolerance * scale:
                    raise VectorizedError(
                        f"seed {self.seeds[place]} differs from a single run in step "
                        f"{self._steps}, {name}{jax.tree_util.keystr(path)}: differs by {gap:.3g} "
                        f"where values reach {scale:.3g} (tolerance {self._tolerance:g} of the "
                        "largest value); use vectorized=False, or checked_steps=0 if intended"
                    )


def _values(leaf: Any) -> Any:
    """As numpy has them; of a random key its bits."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf, dtype=np.float64)


def _largest(leaf: Any) -> float:
    values = np.abs(_values(leaf))
    exact = not jnp.issubdtype(leaf.dtype, jnp.floating)
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size and not exact else 0.0


def _gap(one: Any, other: Any) -> float:
    ours, theirs = _values(one), _values(other)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        gaps = np.where(same, 0.0, np.abs(ours - theirs))
    return float(np.nan_to_num(gaps, nan=np.inf, posinf=np.inf).max()) if gaps.size else 0.0
