"""Planting bugs: small rewrites of a correct program's source, one mistake at a time.

An operator walks the syntax tree and yields edits of the text, so that every other line stays
where it was and the planted line is known. Deleted statements become ``pass``.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LOGIT_LOSSES = {
    "cross_entropy": ("torch.softmax", ("softmax-into-cross-entropy", "double-softmax")),
    "binary_cross_entropy_with_logits": ("torch.sigmoid", ("sigmoid-into-bce-with-logits",)),
    "nll_loss": ("torch.exp", ("probabilities-into-nll",)),
}
SOFTMAXES = ("softmax", "log_softmax")
MASK_WORDS = ("mask", "past", "future", "causal", "pad", "tril", "triu")


@dataclass(frozen=True)
class Planted:
    """One planted mistake: the new source, the slugs that name it, and its lines."""

    operator: str
    slugs: tuple[str, ...]
    source: str
    lines: frozenset[int]


Operator = Callable[[ast.Module, str], Iterator[Planted]]


def plant(source: str) -> Iterator[Planted]:
    """Every mistake that the operators can plant in the source."""
    tree = ast.parse(source)
    for operator in OPERATORS:
        yield from operator(tree, source)


def drop_zero_grad(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Forget all calls of ``zero_grad`` in the step."""
    for function in functions(tree, "train_step"):
        dropped = [s for s in statements(function) if called(s) == "zero_grad"]
        if dropped:
            text = replace_all(source, [(statement, "pass") for statement in dropped])
            yield Planted("drop zero_grad", ("missing-zero-grad",), text, span(function))


