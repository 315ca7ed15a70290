"""Seeds that train together in jax do what single runs do. Needs jax: ``make engines``."""

from __future__ import annotations

from typing import Any

import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from pytest_mlregress.vectorized import JaxEnsemble, PerSeed, VectorizedError  # noqa: E402

pytestmark = pytest.mark.slow

SEEDS = (0, 1, 7)  # the fewer shapes, the less there is to compile
INPUTS = jax.random.normal(jax.random.key(5), (48, 6))
TARGETS = jnp.sin(INPUTS.sum(1))


@jax.jit
def init(key: Any) -> dict[str, Any]:
    first, second, rest = jax.random.split(key, 3)
    return {
        "hidden": jax.random.normal(first, (6, 8)) * 0.4,
        "out": jax.random.normal(second, (8,)) * 0.4,
        "key": rest,
    }


def predict(state: dict[str, Any], inputs: Any) -> Any:
    return jnp.tanh(inputs @ state["hidden"]) @ state["out"]


def step(state: dict[str, Any], batch: Any) -> tuple[dict[str, Any], Any]:
    inputs, targets = batch
    key, noise = jax.random.split(state["key"])
    inputs = inputs + 0.1 * jax.random.normal(noise, inputs.shape)
    weights = {"hidden": state["hidden"], "out": state["out"]}
    loss, gradients = jax.value_and_grad(lambda w: ((predict(w, inputs) - targets) ** 2).mean())(
        weights
    )
    moved = jax.tree.map(lambda one, gradient: one - 0.1 * gradient, weights, gradients)
    return {**moved, "key": key}, loss


def test_each_seed_trains_as_in_a_single_run() -> None:
    models = JaxEnsemble(init, step, SEEDS)
    losses = [models.step((INPUTS, TARGETS)) for _ in range(20)]
    single = jax.jit(step)
    for place, seed in enumerate(SEEDS):
        state = init(jax.random.key(seed))
        for at in range(20):
            state, loss = single(state, (INPUTS, TARGETS))
            assert float(losses[at][place]) == pytest.approx(float(loss), rel=1e-4)
    errors = models.evaluate(lambda state, x: jnp.abs(predict(state, x) - TARGETS).mean(), INPUTS)
    assert errors.shape == (3,)


def test_each_seed_has_its_own_batches() -> None:
    orders = jnp.stack([jax.random.permutation(jax.random.key(seed), 48) for seed in SEEDS])
    models = JaxEnsemble(init, step, SEEDS)
    losses = models.step(PerSeed((INPUTS[orders[:, :16]], TARGETS[orders[:, :16]])))
    for place, seed in enumerate(SEEDS):
        chosen = orders[place, :16]
        _, loss = step(init(jax.random.key(seed)), (INPUTS[chosen], TARGETS[chosen]))
        assert float(losses[place]) == pytest.approx(float(loss), rel=1e-5)


def test_a_diverged_seed_leaves_the_others_alone() -> None:
    factors = jnp.array([1.0, jnp.nan, 1.0])

    def run(factors: Any) -> Any:
        models = JaxEnsemble(init, step, SEEDS)
        inputs = jnp.stack([INPUTS] * 3) * factors[:, None, None]
        batch = PerSeed((inputs, jnp.stack([TARGETS] * 3)))
        return jnp.stack([models.step(batch) for _ in range(4)])

    diverged, sound = run(factors), run(jnp.ones(3))
    assert bool(jnp.isnan(diverged[:, 1]).all())
    assert bool((diverged[:, [0, 2]] == sound[:, [0, 2]]).all())


def test_the_first_leaf_that_differs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(state: dict[str, Any], batch: Any) -> tuple[dict[str, Any], Any]:
        after, loss = step(state, batch)
        return {**after, "out": custom(after["out"])}, loss

    @jax.custom_batching.custom_vmap
    def custom(value: Any) -> Any:
        return value

    @custom.def_vmap
    def of_seeds(size: int, batched: Any, value: Any) -> Any:
        return value * 1.5, True

    models = JaxEnsemble(init, planted, SEEDS)
    with pytest.raises(VectorizedError, match=r"^seed 0 .* step 0, the state\['out'\]: differs by"):
        models.step((INPUTS, TARGETS))


def test_values_of_jax_are_recorded_one_per_seed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import jax
        import pytest

        @pytest.mark.seeds(4, vectorized=True)
        def test_draw(mlregress):
            keys = jax.vmap(jax.random.key)(jax.numpy.array(mlregress.seeds))
            values = jax.vmap(jax.random.normal)(keys)
            mlregress.log(1, loss=values)
            mlregress.record("draw", values, higher_is_better=True)
        """
    )
    update = ("--mlregress-update", "--mlregress-allow-dirty", "--mlregress-baseline-seeds=20")
    assert pytester.runpytest_subprocess(*update).ret == 0
    result = pytester.runpytest_subprocess()
    result.stdout.fnmatch_lines(["1 test: 1 identical; 4 seeds run, 0 saved; *"])
