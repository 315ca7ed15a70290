"""Seeds that train together do what single runs do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from pytest_mlregress import MLRegressWarning
from pytest_mlregress.seeding import preserved_generators, seed_everything
from pytest_mlregress.vectorized import Ensemble, PerSeed, VectorizedError, batches

SEEDS = (0, 1, 7, 3)
INPUTS = torch.randn(48, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(0, 3, (48,), generator=torch.Generator().manual_seed(1))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def with_everything() -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, 8, bias=False),  # a bias here has no gradient but rounding, which Adam grows
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(8, 3),
    )


def loss_fn(model: nn.Module, batch: Any) -> torch.Tensor:
    inputs, labels = batch
    return functional.cross_entropy(model(inputs), labels)


def accuracy(model: nn.Module, batch: Any) -> torch.Tensor:
    inputs, labels = batch
    return (model(inputs).argmax(-1) == labels).float().mean()


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def single_run(
    seed: int, make_model: Callable[[], nn.Module], make_optimizer: Any, epochs: int
) -> tuple[nn.Module, list[float]]:
    """What a user's test would do without `Ensemble`."""
    loader = DataLoader(
        TensorDataset(INPUTS, LABELS),
        16,
        shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )
    losses = []
    with preserved_generators():
        seed_everything(seed)
        model = make_model()
        optimizer = make_optimizer(model)
        for _ in range(epochs):
            for batch in loader:
                optimizer.zero_grad()
                loss = loss_fn(model, batch)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
    return model.eval(), losses


def trained(
    make_model: Callable[[], nn.Module], make_optimizer: Any, epochs: int, **options: Any
) -> tuple[Ensemble, torch.Tensor]:
    models = Ensemble(make_model, SEEDS, make_optimizer=make_optimizer, **options)
    drawn = batches((INPUTS, LABELS), 16, SEEDS, epochs=epochs)
    return models, torch.stack([models.step(loss_fn, batch) for batch in drawn], dim=1)


def assert_like_single_runs(make_model: Callable[[], nn.Module], make_optimizer: Any) -> None:
    models, losses = trained(make_model, make_optimizer, epochs=7)  # 21 steps
    assert models.together
    for place, seed in enumerate(SEEDS):
        alone, own = single_run(seed, make_model, make_optimizer, epochs=7)
        torch.testing.assert_close(losses[place], torch.tensor(own), rtol=1e-3, atol=1e-4)
        for one, other in zip(
            models.module(seed).state_dict().values(), alone.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-4)


@settings(max_examples=4)
@given(
    kind=st.sampled_from([torch.optim.Adam, torch.optim.AdamW]),
    lr=st.sampled_from([1e-3, 1e-2]),
    weight_decay=st.sampled_from([0.0, 0.1]),
    amsgrad=st.booleans(),
    betas=st.sampled_from([(0.9, 0.999), (0.5, 0.9)]),
)
def test_adam(kind: Any, **options: Any) -> None:
    assert_like_single_runs(mlp, lambda model: kind(model.parameters(), **options))


@settings(max_examples=4)
@given(
    lr=st.sampled_from([1e-2, 0.1]),
    momentum=st.sampled_from([0.0, 0.9]),
    weight_decay=st.sampled_from([0.0, 0.01]),
    dampening=st.sampled_from([0.0, 0.5]),
    nesterov=st.booleans(),
)
def test_sgd(nesterov: bool, momentum: float, dampening: float, **options: Any) -> None:
    possible = nesterov and momentum > 0 and dampening == 0
    options |= {"nesterov": possible, "momentum": momentum, "dampening": dampening}
    assert_like_single_runs(mlp, lambda model: torch.optim.SGD(model.parameters(), **options))


@pytest.mark.parametrize("name", ["Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta"])
def test_other_optimizers_that_treat_each_element_alone(name: str) -> None:
    kind = getattr(torch.optim, name)
    assert_like_single_runs(mlp, lambda model: kind(model.parameters()))


def test_batchnorm_and_dropout_have_each_seeds_own_statistics_and_masks() -> None:
    assert_like_single_runs(with_everything, adam)


def test_each_seed_starts_from_the_bits_of_a_single_run() -> None:
    models = Ensemble(mlp, SEEDS)
    for seed in SEEDS:
        alone, _ = single_run(seed, mlp, lambda model: torch.optim.SGD(model.parameters()), 0)
        for one, other in zip(models.module(seed).parameters(), alone.parameters(), strict=True):
            assert torch.equal(one, other)


