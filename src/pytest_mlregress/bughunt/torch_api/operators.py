"""Sets of torch's operators, by what they do: the only place where their names are listed.

Names are those that ``__torch_function__`` is given: of functions, methods and operators alike
(``sub``, ``__rsub__``). Sets of autograd nodes hold the names of their classes without the number
at the end (``MeanBackward0``).
"""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SOFTMAX: Final = frozenset(("softmax", "_softmax", "gumbel_softmax"))
LOG_SOFTMAX: Final = frozenset(("log_softmax", "_log_softmax"))
SIGMOID: Final = frozenset(("sigmoid", "sigmoid_", "expit", "hardsigmoid"))
RANGES: Final = {
    **dict.fromkeys((*SIGMOID, "special_expit"), (0.0, 1.0)),
    **dict.fromkeys(_names("tanh tanh_ softsign sin cos erf cosine_similarity"), (-1.0, 1.0)),
}
"""The smallest and the largest value of what cannot leave an interval.

No recurrent layer is among them: projections, cell states and given initial states leave it.
"""

RELUS: Final = frozenset(("relu", "relu_", "relu6"))
RECTIFIERS: Final = RELUS | {"threshold", "clamp_min", "clamp_min_"}
CLAMPS: Final = frozenset(("clamp", "clamp_", "clip", "clip_"))
HARD_TANHS: Final = frozenset(("hardtanh", "hardtanh_"))
DROPOUTS: Final = frozenset(
    f"{name}{mark}"
    for name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
    for mark in ("", "_")
)

EXTREMES: Final = _names("""
    max min amax amin maximum minimum fmax fmin topk kthvalue median nanmedian quantile nanquantile
    """)
"""What chooses some elements by their size."""

ORDER_INDICES: Final = frozenset(("argmax", "argmin"))
INDEXING: Final = frozenset(("__getitem__", "gather", "take_along_dim", "index_select"))

ADDITIONS: Final = frozenset(("add", "__add__", "__radd__", "__iadd__"))
SUBTRACTIONS: Final = frozenset(("sub", "__sub__", "rsub", "__rsub__", "subtract"))
MULTIPLICATIONS: Final = frozenset(("mul", "__mul__", "__rmul__", "__imul__", "multiply"))
DIVISIONS: Final = frozenset(("div", "__truediv__", "__itruediv__", "true_divide", "divide"))
RECIPROCALS: Final = frozenset(("reciprocal", "__rdiv__", "__rtruediv__"))
SCALINGS: Final = MULTIPLICATIONS | DIVISIONS
EXPONENTIALS: Final = frozenset(("exp", "exp_"))
NEGATIONS: Final = frozenset(("neg", "__neg__", "negative"))
WITH_NUMBERS: Final = (
    ADDITIONS | SUBTRACTIONS | SCALINGS | RECIPROCALS | CLAMPS | HARD_TANHS | {"normalize"}
)
"""What may be given a number beside a tensor that says how large its values can become."""

COMBINATIONS: Final = ADDITIONS | SUBTRACTIONS | DIVISIONS | {"mean"}
"""What makes one loss of several terms."""

MASKINGS: Final = frozenset(("masked_fill", "masked_fill_", "where", "tril", "clamp", "nan_to_num"))
SCORE_ARITHMETIC: Final = ADDITIONS | SUBTRACTIONS | SCALINGS | MASKINGS
"""What attention does to its scores between their product and the softmax."""

POWERS: Final = frozenset(("square", "pow", "__pow__", "abs"))
UNARY: Final = _names("sigmoid tanh relu gelu exp log softplus abs neg square sqrt clamp round")
ELEMENTWISE: Final = UNARY | _names("float double to type contiguous clone detach mul add sub div")
"""By their names without underscores."""

EQUALITIES: Final = frozenset(("eq", "__eq__", "ne", "__ne__"))
COMPARISONS: Final = EQUALITIES | _names(
    "lt le gt ge equal isclose logical_and logical_or logical_xor and or xor"
)
"""By their names with and without underscores."""

MASK_TESTS: Final = EQUALITIES | {"gt", "__gt__", "nonzero", "sign"}
"""What makes a mask from values."""

CONVOLUTIONS: Final = frozenset(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3))
MATRIX_PRODUCTS: Final = frozenset(
    ("matmul", "__matmul__", "__rmatmul__", "bmm", "mm", "baddbmm", "addmm", "einsum")
)
"""Contractions of two activations or of an activation and a weight."""

PRODUCTS_OF_ROWS: Final = MATRIX_PRODUCTS | {"linear", "_sparse_mm", "spmm", "smm", "mv"}
"""Products in which a matrix may mix the rows of another."""

DEVIATIONS: Final = frozenset(("std", "var", "std_mean", "var_mean", "sqrt", "rsqrt"))
"""What standard deviations are computed by."""

WEIGHT_PRODUCTS: Final = frozenset(("linear", "matmul", "__matmul__", "mm", "addmm"))
"""Products with a weight matrix."""

ATTENTIONS: Final = frozenset(("scaled_dot_product_attention",))
BATCH_NORMS: Final = frozenset(("batch_norm",))
NORMS: Final = frozenset(("norm", "linalg_norm", "linalg_vector_norm"))
NORMALISATIONS: Final = BATCH_NORMS | {"layer_norm", "group_norm", "rms_norm", "normalize"}
ALONG_A_SEQUENCE: Final = ATTENTIONS | _names("""
    lstm gru rnn_tanh rnn_relu conv1d cumsum cumprod flip roll multi_head_attention_forward
    """)
