"""Programs that do not learn, or learn what cannot be learned."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

NO_SINGLE_BATCH_OVERFIT: Final = Rule(
    slug="no-single-batch-overfit",
    chapter="learning",
    severity="warning",
    message="the model does not memorise one batch in {steps} steps{cause}",
    fix=(
        "look at gradients, labels and regularisation on this batch: a model that cannot memorise "
        "one batch does not learn from many"
    ),
    mistake=("The model cannot memorise one batch (or, through a `DataLoader`, a small data set)."),
    example="overfit_single_batch(model, batch, loss_fn)",
    repaired=("# remove what keeps it from learning: other findings of the hunt usually name it"),
    sees=(
        "trains on one batch and measures progress against the best constant prediction, not "
        "against a fixed share of the first loss: losses with a positive minimum (Poisson, "
        "distillation, InfoNCE) pass. Before that: targets of which most lie outside of the range "
        "of the function after the last layer, whatever its weights."
    ),
    cannot_see=(
        "most silent bugs: a model with a wrong loss input, mode or leak still memorises. Skipped "
        "where a correct model need not memorise: several optimizers, losses of several parts of "
        "the model, reversed gradients, a loss that picks outputs by max or min, and one that "
        "clips a difference or ratio (PPO)."
    ),
    guarded=False,
    variants={
        "train_step": Text(
            message="train_step does not memorise one batch, Adam does{cause}",
        ),
        "out of reach": Text(
            message=(
                "most targets are outside of the model's output range: it cannot memorise any batch"
            ),
            fix=("remove the activation after the last layer, or scale the targets into its range"),
        ),
        "single check": Text(
            message="the model does not memorise {failed} of {count} batches in {steps} steps",
            fix="run bughunt.hunt on it: it names the usual causes",
            severity="error",
        ),
    },
)

NOT_ABOVE_TRIVIAL: Final = Rule(
    slug="not-above-trivial",
    chapter="learning",
    severity="warning",
    message=(
        "the model learns in training mode but predicts no better than a constant in "
        "evaluation mode"
    ),
    fix="check what differs between the modes: running statistics, dropout, self.training",
    mistake=(
        "After training, the model predicts no better than the best constant: the majority class, "
        "the mean, the unigram frequencies."
    ),
    example="nn.BatchNorm1d(6, momentum=0.0)  # evaluation mode never learns what it normalises",
    repaired="nn.BatchNorm1d(6)",
    sees=(
        "your own steps on the training batches, then the error on these same batches "
        "against the best constant for them, in both modes: learned in training mode "
        "and lost in evaluation mode, or nothing learned where Adam learns. A warning."
    ),
    cannot_see=(
        "losses whose targets are not known (only cross entropy, nll, binary cross "
        "entropy with logits and squared error are); what another check explains; "
        "statistics that have not settled yet."
    ),
    guarded=False,
    variants={
        "train_step": Text(
            message="train_step learns nothing from the training batches, Adam does",
            fix="check what train_step does between two batches, and its learning rate",
        ),
    },
)

CONSTANT_OUTPUT: Final = Rule(
    slug="constant-output",
    chapter="learning",
    severity="warning",
    message="the model's output does not depend on its input",
    fix="look for dead or zero-initialised layers and for inputs that are never used",
    mistake="The model gives the same output for every input.",
    example="x * 0 + self.bias",
    repaired="# use the input",
    sees=(
        "outputs for different inputs after training. Guards (a warning): the same row for all "
        "examples in every sampled step, after the first steps."
    ),
    cannot_see="outputs that are distributions, not tensors.",
    guarded=True,
    variants={
        "while training": Text(
            message="the model's output does not depend on its input",
            fix=(
                "look for dead activations, a reduction over the batch, or an input "
                "that is not used"
            ),
        ),
    },
)

LEARNS_SHUFFLED_LABELS: Final = Rule(
    slug="learns-shuffled-labels",
    chapter="learning",
    severity="error",
    message=(
        "trained on shuffled labels, the model predicts the true labels of validation data: the "
        "labels reach its inputs"
    ),
    fix="compute predictions from the inputs alone; use the labels only in the loss",
    mistake=(
        "The labels reach the model's inputs: trained on shuffled labels, it predicts the true "
        "labels of validation data."
    ),
    example=("logits = net(torch.cat([x, F.one_hot(y, 3)], 1))\nloss = F.cross_entropy(logits, y)"),
    repaired="logits = net(x)",
    sees=(
        "where a prediction changes with its own label, the model is trained on labels that are "
        "shuffled again in every step and agree with the true ones no more often than by chance; "
        "the error on the true labels of `val_batches` must not fall clearly below that of the "
        "best constant."
    ),
    cannot_see=(
        "labels hidden among the features of the data; models that are better than chance before "
        "training; batches without one label per example."
    ),
    guarded=False,
)

RULES: Final = (
    NO_SINGLE_BATCH_OVERFIT,
    NOT_ABOVE_TRIVIAL,
    CONSTANT_OUTPUT,
    LEARNS_SHUFFLED_LABELS,
)