def drop_mode_switch(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Forget ``model.train()`` in the step, or ``model.eval()`` in the evaluation."""
    for place, method, slug in (
        ("train_step", "train", "missing-train-mode"),
        ("evaluate", "eval", "missing-eval-mode"),
        ("evaluate", "train", "missing-train-mode"),
    ):
        for function in functions(tree, place):
            for statement in statements(function):
                if called(statement) == method:
                    off = ast.unparse(statement).endswith("(False)")
                    slugs = ("missing-eval-mode",) if off else (slug,)
                    text = replace_all(source, [(statement, "pass")])
                    yield Planted("drop mode switch", slugs, text, span(function))


def add_softmax(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Put probabilities where a loss takes logits."""
    for call in calls(tree):
        name = name_of(call)
        if name not in LOGIT_LOSSES or not call.args:
            continue
        function, slugs = LOGIT_LOSSES[name]
        logits = ast.get_source_segment(source, call.args[0])
        dim = ", 1" if function == "torch.softmax" else ""
        text = replace_all(source, [(call.args[0], f"{function}({logits}{dim})")])
        yield Planted("add a softmax", slugs, text, span(call))


def view_for_permute(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Reach the right shape by a reshape where an axis had to move."""
    for call in calls(tree):
        if name_of(call) not in ("transpose", "permute", "movedim", "swapaxes"):
            continue
        owner = receiver(call)
        if owner is None or is_module(owner, "torch"):
            continue
        inside = ast.get_source_segment(source, owner)
        whole = ast.get_source_segment(source, call) or ""
        moved = "t" + whole[len(inside or "") :]
        text = replace_all(source, [(call, f"(lambda t: t.reshape({moved}.shape))({inside})")])
        yield Planted("view for permute", ("view-instead-of-permute",), text, span(call))


def detach(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Cut the graph behind a submodule's output."""
    for function in functions(tree, "forward"):
        for statement in statements(function):
            if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
                continue
            owner = statement.value.func
            single = isinstance(statement.targets[0], ast.Name)
            if single and isinstance(owner, ast.Attribute) and is_module(owner.value, "self"):
                whole = ast.get_source_segment(source, statement.value)
                text = replace_all(source, [(statement.value, f"{whole}.detach()")])
                slugs = ("detached-graph", "unused-module")
                yield Planted("detach", slugs, text, span(statement))


def wrong_dim(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Normalise over the axis before the last instead of the last."""
    for call in calls(tree):
        if name_of(call) not in SOFTMAXES:
            continue
        values = [k.value for k in call.keywords if k.arg == "dim"]
        dim = values[0] if values else call.args[-1] if call.args else None
        if dim is not None and constant(dim) in (-1, 1, 2):
            other = {-1: "-2", 1: "0", 2: "1"}[constant(dim) or -1]
            text = replace_all(source, [(dim, other)])
            slugs = ("wrong-softmax-dim", "batch-leak", "causal-leak", "logits-into-nll")
            yield Planted("wrong dim", slugs, text, span(call))


def broadcast(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Keep the trailing axis of size one that a squeeze took away."""
    for call in calls(tree):
        owner = receiver(call)
        if name_of(call) == "squeeze" and owner is not None:
            inside = ast.get_source_segment(source, owner) or ""
            text = replace_all(source, [(call, inside)])
            slugs = ("broadcast-loss", "broadcast-metric")
            yield Planted("broadcast", slugs, text, span(call))


def drop_mask(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Attend without the mask."""
    slugs = ("causal-leak", "padding-leak")
    for call in calls(tree):
        for keyword in call.keywords:
            if keyword.arg in (
                "is_causal",
                "key_padding_mask",
                "attn_mask",
                "src_key_padding_mask",
            ):
                off = "False" if keyword.arg == "is_causal" else "None"
                text = replace_all(source, [(keyword.value, off)])
                yield Planted("drop the mask", slugs, text, span(call))
        owner = receiver(call)
        if name_of(call) == "masked_fill" and owner is not None and call.args:
            mask = (ast.get_source_segment(source, call.args[0]) or "").lower()
            if any(word in mask for word in MASK_WORDS):
                inside = ast.get_source_segment(source, owner) or ""
                yield Planted(
                    "drop the mask", slugs, replace_all(source, [(call, inside)]), span(call)
                )


def drop_shift(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Predict the token that is already in the input: ``[:, 1:]`` becomes ``[:, :-1]``."""
    windows = [node for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    inputs = {
        ast.unparse(n.value) for n in windows if ast.unparse(n.slice) in (":, :-1", "(:, :-1)")
    }
    indices = {id(inner) for window in windows for inner in ast.walk(window.slice)}
    for node in windows:
        whole = ast.unparse(node.value)
        shifted = ast.unparse(node.slice) in (":, 1:", "(:, 1:)") and id(node) not in indices
        if shifted and whole in inputs:
            text = replace_all(source, [(node, f"{whole}[:, :-1]")])
            yield Planted("drop the shift", ("labels-not-shifted",), text, span(node))


def clip_order(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Clip gradients after the step that used them."""
    yield from swapped(tree, source, "clip order", "clip-misorder", is_clip, is_step)


def scheduler_order(tree: ast.Module, source: str) -> Iterator[Planted]:
    """Step the scheduler before the optimizer."""
    yield from swapped(tree, source, "scheduler order", "scheduler-misorder", is_step, is_schedule)


OPERATORS: tuple[Operator, ...] = (
    drop_zero_grad,
    drop_mode_switch,
    add_softmax,
    view_for_permute,
    detach,
    wrong_dim,
    broadcast,
    drop_mask,
    drop_shift,
    clip_order,
    scheduler_order,
)


def swapped(
    tree: ast.Module,
    source: str,
    name: str,
    slug: str,
    first: Callable[[ast.stmt], bool],
    second: Callable[[ast.stmt], bool],
) -> Iterator[Planted]:
    """Exchange two neighbouring statements of the step."""
    for function in functions(tree, "train_step"):
        rows = list(statements(function))
        for a, b in itertools.pairwise(rows):
            if first(a) and second(b):
                texts = [ast.get_source_segment(source, s) or "" for s in (b, a)]
                text = replace_all(source, [(a, texts[0]), (b, texts[1])])
                yield Planted(name, (slug,), text, span(a) | span(b))


def is_clip(statement: ast.stmt) -> bool:
    """Whether a statement clips gradients."""
    return called(statement).startswith("clip_grad")


def is_step(statement: ast.stmt) -> bool:
    """Whether a statement steps an optimizer."""
    return called(statement) == "step" and not is_schedule(statement)


def is_schedule(statement: ast.stmt) -> bool:
    """Whether a statement steps a scheduler, judged by its name."""
    if called(statement) != "step":
        return False
    owner = receiver(call_of(statement))
    words = ast.unparse(owner).lower() if owner is not None else ""
    return any(word in words for word in ("sched", "warmup", "plan"))


def functions(tree: ast.AST, name: str) -> Iterator[ast.FunctionDef]:
    """The functions and methods of a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            yield node


def statements(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    """The simple statements of a function, in order."""
    for node in ast.walk(function):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef):
            yield node


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call outside the functions that make data (those that take a seed or a generator)."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = {argument.arg for argument in node.args.args}
            if arguments & {"seed", "generator"}:
                continue
        if isinstance(node, ast.Call):
            yield node
        yield from calls(node)


def call_of(statement: ast.stmt) -> ast.Call:
    """The call that an expression statement is."""
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    return statement.value


def called(statement: ast.stmt) -> str:
    """The name that an expression statement calls, or nothing."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return name_of(statement.value)
    return ""


def name_of(call: ast.Call) -> str:
    """The last part of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def receiver(call: ast.Call) -> ast.expr | None:
    """What a method is called on."""
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def is_module(node: ast.expr, name: str) -> bool:
    """Whether an expression is that plain name."""
    return isinstance(node, ast.Name) and node.id == name


def constant(node: ast.expr) -> int | None:
    """The integer that an expression spells, or None."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if isinstance(value, int) else None


def span(node: ast.AST) -> frozenset[int]:
    """The lines of a node."""
    return frozenset(range(node.lineno, (node.end_lineno or node.lineno) + 1))  # type: ignore[attr-defined]


def replace_all(source: str, edits: list[tuple[ast.AST, str]]) -> str:
    """The source with the text of each node replaced; nodes must not overlap."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    data = source.encode()
    for node, text in sorted(edits, key=lambda edit: -offset(starts, edit[0])[0]):
        begin, end = offset(starts, node)
        data = data[:begin] + text.encode() + data[end:]
    return data.decode()


def offset(starts: list[int], node: ast.AST) -> tuple[int, int]:
    """Byte range of a node."""
    at, to = node.lineno, node.end_lineno  # type: ignore[attr-defined]
    return starts[at - 1] + node.col_offset, starts[to - 1] + node.end_col_offset  # type: ignore[attr-defined]