RECURRENT: Final = frozenset(("lstm", "gru", "rnn_tanh", "rnn_relu"))
"""Whole layers, which return their outputs and then their final states."""

NEIGHBOURHOODS: Final = ("conv", "pool", "fft", "unfold")
"""Parts of the names of operators that read a neighbourhood."""

VIEWS: Final = frozenset(("view", "reshape", "view_as", "reshape_as"))
RESHAPES: Final = VIEWS | {"flatten", "unflatten", "_unsafe_view"}
JOINS: Final = frozenset(("cat", "concat", "concatenate"))
MERGES: Final = JOINS | {"stack"}
"""What makes one tensor of several."""

SPLITS: Final = _names("""
    split split_with_sizes chunk tensor_split unbind vsplit __getitem__ narrow
    """)
"""What cuts pieces from a tensor, as views."""

PADDINGS: Final = frozenset(("pad", "constant_pad_nd"))
SLICES: Final = frozenset(("__getitem__", "narrow", "index_select", "contiguous", "clone", "pad"))
REORDERINGS: Final = frozenset(
    ("flip", "fliplr", "flipud", "roll", "sort", "index_select", "__getitem__")
)
REARRANGEMENTS: Final = JOINS | _names(
    "__getitem__ index_select gather sort flip roll stack permute"
)
"""What may bring elements into another order."""

RANKINGS: Final = _names("sort topk max min median nanmedian kthvalue mode")
"""What returns values with their indices."""

ROUNDINGS: Final = _names("""
    round floor ceil trunc fix sign sgn heaviside floordiv rfloordiv floor_divide
    """)
"""What makes whole numbers of floats; by their names without underscores."""

CASTS: Final = _names("to type float double half bfloat16 cpu cuda type_as")
SHAPE: Final = (
    VIEWS
    | JOINS
    | CASTS
    | _names("""
        __getitem__ T mT H contiguous clone flatten unflatten squeeze unsqueeze transpose permute t
        swapaxes swapdims movedim moveaxis expand expand_as chunk split unbind select narrow
        index_select masked_select gather requires_grad_ stack data
        """)
)
"""What moves, copies, casts or selects elements and computes nothing."""

SHAPE_OF_ONE: Final = SHAPE - MERGES
"""The same of a single tensor."""

DETACHMENTS: Final = frozenset(("detach", "detach_", "data"))
CUTS: Final = DETACHMENTS | {"item", "tolist", "numpy", "argmax", "round"}
"""What ends a graph."""

NORMAL_DRAWS: Final = frozenset(("randn", "randn_like", "normal", "normal_", "_standard_normal"))
DRAWS: Final = frozenset(("rand", "randn", "normal"))
"""Draws whose size is given."""

MEANS_OF_DRAWS: Final = {
    "randn": 0.0,
    "randn_like": 0.0,
    "normal": 0.0,
    "rand": 0.5,
    "rand_like": 0.5,
}
SIZE_ONLY: Final = _names("""
    empty_like full_like ones_like rand_like randint_like randn_like zeros_like
    new_empty new_full new_ones new_zeros
    """)
"""What reads of its argument nothing but its size."""

CLASS_LOSSES: Final = frozenset(("cross_entropy", "nll_loss", "nll_loss_nd"))
REGRESSION_LOSSES: Final = frozenset(("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"))
ELEMENTWISE_LOSSES: Final = REGRESSION_LOSSES | {
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
}
ASYMMETRIC_LOSSES: Final = _names("""
    cross_entropy kl_div poisson_nll_loss binary_cross_entropy binary_cross_entropy_with_logits
    """)
"""Losses in which prediction and target cannot change places."""

DIFFERENCES: Final = (
    SUBTRACTIONS
    | SCALINGS
    | REGRESSION_LOSSES
    | _names("gaussian_nll_loss poisson_nll_loss logaddexp xlogy pow dist")
)
"""What compares prediction and target element by element."""

READS: Final = frozenset(("item", "detach", "backward", "numel", "dim", "__format__"))
"""What reads a loss and adds nothing to its graph."""

ATTRIBUTE_ACCESS: Final = frozenset(("__get__", "__set__", "__delete__"))

SHAPE_NODES: Final = frozenset(
    f"{name}Backward"
    for name in _names("""
        View UnsafeView ReshapeAlias Transpose Permute T Squeeze Unsqueeze Expand Clone ToCopy Slice
        Select Index Split SplitWithSizes Unbind Alias AsStrided Gather MaskedSelect IndexSelect
        """)
)
"""Of calls that move, copy or cast elements; one user-level call may make several."""

REDUCING_NODES: Final = ("MeanBackward", "SumBackward", "NansumBackward")
COMBINING_NODES: Final = (
    "AddBackward",
    "SubBackward",
    "MulBackward",
    "DivBackward",
    "NegBackward",
)
POINTWISE_NODES: Final = (
    "PowBackward",
    "AbsBackward",
    "MulBackward",
    "SquareBackward",
    "DivBackward",
)
AFFINE_NODES: Final = (
    "AddBackward",
    "SubBackward",
    "RsubBackward",
    "MulBackward",
    "DivBackward",
)
LAYER_NODES: Final = ("ConvolutionBackward", "AddmmBackward")