def test_a_seed_does_not_depend_on_the_others() -> None:
    drawn = list(batches((INPUTS, LABELS), 16, (1, 3)))
    pair = Ensemble(with_everything, (1, 3), make_optimizer=adam)
    both = torch.stack([pair.step(loss_fn, batch) for batch in drawn])
    alone = Ensemble(with_everything, (3, 9, 11), make_optimizer=adam)
    three = batches((INPUTS, LABELS), 16, (3, 9, 11))
    own = torch.stack([alone.step(loss_fn, batch) for batch in three])
    torch.testing.assert_close(both[:, 1], own[:, 0], rtol=1e-5, atol=1e-6)


def test_one_batch_for_all_and_a_dropout_of_inputs() -> None:
    def make_model() -> nn.Module:
        return nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 3))

    models = Ensemble(make_model, SEEDS, make_optimizer=adam)
    losses = models.step(loss_fn, (INPUTS, LABELS))
    for place, seed in enumerate(SEEDS):
        with preserved_generators():
            seed_everything(seed)
            own = loss_fn(make_model(), (INPUTS, LABELS))
        torch.testing.assert_close(losses[place], own.detach())


class Noisy(nn.Module):
    """Attention, whose output is transposed, and whatever else draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
        self.register_buffer("mean", torch.zeros(8))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = inputs.view(12, 4, 6).repeat(1, 1, 2)[:, :, :8]
        hidden = hidden + 0.1 * torch.randn_like(hidden) + torch.rand(8)
        hidden = self.encoder(hidden[:, torch.randperm(4)])
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * hidden.detach().mean((0, 1))
        return functional.gumbel_softmax(functional.dropout1d(hidden - self.mean, 0.2), dim=-1)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_whatever_draws_random_numbers_draws_each_seeds_own() -> None:
    """The comparison in the first steps would name the first layer that has others."""

    def squares(model: nn.Module, batch: Any) -> torch.Tensor:
        return (model(batch) ** 2).sum(-1).mean()

    models = Ensemble(Noisy, SEEDS, make_optimizer=adam)
    for _ in range(3):
        models.step(squares, INPUTS)
    assert models.evaluate(squares, INPUTS).shape == (4,)
    assert len({float(models.module(seed).mean.sum()) for seed in SEEDS}) == 4


def test_a_diverged_seed_leaves_the_others_alone() -> None:
    def exploding(model: nn.Module, batch: Any) -> torch.Tensor:
        inputs, labels, factor = batch
        return functional.cross_entropy(model(inputs) * factor, labels)

    def losses(factors: list[float]) -> torch.Tensor:
        models = Ensemble(with_everything, SEEDS, make_optimizer=adam)
        factor = torch.tensor(factors)
        return torch.stack(
            [
                models.step(exploding, PerSeed((*batch.batch, factor)), max_norm=1.0)
                for batch in batches((INPUTS, LABELS), 16, SEEDS, epochs=2)
            ],
            dim=1,
        )

    diverged, sound = losses([1.0, float("nan"), 1.0, 1.0]), losses([1.0] * 4)
    assert diverged[1].isnan().all()
    assert torch.equal(diverged[[0, 2, 3]], sound[[0, 2, 3]])


def test_evaluation_is_in_evaluation_mode_and_gives_one_value_per_seed() -> None:
    models, _ = trained(with_everything, adam, epochs=2)
    values = models.evaluate(accuracy, (INPUTS, LABELS))
    assert values.shape == (4,)
    for place, seed in enumerate(SEEDS):
        model = models.module(seed).eval()
        assert abs(values[place] - accuracy(model, (INPUTS, LABELS))) < 1.5 / 48
    assert (
        models.evaluate(lambda model, batch: len(batch[0]), (INPUTS, LABELS)).tolist() == [48] * 4
    )


@pytest.mark.parametrize("seeds", [SEEDS, (5,)])
def test_one_by_one_gives_what_single_runs_give(seeds: tuple[int, ...]) -> None:
    """Bit for bit: this is how one seed trains, and what a CPU does with large models."""
    large = lambda: nn.Sequential(nn.Linear(6, 1500), nn.Dropout(0.1), nn.Linear(1500, 3))  # noqa: E731
    if len(seeds) > 1:
        with pytest.warns(MLRegressWarning) as caught:
            models = Ensemble(large, seeds, make_optimizer=adam)
        assert [str(one.message) for one in caught] == [
            "Ensemble: 4 seeds are trained one by one, not together: on a CPU that gains nothing "
            "for a model of 15,003 parameters (limit 10,000). vectorized=False spreads the seeds "
            "over workers (-n 2); on_cpu='together' insists"
        ]
    else:
        models = Ensemble(large, seeds, make_optimizer=adam)
    assert not models.together
    drawn = batches((INPUTS, LABELS), 16, seeds, epochs=2)
    losses = torch.stack([models.step(loss_fn, batch) for batch in drawn], dim=1)
    assert models.evaluate(accuracy, (INPUTS, LABELS)).shape == (len(seeds),)
    for place, seed in enumerate(seeds):
        _, own = single_run(seed, large, adam, epochs=2)
        assert losses[place].tolist() == own


def test_a_learning_rate_scheduler_and_groups() -> None:
    def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
        first, *others = model.parameters()
        first.requires_grad_(False)
        return torch.optim.AdamW(
            [{"params": others[:1], "lr": 0.1, "weight_decay": 0.2}, {"params": others[1:]}]
        )

    models = Ensemble(mlp, SEEDS, make_optimizer=make_optimizer)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(models.optimizer, 0.5)
    for batch in batches((INPUTS, LABELS), 16, SEEDS):
        models.step(loss_fn, batch)
        scheduler.step()
    assert [group["lr"] for group in models.optimizer.param_groups] == [0.0125, 0.000125]


class Planted(nn.Module):
    """Its scale is another for each seed, and vmap knows nothing of it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.rand(8)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self.scale


