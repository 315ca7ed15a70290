"""One optimizer for the parameters of all seeds.

These optimizers compute each element of a parameter from its own gradient alone, so that one of
them on stacked parameters is one per seed, with torch's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.vectorized.errors import VectorizedError

ELEMENTWISE: Final[tuple[type[Optimizer], ...]] = (
    torch.optim.SGD,
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.Adamax,
    torch.optim.NAdam,
    torch.optim.RAdam,
    torch.optim.RMSprop,
    torch.optim.Adagrad,
    torch.optim.Adadelta,
)

MakeOptimizer = Callable[[Any], Optimizer]
"""Makes the optimizer of a model, of whatever class."""


def stacked_optimizer(
    single: Optimizer, model: nn.Module, stacked: Mapping[str, torch.Tensor]
) -> Optimizer:
    """An optimizer like that of one seed, for the parameters of all.

    Args:
        single: what the user's ``make_optimizer`` gave for ``model``.
        model: the model of one seed.
        stacked: by name the parameters of all seeds, shape ``(seeds, ...)`` each.

    Returns:
        One of the same class, with the same groups and options.

    Raises:
        VectorizedError: its class is none of `ELEMENTWISE`, or it has parameters that the model
            has not.
    """
    if type(single) not in ELEMENTWISE:
        known = ", ".join(kind.__name__ for kind in ELEMENTWISE)
        raise VectorizedError(
            f"make_optimizer gave a {type(single).__name__}, which is not known to treat each "
            f"element alone and so may mix seeds: use one of {known}, or vectorized=False"
        )
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups: list[dict[str, Any]] = []
    for group in single.param_groups:
        foreign = [one for one in group["params"] if id(one) not in names]
        if foreign:
            raise VectorizedError(
                f"make_optimizer(model): a parameter of shape {tuple(foreign[0].shape)} is none of "
                "the model's; take the parameters from the model that it is given"
            )
        params = [stacked[names[id(one)]] for one in group["params"]]
        groups.append({**group, "params": params})
    kind: Any = type(single)
    return kind(groups, lr=single.defaults["lr"])  # type: ignore[no-any-return]
