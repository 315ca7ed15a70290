"""The detectors of a guard."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.checks.evaluation.rng_reset_guard import Reseeding
from pytest_mlregress.bughunt.checks.evaluation.train_eval_mode_guard import Modes
from pytest_mlregress.bughunt.checks.gradients.accumulation_guard import Discarded
from pytest_mlregress.bughunt.checks.gradients.graph_growth_guard import Growth
from pytest_mlregress.bughunt.checks.gradients.nan_gradient_guard import Finiteness
from pytest_mlregress.bughunt.checks.gradients.zero_grad_guard import StaleGradients
from pytest_mlregress.bughunt.checks.learning.constant_output_guard import ConstantOutputs
from pytest_mlregress.bughunt.checks.losses.broadcast_loss_guard import Broadcasts
from pytest_mlregress.bughunt.checks.losses.broadcast_metric_guard import Metrics
from pytest_mlregress.bughunt.checks.losses.loss_inputs_guard import LossArguments
from pytest_mlregress.bughunt.checks.losses.loss_sign_guard import Ascent
from pytest_mlregress.bughunt.checks.losses.softmax_dim_guard import SoftmaxAxes
from pytest_mlregress.bughunt.checks.parameters.bias_before_batchnorm_guard import NormBiases
from pytest_mlregress.bughunt.checks.parameters.initialisation_guard import IdenticalParameters
from pytest_mlregress.bughunt.checks.parameters.output_bias_guard import OutputBiases
from pytest_mlregress.bughunt.checks.parameters.untrained_guard import Movement
from pytest_mlregress.bughunt.checks.parameters.unused_module_guard import Unused
from pytest_mlregress.bughunt.checks.reshaping.view_instead_of_permute_guard import Reshapes
from pytest_mlregress.bughunt.checks.training_step.learning_rate_guard import Rates
from pytest_mlregress.bughunt.checks.training_step.optimizer_recreated_guard import Renewal
from pytest_mlregress.bughunt.checks.training_step.step_order_guard import Order
from pytest_mlregress.bughunt.listening.detector import Detector

DETECTORS: Final[tuple[type[Detector], ...]] = (
    LossArguments,
    Broadcasts,
    Reshapes,
    StaleGradients,
    Modes,
    Finiteness,
    Order,
    Growth,
    Movement,
    SoftmaxAxes,
    NormBiases,
    IdenticalParameters,
    Renewal,
    Rates,
    Discarded,
    Reseeding,
    Unused,
    Ascent,
    Metrics,
    OutputBiases,
    ConstantOutputs,
)
