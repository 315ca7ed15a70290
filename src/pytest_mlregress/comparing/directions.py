"""Whether more of a metric is better: what the user says, else the file, else a well-known name."""

from __future__ import annotations

import re
from typing import Final

HIGHER: Final = frozenset(
    {
        *("acc", "accuracy", "acc_norm", "top1", "top5", "balanced_accuracy", "f1", "f1_score"),
        *("precision", "recall", "auc", "auroc", "roc_auc", "average_precision", "map", "iou"),
        *("miou", "dice", "bleu", "rouge1", "rouge2", "rougel", "meteor", "exact_match", "em"),
        *("r2", "r2_score", "psnr", "ssim", "ndcg", "mrr", "mcc", "win_rate", "pass@1"),
    }
)
LOWER: Final = frozenset(
    {
        *("loss", "perplexity", "ppl", "word_perplexity", "byte_perplexity", "bits_per_byte"),
        *("error", "error_rate", "err", "mse", "rmse", "mae", "mape", "nll", "wer", "cer", "fid"),
        *("log_loss", "cross_entropy", "brier", "brier_score", "ece"),
    }
)
_BEFORE: Final = re.compile(r"^(?:metrics?[./]|(?:eval|val|valid|validation|test|train)[_./])+")


def bare_name(column: str) -> str:
    """``metrics.val_accuracy`` as ``accuracy``; ``acc,none`` of lm-evaluation-harness as ``acc``.

    Args:
        column: the name of a column.

    Returns:
        What is left without prefixes, in lower case.
    """
    return _BEFORE.sub("", column.strip().lower().partition(",")[0])


def known_direction(column: str) -> bool | None:
    """Whether more is better, as far as everybody who uses the name agrees.

    Args:
        column: the name of a column.

    Returns:
        True or False; None for any other name, of which nothing is guessed.
    """
    name = bare_name(column)
    if name in HIGHER:
        return True
    return False if name in LOWER else None


def is_share(column: str) -> bool:
    """Whether the metric is a share, and so between 0 and 1, or 0 and 100 as percent.

    Args:
        column: the name of a column.

    Returns:
        Whether its name is one of those.
    """
    return bare_name(column) in HIGHER - {"psnr", "r2", "r2_score", "mcc"}
