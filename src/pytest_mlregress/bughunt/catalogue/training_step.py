"""The order and the parts of a training step."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

STEP_BEFORE_BACKWARD: Final = Rule(
    slug="step-before-backward",
    chapter="training_step",
    severity="error",
    message="optimizer.step() runs before backward()",
    fix="order: zero_grad(), backward(), step()",
    mistake="The optimizer steps before the gradients are computed.",
    example=("optimizer.step()\nloss.backward()"),
    repaired=("loss.backward()\noptimizer.step()"),
    sees="the order of events from the first call on.",
    cannot_see="optimizers with a closure: they pass.",
    guarded=True,
)

CLIP_MISORDER: Final = Rule(
    slug="clip-misorder",
    chapter="training_step",
    severity="error",
    message="gradients are clipped where no step uses them: not between backward() and step()",
    fix="order: backward(), (unscale_,) clip, step()",
    mistake="Gradients are clipped where no step uses them, or while they are still scaled.",
    example=("clip_grad_norm_(p, 1)\nloss.backward()"),
    repaired="# backward, unscale_, clip, step",
    sees="the order of events, unscaling among them.",
    cannot_see="clipping written by hand.",
    guarded=True,
    variants={
        "order": Text(
            message="gradients are clipped {reason}",
        ),
        "scaled": Text(
            message=(
                "gradients are clipped before they are unscaled: the limit is divided by the loss "
                "scale"
            ),
            fix="call scaler.unscale_(optimizer) between backward() and clipping",
        ),
    },
)

SCHEDULER_MISORDER: Final = Rule(
    slug="scheduler-misorder",
    chapter="training_step",
    severity="error",
    message="scheduler.step() comes before optimizer.step(): the first learning rate is skipped",
    fix="call scheduler.step() after optimizer.step()",
    mistake="The scheduler steps before its optimizer, or schedules another optimizer.",
    example=("scheduler.step()\noptimizer.step()"),
    repaired=("optimizer.step()\nscheduler.step()"),
    sees="the order of events; steps that a GradScaler skips pass.",
    cannot_see="schedules written by hand.",
    guarded=True,
    variants={
        "collapsed": Text(
            message=(
                "the schedule reduces the learning rate to almost nothing within {steps} steps"
            ),
            fix="step an epoch-wise scheduler once per epoch, or spread it over more steps",
            severity="warning",
        ),
        "other optimizer": Text(
            message="the scheduler belongs to an optimizer that never steps",
            fix="build the scheduler on the optimizer that trains",
        ),
    },
)

OPTIMIZER_RECREATED: Final = Rule(
    slug="optimizer-recreated",
    chapter="training_step",
    severity="error",
    message="the optimizer loses its state (momentum, moments) at every step",
    fix="construct the optimizer once, outside of the training step",
    mistake="The optimizer's state is lost at every step.",
    example=("def step():\n    Adam(...).step()\n\n"),
    repaired="# make it once, outside",
    sees=(
        "no momentum where the previous step left some. Guards: four optimizers with state in a "
        "row, one step each, on parameters that are not restored in between."
    ),
    cannot_see="optimizers without state: they may be constructed again.",
    guarded=True,
    variants={
        "every step": Text(
            message=(
                "a new optimizer is constructed for every step: momentum and moments start at zero"
            ),
            fix="construct the optimizer once, before the loop",
        ),
    },
)

LOST_UPDATE: Final = Rule(
    slug="lost-update",
    chapter="training_step",
    severity="error",
    message="the optimizer's updates do not reach the parameters",
    fix="keep float32 master weights, raise the learning rate, do not restore old values",
    mistake="Gradients exist and parameters stay the same bit for bit.",
    example=("model.half()\nSGD(lr=1e-5)"),
    repaired="# float32 master weights",
    sees=(
        "entries with a gradient that do not change in a whole step. Guards (a warning): most "
        "entries with a gradient are bit for bit what they were before the first of at least ten "
        "steps, at a rate that does not rise."
    ),
    cannot_see="updates that are lost in some steps only.",
    guarded=True,
    variants={
        "other tensors": Text(
            message=(
                "the backward pass computes gradients of other tensors than the model's "
                "parameters: of a copy"
            ),
            fix=("run the forward pass on the model that the optimizer holds, not on a copy of it"),
        ),
        "gone": Text(
            message="the gradients of the model are gone when optimizer.step() runs",
            fix="clear gradients before backward(), not between it and step()",
        ),
        "cut": Text(
            message="the backward pass of train_step reaches no parameter: its graph is cut",
            fix="remove the detach(), no_grad(), .data, .item() or numpy round trip on the way",
        ),
        "no step": Text(
            message="gradients are computed and cleared, optimizer.step() is never called",
            fix="call optimizer.step() after backward()",
        ),
        "rounded away": Text(
            message=(
                "updates are too small for {dtype}: most parameters stay bit for bit as they were"
            ),
            fix="raise the learning rate, or keep the parameters in float32",
            severity="warning",
        ),
    },
)

BAD_LEARNING_RATE: Final = Rule(
    slug="bad-learning-rate",
    chapter="training_step",
    severity="error",
    message="the learning rate is 0 in every step",
    fix="use the default learning rate of the optimizer's documentation",
    mistake="Zero, too small to change anything, or so large that the loss diverges.",
    example="SGD(params, lr=0)",
    repaired="lr = 1e-3",
    sees=(
        "rates and moves over several steps of `train_step`, or of the default step "
        "with your optimizer, and a replay with a small part of the rate. Guards "
        "(warnings): a rate of zero, and a schedule that is used up within a few steps."
    ),
    cannot_see="rates that are merely suboptimal.",
    guarded=True,
    variants={
        "too small": Text(
            message="the learning rate is too small to change any parameter",
            severity="warning",
        ),
        "too large": Text(
            message="training diverges, but not at a much smaller learning rate",
            severity="warning",
        ),
        "nothing moves": Text(
            message="the optimizer {optimizer} changes nothing: its learning rate is 0",
            fix="raise the learning rate",
            severity="warning",
        ),
    },
)

RULES: Final = (
    STEP_BEFORE_BACKWARD,
    CLIP_MISORDER,
    SCHEDULER_MISORDER,
    OPTIMIZER_RECREATED,
    LOST_UPDATE,
    BAD_LEARNING_RATE,
)
