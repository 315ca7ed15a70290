"""What the losses of torch expect of their input."""

from __future__ import annotations

from typing import Literal

Expects = Literal["logits", "log-probabilities", "probabilities", "binary-logits", "values"]


EXPECTS: dict[str, Expects] = {
    "cross_entropy": "logits",
    "nll_loss": "log-probabilities",
    "nll_loss_nd": "log-probabilities",
    "kl_div": "log-probabilities",
    "ctc_loss": "log-probabilities",
    "binary_cross_entropy": "probabilities",
    "binary_cross_entropy_with_logits": "binary-logits",
    "multilabel_soft_margin_loss": "binary-logits",
    "mse_loss": "values",
    "l1_loss": "values",
    "smooth_l1_loss": "values",
    "huber_loss": "values",
    "poisson_nll_loss": "values",
    "gaussian_nll_loss": "values",
}
