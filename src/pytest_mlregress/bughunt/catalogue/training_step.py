"""The order and the parts of a training step."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

STEP_BEFORE_BACKWARD: Final = Rule(
    slug="step-before-backward",
    chapter="training_step",
    severity="error",
    message="optimizer.step() runs before the loss's backward pass",
    fix="order: zero_grad(), backward(), step()",
    mistake="The optimizer steps before the gradients exist.",
    example=("optimizer.step()\nloss.backward()"),
    repaired=("loss.backward()\noptimizer.step()"),
    sees="the order of events from the first call on.",
    cannot_see="closures pass.",
    guarded=True,
)

CLIP_MISORDER: Final = Rule(
    slug="clip-misorder",
    chapter="training_step",
    severity="error",
    message="gradients are clipped when nothing uses them: not between backward() and step()",
    fix="order: backward(), (unscale_,) clip, step()",
    mistake="Gradients are clipped when nothing uses them, or while still scaled.",
    example=("clip_grad_norm_(p, 1)\nloss.backward()"),
    repaired="# backward, unscale_, clip, step",
    sees="the order of events, that of taking off the loss scale among them.",
    cannot_see="clipping by hand.",
    guarded=True,
    variants={
        "order": Text(
            message="gradients are clipped {reason}",
        ),
        "scaled": Text(
            message=(
                "gradients are clipped before the loss scale is taken off them: the "
                "limit is divided by the scale afterwards"
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
    mistake="The scheduler runs ahead of its optimizer, or steers another one.",
    example=("scheduler.step()\noptimizer.step()"),
    repaired=("optimizer.step()\nscheduler.step()"),
    sees="the order of events; steps that a GradScaler skips pass.",
    cannot_see="schedules by hand.",
    guarded=True,
    variants={
        "collapsed": Text(
            message=(
                "the schedule brings the learning rate to nearly nothing within {steps} steps"
            ),
            fix="step an epoch-wise scheduler once per epoch, or spread it over more steps",
            severity="warning",
        ),
        "other optimizer": Text(
            message="the scheduler steers an optimizer that never steps",
            fix="build the scheduler on the optimizer that trains",
        ),
    },
)

OPTIMIZER_RECREATED: Final = Rule(
    slug="optimizer-recreated",
    chapter="training_step",
    severity="error",
    message="the optimizer loses its state (momentum, moments) at every step",
    fix="make the optimizer once, outside of the training step",
    mistake="The optimizer's state is gone at every step.",
    example=("def step():\n    Adam(...).step()\n\n"),
    repaired="# make it once, outside",
    sees=(
        "no momentum where the step before left some. Guards: four optimizers in a row "
        "with a state, one step each, on parameters that nobody puts back."
    ),
    cannot_see="optimizers without state may be made anew.",
    guarded=True,
    variants={
        "every step": Text(
            message=(
                "a new optimizer is made for every step: momentum and running means start at zero"
            ),
            fix="construct the optimizer once, before the loop",
        ),
    },
)

LOST_UPDATE: Final = Rule(
    slug="lost-update",
    chapter="training_step",
    severity="error",
    message="the optimizer's updates do not arrive in the parameters",
    fix="keep float32 master weights, raise the learning rate, do not put old values back",
    mistake="Gradients arrive and parameters keep their bits.",
    example=("model.half()\nSGD(lr=1e-5)"),
    repaired="# float32 master weights",
    sees=(
        "entries with gradient that do not move around a whole step. Guards (a "
        "warning): most entries with a gradient are bit for bit what they were before "
        "the first of at least ten steps, at a rate that does not rise."
    ),
    cannot_see="updates that are lost now and then.",
    guarded=True,
    variants={
        "other tensors": Text(
            message=(
                "the backward pass goes through other tensors than the model's parameters: a copy"
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
    fix="set the learning rate that the optimizer's documentation starts from",
    mistake="Zero, too small to move anything, or so large that the loss explodes.",
    example="SGD(params, lr=0)",
    repaired="lr = 1e-3",
    sees=(
        "rates and moves over several steps of `train_step`, or of the default step "
        "with your optimizer, and a replay with a small part of the rate. Guards "
        "(warnings): a rate of zero, and a schedule that is used up within a few steps."
    ),
    cannot_see="rates that are merely poor.",
    guarded=True,
    variants={
        "too small": Text(
            message="the learning rate is too small to move anything",
            severity="warning",
        ),
        "too large": Text(
            message="training explodes, and does not at a much smaller learning rate",
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
