"""Parameters that do not train, are not needed, or start in the wrong place."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

DETACHED_GRAPH: Final = Rule(
    slug="detached-graph",
    chapter="parameters",
    severity="error",
    message="parameters influence the loss but get no gradient: the graph to them is cut",
    fix="remove the detach(), no_grad(), .data, .item() or numpy round trip on the way",
    mistake="Parameters of the optimizer never get a gradient although they influence the loss.",
    example="head(backbone(x).detach())",
    repaired="head(backbone(x))",
    sees=(
        "no gradient in any step, while changing them changes the loss; a random draw with "
        "trained location and scale that is detached and whose density is never used (a warning). "
        "Guards: an optimizer of whose parameters none ever gets a gradient or moves."
    ),
    cannot_see="in guards: single parameters.",
    guarded=True,
    variants={
        "random draw": Text(
            message=(
                "a random draw with a trained location and scale loses its gradient: the loss "
                "after it does not train them"
            ),
            fix="remove the detach(); with distributions, call rsample()",
            severity="warning",
        ),
        "no gradient": Text(
            message=(
                "the optimizer {optimizer} changes nothing: none of its parameters ever "
                "gets a gradient"
            ),
            fix=(
                "give it the parameters that the loss uses, and detach nothing between them and "
                "the loss"
            ),
        ),
    },
)

UNREGISTERED_PARAMETERS: Final = Rule(
    slug="unregistered-parameters",
    chapter="parameters",
    severity="error",
    message="{name} gets a gradient from the loss but is not a registered parameter of the model",
    fix="use nn.ModuleList, nn.ModuleDict, nn.ParameterList or nn.Parameter",
    mistake="Layers or parameters in a plain list or dict.",
    example="self.blocks = [Block() for _ in range(4)]",
    repaired="nn.ModuleList(...)",
    sees=(
        "leaves of the loss's graph that the model holds but does not register. Guards: the same, "
        "where no optimizer owns them and they never move; what is in evaluation mode or frozen "
        "is taken to be hidden on purpose."
    ),
    cannot_see="layers that the loss does not reach.",
    guarded=True,
)

OPTIMIZER_MISSES_PARAMETERS: Final = Rule(
    slug="optimizer-misses-parameters",
    chapter="parameters",
    severity="error",
    message="the loss reaches parameters that no optimizer owns: they are never updated",
    fix="pass them to the optimizer, or freeze them with requires_grad_(False)",
    mistake="The loss reaches parameters that no optimizer owns.",
    example="Adam(model.head.parameters())",
    repaired="# Adam(model.parameters()), or freeze the rest",
    sees=(
        "leaves that are reached in several steps, owned by no optimizer and never moved; an "
        "optimizer that never steps where another steps twice. A model of which no optimizer owns "
        "anything passes (perceptual losses, input optimisation)."
    ),
    cannot_see="parameters outside of the modules that run.",
    guarded=True,
    variants={
        "never steps": Text(
            message="an optimizer never steps: another one steps twice instead",
            fix="call step() on the optimizer that owns the parameters of that loss",
        ),
    },
)

FROZEN_PARAMETER: Final = Rule(
    slug="frozen-parameter",
    chapter="parameters",
    severity="error",
    message="parameters that train at first are frozen and never unfrozen",
    fix="set requires_grad back to True",
    mistake=(
        "Parameters frozen by accident: `module.requires_grad = False`, frozen parameters in the "
        "optimizer, freezing that is never undone."
    ),
    example="net.backbone.requires_grad = True",
    repaired="net.backbone.requires_grad_(True)",
    sees="contradictions between `requires_grad`, the optimizer and earlier steps.",
    cannot_see="consistent freezing: it is taken to be intended.",
    guarded=False,
    variants={
        "given to the optimizer": Text(
            message="the optimizer is given parameters that are frozen",
            fix=(
                "call requires_grad_(True) on what should train, or leave it out of the optimizer"
            ),
            severity="warning",
        ),
        "attribute of a module": Text(
            message=(
                "{name}.requires_grad = {flag} sets an attribute of the module and does not "
                "change its parameters"
            ),
            fix="call {name}.requires_grad_({flag})",
        ),
    },
)

UNUSED_MODULE: Final = Rule(
    slug="unused-module",
    chapter="parameters",
    severity="warning",
    message="parameters in the optimizer have no influence on the loss",
    fix="use the module in forward(), or delete it",
    mistake="A parameter of the optimizer has no influence on the loss.",
    example="self.extra = nn.Linear(8, 8)",
    repaired="# delete it, or use it",
    sees=(
        "no gradient in any step, and changing it changes nothing (a warning). Without "
        "`make_optimizer` every trainable parameter counts. Guards (a warning): parts "
        "of your own classes that an optimizer owns, that never run and never get a "
        "gradient, where no other part runs in some steps only."
    ),
    cannot_see="modules that are used only sometimes.",
    guarded=True,
    variants={
        "never runs": Text(
            message="{name} is given to the optimizer but never runs in training",
            fix="use it in forward(), or remove it",
        ),
    },
)

UNUSED_COMPONENT: Final = Rule(
    slug="unused-component",
    chapter="parameters",
    severity="error",
    message="the component {name} has no influence on the loss",
    fix="use its output in forward() without detaching it, or remove it",
    mistake="A module named in `ablate=` has no influence or gets no gradient.",
    example="gate = self.gate(x).detach()",
    repaired="gate = self.gate(x)",
    sees="its output is ablated: the loss must change, and it must get a gradient.",
    cannot_see="components that are not modules.",
    guarded=False,
    variants={
        "never runs": Text(
            message="the component {name} never runs in loss_fn",
        ),
        "no gradient": Text(
            message="the component {name} gets no gradient",
        ),
        "unknown": Text(
            message="ablate names {name}, which is not a module of the model; {hint}",
            fix="give the dotted name of a module, as in model.get_submodule(name)",
        ),
    },
)

SYMMETRIC_INIT: Final = Rule(
    slug="symmetric-init",
    chapter="parameters",
    severity="error",
    message="all units of a layer have the same initial weights and never diverge",
    fix="initialise weights at random (xavier, kaiming); constants are for biases",
    mistake="All units of a layer stay equal.",
    example="nn.init.constant_(w, 0.01)",
    repaired="# default initialisation",
    sees=(
        "units equal at the start and still equal after training. Guards: rows of a layer that "
        "are equal before the first step and at every later sample."
    ),
    cannot_see="symmetry that noise breaks slowly.",
    guarded=True,
    variants={
        "at the start": Text(
            message="all units of a layer have the same initial weights",
            severity="warning",
        ),
    },
)

SHARED_INIT: Final = Rule(
    slug="shared-init",
    chapter="parameters",
    severity="error",
    message=(
        "{one} and {other} are initialised identically and never diverge: one of them is redundant"
    ),
    fix=(
        "initialise each at random: construct it separately, without deepcopy and without reseeding"
    ),
    mistake="Parameters that should differ are equal or share memory.",
    example="[nn.Linear(4, 4)] * 3",
    repaired="[nn.Linear(4, 4) for _ in range(3)]",
    sees=(
        "equal after every step although both get gradients. Guards: parameters of one optimizer "
        "that move and stay equal bit for bit."
    ),
    cannot_see="sharing declared by one `Parameter` under two names.",
    guarded=True,
    variants={
        "one memory": Text(
            message="{one} and {other} are two parameters that share memory",
            fix="copy the values (clone, copy_), or assign the same Parameter to tie them",
        ),
        "one layer": Text(
            message="{path} holds the same layer {count} times",
            fix="construct one layer per entry; if sharing is intended, suppress this",
            severity="warning",
        ),
    },
)

TARGET_ALIAS: Final = Rule(
    slug="target-alias",
    chapter="parameters",
    severity="error",
    message="{other} is {one} itself, not a copy: the target changes with every update",
    fix="use copy.deepcopy for the target network",
    mistake="The target network is the online network.",
    example="target = net",
    repaired="target = copy.deepcopy(net)",
    sees="a parameter that is used both with gradients and, as a target, without.",
    cannot_see="targets that share only a part.",
    guarded=False,
    variants={
        "one memory": Text(
            message="{one} and {other} are two parameters that share memory",
            fix="copy the values (clone, copy_), or assign the same Parameter to tie them",
        ),
    },
)

BIAS_BEFORE_BATCHNORM: Final = Rule(
    slug="bias-before-batchnorm",
    chapter="parameters",
    severity="error",
    message="the batch norm that follows cancels this bias",
    fix="construct the layer with bias=False",
    mistake="A bias that the batch norm after it subtracts again.",
    example="nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))",
    repaired="nn.Conv2d(3, 8, 3, bias=False)",
    sees=(
        "a bias leaf that feeds a batch norm in training in the user's graph; a warning "
        "unless asked for by name. Guards: the same graph, in your own code, and a "
        "gradient of the bias that is rounding noise beside the weight's."
    ),
    cannot_see="normalisation written by hand.",
    guarded=True,
)

MISSING_OUTPUT_BIAS: Final = Rule(
    slug="missing-output-bias",
    chapter="parameters",
    severity="error",
    message="the output layer has no bias: it cannot express a constant prediction",
    fix="give the last layer a bias",
    mistake="The last layer has no bias although the targets are far from what it can express.",
    example="nn.Linear(64, 1, bias=False)",
    repaired="nn.Linear(64, 1)",
    sees=(
        "the loss input, or the prediction in a difference from the data, is a product without a "
        "bias, also under weight normalisation; an error only if mean or base rate of the targets "
        "over the whole step is far off. Guards (a warning): regression and binary targets far to "
        "one side in every sampled step, features that come from no normalisation."
    ),
    cannot_see=(
        "tied and language-model heads: they are exempt. So are labels that the program makes, "
        "one for each call (those of a discriminator), unless one of them is rare."
    ),
    guarded=True,
    variants={
        "one-sided targets": Text(
            message="the output layer has no bias, and the targets are far to one side of zero",
            severity="warning",
        ),
    },
)

RULES: Final = (
    DETACHED_GRAPH,
    UNREGISTERED_PARAMETERS,
    OPTIMIZER_MISSES_PARAMETERS,
    FROZEN_PARAMETER,
    UNUSED_MODULE,
    UNUSED_COMPONENT,
    SYMMETRIC_INIT,
    SHARED_INIT,
    TARGET_ALIAS,
    BIAS_BEFORE_BATCHNORM,
    MISSING_OUTPUT_BIAS,
)
