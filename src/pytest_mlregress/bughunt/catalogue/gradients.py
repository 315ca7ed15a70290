"""Mistakes that gradients show."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

MISSING_ZERO_GRAD: Final = Rule(
    slug="missing-zero-grad",
    chapter="gradients",
    severity="error",
    message="gradients that optimizer.step() has used are added to those of the next step",
    fix="call optimizer.zero_grad() before backward(), once per optimizer step",
    mistake=(
        "Gradients that a step has used are added to the next ones; or they are zeroed before "
        "they are used; or only the last micro-batch counts."
    ),
    example=("loss.backward()\noptimizer.step()"),
    repaired="optimizer.zero_grad()",
    sees=(
        "the training is replayed with used gradients removed: different parameters prove that "
        "they leaked. Moving the parameters along their gradient without an optimizer (a climb, a "
        "manual step) uses it as well. In a loop of backward passes at one line, `zero_grad` "
        "before any step, with the gradients unread, discards a part. Guards: the same gradient "
        "tensor, unchanged since its step, is added to and used again; `zero_grad` between the "
        "backward passes of one step (a warning)."
    ),
    cannot_see="gradients that hooks collect elsewhere.",
    guarded=True,
    variants={
        "between micro-batches": Text(
            message=("zero_grad() between {count} micro-batches: only the last one is used"),
            fix="call zero_grad() once, before the first micro-batch",
        ),
        "between parts": Text(
            message=(
                "zero_grad() clears the gradients of one loss part before the next: only the last "
                "one is used"
            ),
            fix="call zero_grad() once, before the first part",
        ),
        "used by hand": Text(
            message=(
                "gradients that have already updated the parameters are added to the next ones"
            ),
            fix=(
                "call zero_grad() after the gradients have been used and before the next backward()"
            ),
        ),
        "before step": Text(
            message="zero_grad() runs between backward() and step(): the gradients are lost",
            fix="call zero_grad() before backward()",
        ),
        "between backward passes": Text(
            message=(
                "zero_grad() runs between the backward passes of one step and discards the "
                "gradients of all but the last"
            ),
            fix="call zero_grad() once per optimizer step, before the first backward()",
            severity="warning",
        ),
    },
)

NAN_GRADIENT: Final = Rule(
    slug="nan-gradient",
    chapter="gradients",
    severity="error",
    message="{what} is not finite{origin}",
    fix="keep the arguments of sqrt, log, division and norm away from 0 (eps, clamp)",
    mistake="A loss or an applied gradient is not finite.",
    example="x.norm(dim=-1)  # at x = 0",
    repaired="(x.square().sum(-1) + 1e-8).sqrt()",
    sees=(
        "values along the graph: the first operation with finite inputs and non-finite outputs; "
        "and parameters that become non-finite in a step. Guards: every loss and one small "
        "gradient per step, with the line from the first steps."
    ),
    cannot_see="overflows in steps that a GradScaler skips: they are intended.",
    guarded=True,
    variants={
        "applied gradient": Text(
            message="a gradient that the optimizer applies is not finite{origin}",
        ),
        "applied loss": Text(
            message="the loss is not finite, and the optimizer applies its gradient{origin}",
        ),
    },
)

EXPLODING_GRADIENT: Final = Rule(
    slug="exploding-gradient",
    chapter="gradients",
    severity="warning",
    message="the gradient is very large from the first step on",
    fix=(
        "check the scale of initial weights and inputs; if large gradients are inherent, clip them"
    ),
    mistake="The gradient is huge relative to the loss from the first step on.",
    example="nn.init.normal_(w, std=10)",
    repaired="# the layer's default initialisation",
    sees="its norm relative to the loss (a warning).",
    cannot_see="explosions that come late.",
    guarded=False,
    variants={
        "while training": Text(
            message="training diverges, at a much smaller learning rate as well",
            fix="check the scale of initial weights and inputs; clip gradients",
        ),
    },
)

VANISHING_GRADIENT: Final = Rule(
    slug="vanishing-gradient",
    chapter="gradients",
    severity="warning",
    message="almost no gradient reaches the first layers",
    fix="use residual connections, normalisation, ReLU-like activations or larger weights",
    mistake="Almost no gradient reaches the first layers.",
    example="# 30 times Linear and Sigmoid",
    repaired="# residuals, normalisation, ReLU",
    sees=(
        "the first quarter of the layers against the largest gradient, at the start and after "
        "training (a warning); parameters whose gradient stays exactly 0 and that change the loss "
        "only together."
    ),
    cannot_see="networks of fewer than four layers.",
    guarded=False,
    variants={
        "mutually zero": Text(
            message=(
                "two factors of a product keep each other's gradient at exactly 0: they never train"
            ),
            fix="initialise at least one factor of the product away from zero",
            severity="error",
        ),
    },
)

DEAD_RELU: Final = Rule(
    slug="dead-relu",
    chapter="gradients",
    severity="warning",
    message="all outputs of a ReLU are zero",
    fix="check bias and scale of the layer before it; lower the learning rate",
    mistake="All outputs of a ReLU are zero.",
    example="nn.init.constant_(layer.bias, -10)",
    repaired="# default bias",
    sees="its outputs on all examples of several steps (a warning).",
    cannot_see="dead units in a layer of which others are active.",
    guarded=False,
)

GRAPH_GROWTH: Final = Rule(
    slug="graph-growth",
    chapter="gradients",
    severity="error",
    message="tensors of earlier steps are kept with their graph: memory grows with every step",
    fix="keep loss.item() or loss.detach(), and detach hidden states between steps",
    mistake="Autograd graphs of earlier steps are kept.",
    example="losses.append(loss)",
    repaired="losses.append(loss.item())",
    sees=(
        "graph sizes of consecutive steps, and whether the first graphs, or parts of them (a kept "
        "hidden state), still exist later; the graph of a tensor in an attribute of the model."
    ),
    cannot_see="growth that shows only after an epoch.",
    guarded=True,
    variants={
        "in an attribute": Text(
            message=("a tensor in an attribute of the model keeps the graphs of all earlier steps"),
            fix="keep loss.item() or loss.detach() there",
        ),
        "used again": Text(
            message="a tensor of an earlier step is used again with its graph",
            fix="detach hidden states and running values between steps",
        ),
    },
)

RULES: Final = (
    MISSING_ZERO_GRAD,
    NAN_GRADIENT,
    EXPLODING_GRADIENT,
    VANISHING_GRADIENT,
    DEAD_RELU,
    GRAPH_GROWTH,
)
