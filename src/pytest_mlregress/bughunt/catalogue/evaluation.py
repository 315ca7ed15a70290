"""Modes, generators, data and models around an evaluation."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

MISSING_TRAIN_MODE: Final = Rule(
    slug="missing-train-mode",
    chapter="evaluation",
    severity="error",
    message="the training steps run in evaluation mode",
    fix="call model.train() at the start of the training step",
    mistake=(
        "Training runs in evaluation mode: from the start, or because `evaluate()` does not "
        "switch back."
    ),
    example=("model.eval()\nscore(model)\nloss = f(model(x))"),
    repaired="model.train()  # at the start of every epoch",
    sees=(
        "the mode of every mode-sensitive module at every forward pass whose output is trained "
        "on, before and after an evaluation. Without a `train_step`, an `evaluate` that leaves "
        "evaluation mode on is a warning: the loop, which the hunt does not see, may call "
        "`train()`."
    ),
    cannot_see=(
        "models without dropout, batch norm or a `forward` that reads `self.training`; frozen "
        "batch norm is taken to be intended."
    ),
    guarded=True,
    variants={
        "after evaluate": Text(
            message="after evaluate() the training continues in evaluation mode",
            fix=(
                "call model.train() at the start of every training step, or at the end of evaluate"
            ),
        ),
        "left by evaluate": Text(
            message="evaluate() leaves the model in evaluation mode",
            fix=(
                "call model.train() at the end of evaluate, or give the hunt the "
                "train_step that calls it"
            ),
            severity="warning",
        ),
        "restored in part": Text(
            message="evaluate() puts only a part of the model back in training mode",
            fix="call model.train() on the whole model",
            severity="warning",
        ),
        "lost": Text(
            message="the training of {record} continues in evaluation mode",
            fix="call model.train() after evaluating, at the start of every epoch",
        ),
        "lost in part": Text(
            message="the training of {record} continues with a part of it in evaluation mode",
            fix="call train() on the whole model after evaluating",
            severity="warning",
        ),
        "never": Text(
            message="{record} is trained in evaluation mode: its {dropout} is inactive",
            fix="call model.train() before training",
            severity="warning",
        ),
    },
)

MISSING_EVAL_MODE: Final = Rule(
    slug="missing-eval-mode",
    chapter="evaluation",
    severity="error",
    message="evaluate() runs mode-sensitive modules in training mode",
    fix="call model.eval() before evaluating, and model.train() after it",
    mistake=(
        "Evaluation runs dropout or batch norm in training mode; or functional dropout ignores the "
        "mode; or a layer is constructed in `forward`, where `eval()` does not reach it."
    ),
    example=("with torch.no_grad():\n    accuracy = score(model)"),
    repaired="model.eval()",
    sees=(
        "modules and functional calls that act as in training inside `evaluate`, also of "
        "layers that the model does not register; Monte-Carlo dropout below a model in "
        "evaluation mode passes."
    ),
    cannot_see=(
        "noise drawn by hand. Guards (warnings): runs without gradients of a model that "
        "never runs in evaluation mode; functional dropout or batch norm, or layers that "
        "the model does not register, that act as in training, unless an input comes "
        "twice (Monte Carlo dropout)."
    ),
    guarded=True,
    variants={
        "functional batch norm": Text(
            message=(
                "batch_norm uses the batch's statistics although the module is in evaluation mode"
            ),
            fix="pass training=self.training, or use nn.BatchNorm",
        ),
        "functional dropout": Text(
            message="{call} drops values although the module is in evaluation mode",
            fix="pass training=self.training, or use nn.Dropout",
        ),
        "unregistered": Text(
            message=(
                "a {layer} that is not part of the model runs in training mode although "
                "{kind} is in evaluation mode: eval() does not reach it"
            ),
            fix=(
                "construct it once, in __init__, as an attribute or in an nn.ModuleList "
                "(of dropout: or use F.dropout(x, p, self.training))"
            ),
        ),
        "never": Text(
            message=(
                "{record} runs without gradients, as in an evaluation, in training "
                "mode: its {sensitive} acts as in training"
            ),
            severity="warning",
        ),
        "functional": Text(
            message="{name} acts as in training although {kind} is in evaluation mode",
            fix="pass training=self.training (dropout_p=p if self.training else 0.0)",
            severity="warning",
        ),
    },
)

RNG_RESET: Final = Rule(
    slug="rng-reset",
    chapter="evaluation",
    severity="error",
    message="{where} resets {name}'s random generator: the same noise is drawn every time",
    fix=("seed once, before training; draw reproducible noise from a separate torch.Generator"),
    mistake="A step or an evaluation resets a random generator.",
    example="torch.manual_seed(0)  # in evaluate",
    repaired="# seed once",
    sees=(
        "a second step ends with a generator in the same state, from whatever state it "
        "begins. Guards (a warning): several steps in a row of one optimizer whose noise is "
        "drawn, inside modules, from the same state of torch's generator."
    ),
    cannot_see="generators of your own.",
    guarded=True,
    variants={
        "every step": Text(
            message=(
                "the random generator is reset at every step: dropout and noise are the same each "
                "time"
            ),
            fix="seed once, before the loop",
            severity="warning",
        ),
    },
)

EVAL_MUTATES_MODEL: Final = Rule(
    slug="eval-mutates-model",
    chapter="evaluation",
    severity="error",
    message="evaluate() changes the model's {what}",
    fix="evaluate in eval mode and without updates, or on a copy of the model",
    mistake="`evaluate` changes parameters or statistics of the model.",
    example="optimizer.step()  # in evaluate",
    repaired="# evaluate without updates",
    sees="the state before and after; swapping averaged weights in and out passes.",
    cannot_see="changes outside of the model.",
    guarded=False,
)

INPLACE_DATA_MUTATION: Final = Rule(
    slug="inplace-data-mutation",
    chapter="evaluation",
    severity="error",
    message="{name} changes the data it is given in place, again at every pass",
    fix="work on a copy: x = x * noise, not x.mul_(noise); batch = {{**batch, ...}}",
    mistake="A step changes its batch in place.",
    example="x.sub_(x.mean())",
    repaired="x = x - x.mean()",
    sees="the batch before and after.",
    cannot_see="changes to data that is not passed through the hunt.",
    guarded=False,
)

NONDETERMINISTIC: Final = Rule(
    slug="nondeterministic",
    chapter="evaluation",
    severity="warning",
    message="two identical runs of {steps} steps give different results",
    fix="draw all randomness from seeded generators",
    mistake="The same seed gives different weights.",
    example="torch.Generator().seed()",
    repaired="generator.manual_seed(seed)",
    sees=("two trainings in isolated runs. Guards: two runs of one seed in one process (reruns)."),
    cannot_see="differences between machines.",
    guarded=True,
    variants={
        "models": Text(
            message="two models made with the same seed differ",
        ),
        "loss_fn": Text(
            message="two identical evaluations of loss_fn differ",
        ),
        "in training": Text(
            message="two runs of the same seed train differently",
            fix=("draw all randomness from seeded generators; shuffle with a seeded generator"),
        ),
    },
)

RULES: Final = (
    MISSING_TRAIN_MODE,
    MISSING_EVAL_MODE,
    RNG_RESET,
    EVAL_MUTATES_MODEL,
    INPLACE_DATA_MUTATION,
    NONDETERMINISTIC,
)