def test_the_first_layer_that_differs_is_named() -> None:
    def make_model() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), Planted(), nn.Tanh(), nn.Linear(8, 3))

    models = Ensemble(make_model, (0, 1), make_optimizer=adam)
    with pytest.raises(VectorizedError, match="differs") as error:
        models.step(loss_fn, (INPUTS, LABELS))
    assert str(error.value).startswith(
        "seed 1 differs from a single run in step 0, layer '1' (Planted): differs by "
    )
    assert str(error.value).endswith(
        "(tolerance 0.0001 of the largest value). A tensor that is neither a parameter nor a "
        "buffer is the same for all seeds, and so are random numbers of Python and numpy and what "
        "the model counts in Python: register the tensor as a buffer, draw with torch, count in a "
        "buffer; or use vectorized=False"
    )
    unchecked = Ensemble(make_model, (0, 1), make_optimizer=adam, checked_steps=0)
    assert unchecked.step(loss_fn, (INPUTS, LABELS)).shape == (2,)


def test_a_difference_in_a_gradient_is_named() -> None:
    class Straight(torch.autograd.Function):
        """Its gradient is another for several seeds than for one."""

        generate_vmap_rule = True

        @staticmethod
        def forward(inputs: torch.Tensor) -> torch.Tensor:
            return inputs.clone()

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            return gradient * (2 if torch._C._functorch.maybe_current_level() else 1)

    def planted_loss(model: nn.Module, batch: Any) -> torch.Tensor:
        inputs, labels = batch
        return functional.cross_entropy(Straight.apply(model(inputs)), labels)

    models = Ensemble(mlp, SEEDS, make_optimizer=adam)
    with pytest.raises(VectorizedError, match=r"^seed 0 differs .* step 0, gradient of '2.bias'"):
        models.step(planted_loss, (INPUTS, LABELS))


def test_what_vmap_cannot_compute_is_said_with_the_next_step() -> None:
    def loss_with_item(model: nn.Module, batch: Any) -> torch.Tensor:
        loss = loss_fn(model, batch)
        return loss if loss.item() > 0 else -loss

    models = Ensemble(mlp, SEEDS, make_optimizer=adam)
    with pytest.raises(VectorizedError, match=r"cannot compute loss_with_item .*vectorized=False$"):
        models.step(loss_with_item, (INPUTS, LABELS))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):  # the user's own
        models.step(loss_fn, (INPUTS[:, :3], LABELS))
    with pytest.raises(VectorizedError, match=r"one number per seed, not \(48,\)$"):
        models.step(
            lambda model, batch: functional.cross_entropy(
                model(batch[0]), batch[1], reduction="none"
            ),
            (INPUTS, LABELS),
        )


def test_bad_arguments() -> None:
    sizes = iter([3, 4])
    with pytest.raises(VectorizedError, match="make_model\\(\\) gives models that differ"):
        Ensemble(lambda: nn.Linear(2, next(sizes)), (0, 1))
    with pytest.raises(VectorizedError, match="make_optimizer gave a LBFGS"):
        Ensemble(mlp, SEEDS, make_optimizer=lambda m: torch.optim.LBFGS(m.parameters()))
    with pytest.raises(VectorizedError, match="there is no optimizer"):
        Ensemble(mlp, SEEDS).step(loss_fn, (INPUTS, LABELS))
    with pytest.raises(VectorizedError, match="one number of samples, not 47, 48"):
        next(batches((INPUTS, LABELS[1:]), 16, SEEDS))
    with pytest.raises(VectorizedError, match="there is no seed"):
        Ensemble(mlp, ())
