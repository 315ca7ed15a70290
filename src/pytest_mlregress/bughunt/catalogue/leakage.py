"""Information that reaches the model and must not."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule

BATCH_LEAK: Final = Rule(
    slug="batch-leak",
    chapter="leakage",
    severity="error",
    message="the output for one example depends on the input of another",
    fix=(
        "apply softmax, mean, normalisation, recurrence and attention along another dimension "
        "than the batch (batch_first=True?)"
    ),
    mistake="The output for one example depends on another example's input.",
    example="x - x.mean(0)",
    repaired="x - x.mean(1, keepdim=True)",
    sees=(
        "after a first pass one example is replaced in evaluation mode and the others' outputs "
        "compared; N x N logits, time-major layouts, routing by integers and running statistics "
        "pass."
    ),
    cannot_see="batches without one leading batch dimension (graphs).",
    guarded=False,
)

CAUSAL_LEAK: Final = Rule(
    slug="causal-leak",
    chapter="leakage",
    severity="error",
    message="a prediction depends on the token that it has to predict",
    fix=(
        "mask the future: a causal attention mask, padding on the left only, no statistics "
        "over time"
    ),
    mistake="A language model sees the token that it has to predict.",
    example="# attention without a mask",
    repaired="F.scaled_dot_product_attention(q, k, v, is_causal=True)",
    sees=(
        "labels are the inputs shifted by some positions: a prediction must not move with its "
        "own label; what moves it by hashing, sorting, routing or an encoder's summary passes."
    ),
    cannot_see="models whose labels are not shifted inputs.",
    guarded=False,
)

PADDING_LEAK: Final = Rule(
    slug="padding-leak",
    chapter="leakage",
    severity="error",
    message="padding changes the result: the values of {content} where {mask} marks padding",
    fix=(
        "mask the padding in attention, pooling and the loss, and pack sequences for recurrent "
        "layers"
    ),
    mistake="Padded values change valid outputs or the loss.",
    example="h.mean(1)",
    repaired="(h * mask).sum(1) / mask.sum(1)",
    sees="padded values are changed; outputs and loss must not.",
    cannot_see=(
        "batches without a recognisable mask; padding that enters by a convolution or pooling, "
        "which may be intended."
    ),
    guarded=False,
)

LABELS_NOT_SHIFTED: Final = Rule(
    slug="labels-not-shifted",
    chapter="leakage",
    severity="error",
    message="the labels of a causal model equal its inputs: it learns to copy",
    fix="compare the prediction at t with the token at t + 1",
    mistake="A causal model is trained to predict the token that it was just given.",
    example="F.cross_entropy(logits, ids)",
    repaired="F.cross_entropy(logits[:, :-1], ids[:, 1:])",
    sees="labels that equal the inputs, and a causal model.",
    cannot_see="masked language models: they are recognised and pass.",
    guarded=False,
)

SHUFFLED_LABELS: Final = Rule(
    slug="shuffled-labels",
    chapter="leakage",
    severity="error",
    message="predictions are compared with the targets of other examples",
    fix="reorder inputs and targets by the same index, or reorder neither",
    mistake="Inputs are paired with the labels of other examples.",
    example="x = x[perm]",
    repaired="x, y = x[perm], y[perm]",
    sees=(
        "the predictions that change with an example's input must be those that are compared with "
        "its label."
    ),
    cannot_see="pairs that are wrong in the stored data.",
    guarded=False,
)

TRAIN_VAL_LEAK: Final = Rule(
    slug="train-val-leak",
    chapter="leakage",
    severity="error",
    message="validation examples are training examples",
    fix="split before batching and augmenting, by the key that tells examples apart",
    mistake="Validation examples are part of the training data.",
    example="val = train[:100]",
    repaired="train, val = data[100:], data[:100]",
    sees="bit-equal rows, against the rate of duplicates inside the training data.",
    cannot_see="near-duplicates and overlapping windows.",
    guarded=False,
)

RULES: Final = (
    BATCH_LEAK,
    CAUSAL_LEAK,
    PADDING_LEAK,
    LABELS_NOT_SHIFTED,
    SHUFFLED_LABELS,
    TRAIN_VAL_LEAK,
)
