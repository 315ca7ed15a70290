"""Every hunt check; importing a module enters its checks into the registry."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "pytest_mlregress.bughunt.checks.parameters.unused_component",
    "pytest_mlregress.bughunt.checks.learning.above_trivial",
    "pytest_mlregress.bughunt.checks.gradients.accumulation",
    "pytest_mlregress.bughunt.checks.parameters.biases",
    "pytest_mlregress.bughunt.checks.losses.broadcast",
    "pytest_mlregress.bughunt.checks.learning.constant_output",
    "pytest_mlregress.bughunt.checks.evaluation.inplace_data_mutation",
    "pytest_mlregress.bughunt.checks.evaluation.nondeterministic",
    "pytest_mlregress.bughunt.checks.evaluation.eval_mutates_model",
    "pytest_mlregress.bughunt.checks.gradients.gradient_health",
    "pytest_mlregress.bughunt.checks.gradients.graph_growth",
    "pytest_mlregress.bughunt.checks.parameters.unused_or_detached",
    "pytest_mlregress.bughunt.checks.parameters.initialisation",
    "pytest_mlregress.bughunt.checks.learning.learns_shuffled_labels",
    "pytest_mlregress.bughunt.checks.reshaping.view_instead_of_permute",
    "pytest_mlregress.bughunt.checks.leakage.batch_leak",
    "pytest_mlregress.bughunt.checks.training_step.learning_rate",
    "pytest_mlregress.bughunt.checks.losses.loss_inputs",
    "pytest_mlregress.bughunt.checks.losses.loss_sign",
    "pytest_mlregress.bughunt.checks.learning.single_batch_overfit",
    "pytest_mlregress.bughunt.checks.losses.sum_vs_mean",
    "pytest_mlregress.bughunt.checks.evaluation.train_eval_mode",
    "pytest_mlregress.bughunt.checks.leakage.padding_leak",
    "pytest_mlregress.bughunt.checks.leakage.shuffled_labels",
    "pytest_mlregress.bughunt.checks.parameters.untrained",
    "pytest_mlregress.bughunt.checks.losses.residuals",
    "pytest_mlregress.bughunt.checks.parameters.detached_sample",
    "pytest_mlregress.bughunt.checks.leakage.causal_leak",
    "pytest_mlregress.bughunt.checks.losses.softmax_dim",
    "pytest_mlregress.bughunt.checks.leakage.train_val_leak",
    "pytest_mlregress.bughunt.checks.training_step.step_order",
    "pytest_mlregress.bughunt.checks.losses.unbounded_loss",
    "pytest_mlregress.bughunt.checks.gradients.zero_grad",
)

LOADED = tuple(import_module(name) for name in MODULES)
