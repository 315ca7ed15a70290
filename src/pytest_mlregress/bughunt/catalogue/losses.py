"""Mistakes in what a loss is given and in what it rewards."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

SOFTMAX_INTO_CROSS_ENTROPY: Final = Rule(
    slug="softmax-into-cross-entropy",
    chapter="losses",
    severity="error",
    message="cross_entropy is given probabilities, it applies a softmax of its own",
    fix="pass the logits to cross_entropy and drop the softmax",
    mistake="`cross_entropy` is given probabilities.",
    example="F.cross_entropy(net(x).softmax(-1), y)",
    repaired="F.cross_entropy(net(x), y)",
    sees="by value: rows in [0, 1] that sum to 1 and are trained, whoever made them.",
    cannot_see="a softmax that is scaled afterwards.",
    guarded=True,
)

DOUBLE_SOFTMAX: Final = Rule(
    slug="double-softmax",
    chapter="losses",
    severity="error",
    message="{call} is applied to the output of a softmax",
    fix="keep one of the two",
    mistake="A softmax of a softmax along the same axis.",
    example="net(x).softmax(-1).log_softmax(-1)",
    repaired="net(x).log_softmax(-1)",
    sees=(
        "by provenance and value, also in `Categorical(logits=…)`, under a temperature, "
        "and in the targets that a teacher sets."
    ),
    cannot_see="a softmax after other arithmetic on probabilities.",
    guarded=True,
)

SIGMOID_INTO_BCE_WITH_LOGITS: Final = Rule(
    slug="sigmoid-into-bce-with-logits",
    chapter="losses",
    severity="error",
    message="{loss} is given probabilities, it applies a sigmoid of its own",
    fix="pass the logits and drop the {squashing}, or use binary_cross_entropy",
    mistake="A with-logits loss is given probabilities.",
    example="F.binary_cross_entropy_with_logits(net(x).sigmoid(), y)",
    repaired="F.binary_cross_entropy_with_logits(net(x), y)",
    sees=(
        "provenance; the hunt also makes the last layer extreme: an input that cannot "
        "leave [0, 1] was squashed."
    ),
    cannot_see="guards see sigmoid, softmax, 1 / (1 + exp) and a shifted tanh, no other formula.",
    guarded=True,
)

PROBABILITIES_INTO_NLL: Final = Rule(
    slug="probabilities-into-nll",
    chapter="losses",
    severity="error",
    message="{loss} is given probabilities, it needs their logarithm",
    fix="use log_softmax in place of softmax",
    mistake="`nll_loss`, `kl_div` or `ctc_loss` is given probabilities.",
    example="F.nll_loss(net(x).softmax(-1), y)",
    repaired="F.nll_loss(net(x).log_softmax(-1), y)",
    sees="by value.",
    cannot_see="a loss written by hand.",
    guarded=True,
)

LOGITS_INTO_NLL: Final = Rule(
    slug="logits-into-nll",
    chapter="losses",
    severity="error",
    message="{loss} is given numbers that are no log-probabilities",
    fix="apply log_softmax along the classes first, or use cross_entropy",
    mistake="`nll_loss`, `kl_div` or `ctc_loss` is given raw numbers.",
    example="F.nll_loss(net(x), y)",
    repaired="F.nll_loss(net(x).log_softmax(-1), y)",
    sees="logsumexp along the classes is above 0.",
    cannot_see="unnormalised numbers that lie low enough.",
    guarded=True,
)

WRONG_SOFTMAX_DIM: Final = Rule(
    slug="wrong-softmax-dim",
    chapter="losses",
    severity="error",
    message="the attention weights do not sum to one over what they average",
    fix="apply softmax along the axis of the keys, usually dim=-1",
    mistake="A softmax along another axis than the one that is used.",
    example="scores.softmax(1) @ values",
    repaired="scores.softmax(-1) @ values",
    sees=(
        "at the product: weights that come from a softmax must sum to 1 along the "
        "contracted axis; at nll-like losses: along the classes; at targets that are "
        "distributions: along their axis. Guards: losses, and attention whose scores "
        "are a product of two activations."
    ),
    cannot_see="weights that are renormalised afterwards.",
    guarded=True,
    variants={
        "loss": Text(
            message="the {source} before {loss} runs along another axis than the classes",
            fix="apply it along the axis of the {classes} classes",
        ),
        "weighed": Text(
            message=(
                "{source} along axis {along} is weighed with targets that are "
                "distributions along axis {axis}"
            ),
            fix="use dim={axis}",
        ),
        "picked": Text(
            message="{source} along axis {along} is picked from along axis {axis}",
            fix="use dim={axis} in both",
        ),
        "one entry": Text(
            message="{call} over an axis of one entry is constant",
            fix="apply it along the axis of the alternatives",
            severity="warning",
        ),
    },
)

DROPOUT_ON_LOGITS: Final = Rule(
    slug="dropout-on-logits",
    chapter="losses",
    severity="error",
    message="the predictions that {loss} judges pass through dropout",
    fix="put the dropout before the last layer",
    mistake="Predictions pass through dropout.",
    example="self.dropout(self.head(h))",
    repaired="self.head(self.dropout(h))",
    sees="the last thing that happens to a loss input.",
    cannot_see="dropout by hand.",
    guarded=True,
)

RELU_ON_LOGITS: Final = Rule(
    slug="relu-on-logits",
    chapter="losses",
    severity="error",
    message="{source} cuts the predictions that {loss} judges at zero",
    fix="drop the activation after the last layer",
    mistake="Logits are cut at zero.",
    example="F.relu(self.head(h))",
    repaired="self.head(h)",
    sees="the last thing that happens to a loss input; targets that cannot be negative pass.",
    cannot_see="other one-sided activations.",
    guarded=True,
)

SWAPPED_LOSS_ARGUMENTS: Final = Rule(
    slug="swapped-loss-arguments",
    chapter="losses",
    severity="error",
    message="{loss} is called with the target first and the prediction second",
    fix="call {loss}(prediction, target)",
    mistake="Target first, prediction second.",
    example="F.binary_cross_entropy(y, p)",
    repaired="F.binary_cross_entropy(p, y)",
    sees="the target is trained, the input is data, and the values prove it.",
    cannot_see="losses that are symmetric.",
    guarded=True,
)

BROADCAST_LOSS: Final = Rule(
    slug="broadcast-loss",
    chapter="losses",
    severity="error",
    message=(
        "{call} broadcasts predictions of shape {prediction} against targets of shape "
        "{target}{size}: each prediction meets each target"
    ),
    fix="give both the same shape: squeeze the predictions or unsqueeze the targets",
    mistake="(N, 1) against (N,): every prediction is compared with every target.",
    example="F.mse_loss(net(x), y)  # (N, 1) and (N,)",
    repaired="F.mse_loss(net(x).squeeze(-1), y)",
    sees=(
        "shapes, in `loss_fn` and in `train_step`; noise that is drawn may be the "
        "target; by hand: an outer difference of prediction and data that is averaged "
        "(guards: a warning)."
    ),
    cannot_see="pairwise losses that are written with explicit axes are taken as meant.",
    guarded=True,
    variants={
        "in training": Text(
            message=(
                "{what} broadcasts prediction and target: each is compared with all of the other"
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
        "{target}{size}: each prediction meets each target"
    ),
    fix="give both the same shape: squeeze the predictions or unsqueeze the targets",
    mistake="The same in `evaluate`.",
    example="(guess[:, None] == y).float().mean()",
    repaired="(guess == y).float().mean()",
    sees=(
        "shapes of comparisons and differences inside `evaluate`. Guards (a warning): a "
        "comparison or difference, without gradients, of what stems from a model's "
        "output with what does not."
    ),
    cannot_see="metrics in numpy.",
    guarded=True,
    variants={
        "in training": Text(
            message=(
                "a metric broadcasts predictions and targets: each is compared with all "
                "of the other"
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
    message=(
        "minimising this loss makes the predictions worse: {call} enters it with the wrong sign"
    ),
    fix="flip the sign of the loss",
    mistake="The training climbs.",
    example="loss = -F.mse_loss(p, y)",
    repaired="loss = F.mse_loss(p, y)",
    sees=(
        "signs between terms and loss; the direction of the first step against the "
        "gradient; a loss that falls faster than in proportion as a last layer grows (a "
        "divergence or likelihood with the wrong sign, a warning); a loss that falls as "
        "all residuals grow, upward and downward (a warning). Guards (a warning): the "
        "loss is a negative multiple of one error against data, and one optimizer "
        "trains all of the model."
    ),
    cannot_see="rewards, which have no known sign.",
    guarded=True,
    variants={
        "ascent": Text(
            message="train_step moves the parameters up the gradient of loss_fn",
            fix="minimise loss_fn: check the sign before backward(), and maximize=",
        ),
        "residual": Text(
            message="the loss falls without bound as predictions move away from the data",
            fix="an error must enter the loss with a positive sign",
            severity="warning",
        ),
        "unbounded": Text(
            message=(
                "the loss has no bottom: it falls faster and faster as the outputs of a "
                "last layer grow"
            ),
            fix=(
                "a divergence, a squared error or a negative log-likelihood must enter "
                "the loss with a positive sign"
            ),
            severity="warning",
        ),
        "error grows": Text(
            message=(
                "the optimizer makes the error larger: the loss enters backward() with "
                "the wrong sign"
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
        "one part of the loss is a mean over examples, another a sum: their balance "
        "changes with the batch size"
    ),
    fix="use one reduction for all parts",
    mistake="One loss term is a mean, another a sum, or accumulation is not divided.",
    example="F.mse_loss(a, b) + (z**2).sum()",
    repaired="(z**2).sum(1).mean()",
    sees="losses of doubled and joined batches tell both parts apart, exactly.",
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
