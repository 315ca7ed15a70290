"""Mistakes in what a loss is given and in what it rewards."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

SOFTMAX_INTO_CROSS_ENTROPY: Final = Rule(
    slug="softmax-into-cross-entropy",
    chapter="losses",
    severity="error",
    message="cross_entropy is given probabilities and applies a second softmax",
    fix="pass the logits: remove the softmax before cross_entropy",
    mistake=(
        "`cross_entropy` is given probabilities, or logits squashed by a sigmoid or a tanh; it "
        "expects unbounded logits and applies `log_softmax` itself."
    ),
    example="F.cross_entropy(net(x).softmax(-1), y)",
    repaired="F.cross_entropy(net(x), y)",
    sees=(
        "by value: rows in [0, 1] that sum to 1 and require gradients, whichever code computed "
        "them. Bounded logits by the lowest loss that they allow: their interval follows from "
        "the formula, in the hunt also from runs with an extreme last layer. A cosine "
        "similarity counts only where one side is a weight."
    ),
    cannot_see=(
        "a softmax whose output is scaled before the loss; guards: bounded formulas other than "
        "sigmoid, tanh, softsign, clamp, cosine similarity and 1 / (1 + exp)."
    ),
    guarded=True,
    variants={
        "squashed": Text(
            message=(
                "the logits of {loss} are bounded by {squashing}: its softmax cannot become "
                "certain of a class"
            ),
            fix="pass the logits without {squashing}, or multiply them by a large or learnt scale",
        ),
    },
)

DOUBLE_SOFTMAX: Final = Rule(
    slug="double-softmax",
    chapter="losses",
    severity="error",
    message="{call} is applied to the output of a softmax",
    fix="remove one of the two",
    mistake="A softmax of a softmax along the same dimension.",
    example="net(x).softmax(-1).log_softmax(-1)",
    repaired="net(x).log_softmax(-1)",
    sees=(
        "by origin and value, also in `Categorical(logits=…)`, under a temperature, and in the "
        "targets of a teacher."
    ),
    cannot_see="a softmax after other arithmetic on probabilities.",
    guarded=True,
)

SIGMOID_INTO_BCE_WITH_LOGITS: Final = Rule(
    slug="sigmoid-into-bce-with-logits",
    chapter="losses",
    severity="error",
    message="{loss} is given probabilities and applies a second sigmoid",
    fix="pass the logits: remove the {squashing}, or use binary_cross_entropy",
    mistake="A with-logits loss is given probabilities.",
    example="F.binary_cross_entropy_with_logits(net(x).sigmoid(), y)",
    repaired="F.binary_cross_entropy_with_logits(net(x), y)",
    sees=(
        "the origin of the input; the hunt also scales the last layer's weights up: an input that "
        "stays in [0, 1] was squashed."
    ),
    cannot_see=(
        "in guards: other formulas than sigmoid, softmax, 1 / (1 + exp) and a shifted tanh."
    ),
    guarded=True,
)

PROBABILITIES_INTO_NLL: Final = Rule(
    slug="probabilities-into-nll",
    chapter="losses",
    severity="error",
    message="{loss} is given probabilities; it expects log-probabilities",
    fix="replace softmax by log_softmax",
    mistake="`nll_loss`, `kl_div` or `ctc_loss` is given probabilities.",
    example="F.nll_loss(net(x).softmax(-1), y)",
    repaired="F.nll_loss(net(x).log_softmax(-1), y)",
    sees="by value: rows in [0, 1] that sum to 1.",
    cannot_see="a loss written by hand.",
    guarded=True,
)

LOGITS_INTO_NLL: Final = Rule(
    slug="logits-into-nll",
    chapter="losses",
    severity="error",
    message="{loss} is given values that are not log-probabilities",
    fix="apply log_softmax along the class dimension first, or use cross_entropy",
    mistake="`nll_loss`, `kl_div` or `ctc_loss` is given unnormalised values.",
    example="F.nll_loss(net(x), y)",
    repaired="F.nll_loss(net(x).log_softmax(-1), y)",
    sees="by value: the logsumexp along the class dimension is above 0.",
    cannot_see="unnormalised values whose logsumexp is at most 0.",
    guarded=True,
)

WRONG_SOFTMAX_DIM: Final = Rule(
    slug="wrong-softmax-dim",
    chapter="losses",
    severity="error",
    message="the attention weights do not sum to 1 along the dimension that is averaged",
    fix="apply softmax along the dimension of the keys, usually dim=-1",
    mistake="A softmax along another dimension than the one that its result is used along.",
    example="scores.softmax(1) @ values",
    repaired="scores.softmax(-1) @ values",
    sees=(
        "at a matrix product: weights from a softmax must sum to 1 along the contracted "
        "dimension; at nll-like losses: along the classes; at targets that are distributions: "
        "along theirs. Guards: losses, and attention whose scores are a product of two "
        "activations."
    ),
    cannot_see="weights that are normalised again afterwards.",
    guarded=True,
    variants={
        "loss": Text(
            message="the {source} before {loss} runs along another dimension than the classes",
            fix="apply it along the dimension of the {classes} classes",
        ),
        "weighed": Text(
            message=(
                "{source} along dimension {along} is weighted by targets that are distributions "
                "along dimension {axis}"
            ),
            fix="use dim={axis}",
        ),
        "picked": Text(
            message=(
                "{source} runs along dimension {along}, but entries are picked along dimension "
                "{axis}"
            ),
            fix="use dim={axis} in both",
        ),
        "one entry": Text(
            message="{call} over a dimension of size 1 is constant",
            fix="apply it along the dimension of the alternatives",
            severity="warning",
        ),
    },
)

DROPOUT_ON_LOGITS: Final = Rule(
    slug="dropout-on-logits",
    chapter="losses",
    severity="error",
    message="dropout is applied to the predictions that {loss} is given",
    fix="move the dropout before the last layer",
    mistake="Dropout is applied to predictions.",
    example="self.dropout(self.head(h))",
    repaired="self.head(self.dropout(h))",
    sees="the last operation on a loss input.",
    cannot_see="dropout written by hand.",
    guarded=True,
)

RELU_ON_LOGITS: Final = Rule(
    slug="relu-on-logits",
    chapter="losses",
    severity="error",
    message="{source} clamps the predictions that {loss} is given at zero",
    fix="remove the activation after the last layer",
    mistake="Logits are clamped at zero.",
    example="F.relu(self.head(h))",
    repaired="self.head(h)",
    sees="the last operation on a loss input; targets that cannot be negative pass.",
    cannot_see="other one-sided activations.",
    guarded=True,
)

SWAPPED_LOSS_ARGUMENTS: Final = Rule(
    slug="swapped-loss-arguments",
    chapter="losses",
    severity="error",
    message="{loss} is called with the target first and the prediction second",
    fix="call {loss}(prediction, target)",
    mistake="The target is passed first, the prediction second.",
    example="F.binary_cross_entropy(y, p)",
    repaired="F.binary_cross_entropy(p, y)",
    sees="the target requires gradients, the input is data, and the values prove the swap.",
    cannot_see="symmetric losses.",
    guarded=True,
)

BROADCAST_LOSS: Final = Rule(
    slug="broadcast-loss",
    chapter="losses",
    severity="error",
    message=(
        "{call} broadcasts predictions of shape {prediction} against targets of shape "
        "{target}{size}: each prediction is compared with each target"
    ),
    fix="give both the same shape: squeeze the predictions or unsqueeze the targets",
    mistake="(N, 1) against (N,): every prediction is compared with every target.",
    example="F.mse_loss(net(x), y)  # (N, 1) and (N,)",
    repaired="F.mse_loss(net(x).squeeze(-1), y)",
    sees=(
        "shapes, in `loss_fn` and in `train_step`; drawn noise may be the target; written by "
        "hand: an outer difference of prediction and data that is averaged (guards: a warning)."
    ),
    cannot_see="pairwise losses written with explicit dimensions: they are taken to be intended.",
    guarded=True,
    variants={
        "in training": Text(
            message=(
                "{what} broadcasts predictions and targets: each prediction is compared with "
                "each target"
            ),
            fix="give both the same shape, e.g. prediction.squeeze(-1)",
        ),
    },
)

BROADCAST_METRIC: Final = Rule(
    slug="broadcast-metric",
    chapter="losses",
    severity="error",
    message=(
        "{call} broadcasts predictions of shape {prediction} against targets of shape "
        "{target}{size}: each prediction is compared with each target"
    ),
    fix="give both the same shape: squeeze the predictions or unsqueeze the targets",
    mistake="The same in `evaluate`.",
    example="(guess[:, None] == y).float().mean()",
    repaired="(guess == y).float().mean()",
    sees=(
        "shapes of comparisons and differences inside `evaluate`. Guards (a warning): a "
        "comparison or difference, without gradients, of what is computed from a model's output "
        "with what is not."
    ),
    cannot_see="metrics in numpy.",
    guarded=True,
    variants={
        "in training": Text(
            message=(
                "a metric broadcasts predictions and targets: each prediction is compared with "
                "each target"
            ),
            fix="give both the same shape, e.g. prediction.squeeze(-1)",
            severity="warning",
        ),
    },
)

WRONG_LOSS_SIGN: Final = Rule(
    slug="wrong-loss-sign",
    chapter="losses",
    severity="error",
    message=("minimising this loss makes the predictions worse: {call} has the wrong sign"),
    fix="flip the sign of the loss",
    mistake="The training maximises the error.",
    example="loss = -F.mse_loss(p, y)",
    repaired="loss = F.mse_loss(p, y)",
    sees=(
        "the signs between terms and loss; the direction of the first step against the gradient; "
        "a loss that falls faster than linearly as a last layer grows (a divergence or likelihood "
        "with the wrong sign, a warning); a loss that falls as all residuals grow, in both "
        "directions (a warning). Guards (a warning): the loss is a negative multiple of one error "
        "against data, and one optimizer trains the whole model."
    ),
    cannot_see="rewards, whose sign is not known.",
    guarded=True,
    variants={
        "ascent": Text(
            message="train_step moves the parameters up the gradient of loss_fn",
            fix="minimise loss_fn: check the sign before backward(), and maximize=",
        ),
        "residual": Text(
            message=(
                "the loss is unbounded below: it falls as predictions move away from the data"
            ),
            fix="add the error to the loss with a positive sign",
            severity="warning",
        ),
        "unbounded": Text(
            message=(
                "the loss is unbounded below: it falls faster than linearly as the outputs of a "
                "last layer grow"
            ),
            fix=(
                "add the divergence, squared error or negative log-likelihood to the loss with a "
                "positive sign"
            ),
            severity="warning",
        ),
        "error grows": Text(
            message=(
                "the optimizer increases the error: backward() runs on a loss with the wrong sign"
            ),
            fix="minimise the error (or the negative log-probability)",
            severity="warning",
        ),
    },
)

LOSS_SUM_VS_MEAN: Final = Rule(
    slug="loss-sum-vs-mean",
    chapter="losses",
    severity="error",
    message=(
        "one part of the loss is a mean over examples, another a sum: their ratio changes with "
        "the batch size"
    ),
    fix="use the same reduction for all parts",
    mistake=(
        "One loss term is a mean, another a sum; or a loss is accumulated over micro-batches "
        "without a division."
    ),
    example="F.mse_loss(a, b) + (z**2).sum()",
    repaired="(z**2).sum(1).mean()",
    sees="the losses of doubled and of joined batches tell the parts apart exactly.",
    cannot_see="terms that do not depend on the data.",
    guarded=False,
    variants={
        "micro-batches": Text(
            message="the gradients of {count} micro-batches are added, not averaged",
            fix="divide the loss by {count} before backward()",
        ),
    },
)

RULES: Final = (
    SOFTMAX_INTO_CROSS_ENTROPY,
    DOUBLE_SOFTMAX,
    SIGMOID_INTO_BCE_WITH_LOGITS,
    PROBABILITIES_INTO_NLL,
    LOGITS_INTO_NLL,
    WRONG_SOFTMAX_DIM,
    DROPOUT_ON_LOGITS,
    RELU_ON_LOGITS,
    SWAPPED_LOSS_ARGUMENTS,
    BROADCAST_LOSS,
    BROADCAST_METRIC,
    WRONG_LOSS_SIGN,
    LOSS_SUM_VS_MEAN,
)
