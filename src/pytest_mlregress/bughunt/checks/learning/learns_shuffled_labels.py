"""A model that learned from wrong labels only, and is right about others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch

from pytest_mlregress.bughunt.catalogue.learning import LEARNS_SHUFFLED_LABELS
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.program.isolated_run import IsolatedRun
from pytest_mlregress.bughunt.recording.recorder import RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.constant_predictor import (
    Score,
    last_judgement,
    pooled_score,
)
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.module_modes import in_mode
from pytest_mlregress.bughunt.torch_api.optimizers import adam
from pytest_mlregress.bughunt.torch_api.pytrees import Path, PyTree

STEPS = 60
DRAWS = 50
MOST_BATCHES = 8
AT_CHANCE, ABOVE_CHANCE = 0.9, 0.5


@check(LEARNS_SHUFFLED_LABELS, cost="training", needs=("val_batches",))
def learns_shuffled_labels(context: HuntContext) -> Iterator[Finding]:
    """Trained on shuffled labels, the model is right about validation examples.

    In every step the labels of the batch are permuted again, and never so that more examples keep
    their own than by chance: an example's features say nothing about them. A model that then does
    clearly better than the best constant on the true labels of validation data is told these
    labels. Only asked where the prediction of an example changes with its label at all; margins
    that are added to the true class (ArcFace) change it and do not help. A model that is better
    than a guess before training (pretrained weights, prototypes) cannot be judged.
    """
    path = _label_path(context)
    if not _label_moves_prediction(context, path):
        return
    validation = context.program.validation_batches()
    if not isinstance(validation, list | tuple):
        raise CannotTell("val_batches is no list of batches")
    context.afford((STEPS + 2) * context.step_seconds)
    with context.isolated_run() as isolated:
        start = _score(isolated, validation)
        if start.progress(start) < AT_CHANCE:
            raise CannotTell("the model is better than a guess before it is trained")
        _train_on_shuffled_labels(context, isolated, path)
        end = _score(isolated, validation)
    if end.progress(start) < ABOVE_CHANCE:
        call = _judging_call(context)
        yield LEARNS_SHUFFLED_LABELS.finding(
            location=_first_reader(context, path) or call.location,
            evidence=f"{call.name} on validation batches is {start.value:.4g} before and "
            f"{end.value:.4g} after {STEPS} steps on shuffled labels; the best constant "
            f"gives {end.guess:.4g}",
        )


def dealt_out(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The labels (N,) or (N, 1) in a drawn order that agrees with theirs no more than by chance.

    Raises:
        CannotTell: no such order was found: the labels are all the same, or nearly so.
    """
    flat = labels.detach().reshape(-1).double()
    for _ in range(DRAWS):
        order = torch.randperm(len(labels), generator=generator)
        if _agreement(flat, flat[order]) <= 1e-9 and not torch.equal(flat, flat[order]):
            return labels[order]
    raise CannotTell("the labels of a batch are too much alike to be shuffled")


def _agreement(one: torch.Tensor, other: torch.Tensor) -> float:
    """How much two orders of the same labels agree beyond chance: classes or numbers."""
    kinds = torch.tensor(sorted(set(one.tolist())), dtype=one.dtype)
    if len(kinds) <= max(2, len(one) // 2):
        rows = (one[:, None] == kinds).double()
        others = (other[:, None] == kinds).double()
    else:
        rows, others = one[:, None], other[:, None]
    return float(((rows - rows.mean(0)) * (others - others.mean(0))).mean())


def _judging_call(context: HuntContext) -> RecordedCall:
    judged = last_judgement(context.loss_trace.calls)
    if judged is None:
        raise CannotTell("the labels that the loss compares with are not known")
    return judged[0]


def _label_path(context: HuntContext) -> Path:
    """Where in the batch the labels lie: one for each example, and not the only tensor."""
    call = _judging_call(context)
    trace = context.loss_trace
    target = trace.provenance.origin(pytrees.tensors((call.arguments, call.keywords))[1], call)
    leaves = [
        (path, leaf)
        for path, leaf in pytrees.leaves(trace.isolated.batch)
        if isinstance(leaf, torch.Tensor)
    ]
    for path, leaf in leaves:
        same = leaf.untyped_storage().data_ptr() == target.untyped_storage().data_ptr()
        if same and leaf.numel() == len(leaf) == target.numel() and len(leaves) > 1 and path:
            return path
    raise CannotTell("no tensor of the batch holds one label for each example")


def _label_moves_prediction(context: HuntContext, path: Path) -> bool:
    one = _predictions(context, context.program.fresh_batch())
    generator = torch.Generator().manual_seed(0)
    shuffled = _with_shuffled_labels(context.program.fresh_batch(), path, generator)
    other = _predictions(context, shuffled)
    if one.shape != other.shape:
        raise CannotTell("other labels give predictions of another shape")
    return not torch.allclose(one, other, rtol=1e-5, atol=1e-7)


def _predictions(context: HuntContext, batch: PyTree) -> torch.Tensor:
    recorder = Recorder(phase="loss")
    with (
        context.isolated_run(recorder=recorder) as isolated,
        in_mode(isolated.model, training=False),
        torch.no_grad(),
    ):
        try:
            isolated.loss(batch)
        except BughuntError as error:
            raise CannotTell(f"the program does not run with other labels: {error}") from error
    judged = last_judgement([call for call in recorder.calls if call.phase == "loss"])
    if judged is None:
        raise CannotTell("the loss is another one in evaluation mode")
    return judged[1]


def _train_on_shuffled_labels(context: HuntContext, isolated: IsolatedRun, path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    batches = itertools.cycle(list(context.program.training_batches(MOST_BATCHES)))
    step = _stepper(context, isolated)
    for given in itertools.islice(batches, STEPS):
        step(_with_shuffled_labels(pytrees.fresh(given), path, generator))
        context.afford(0.0)


def _with_shuffled_labels(batch: PyTree, path: Path, generator: torch.Generator) -> PyTree:
    return pytrees.replace(batch, path, dealt_out(_at(batch, path), generator))


def _stepper(context: HuntContext, isolated: IsolatedRun) -> Callable[[PyTree], object]:
    """The user's own step, or one of Adam on the loss."""
    if context.program.train_step is not None:
        return isolated.step
    optimizer = adam(isolated.model.parameters(), 1e-2)

    def step(batch: PyTree) -> None:
        optimizer.zero_grad()
        isolated.loss(batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _score(isolated: IsolatedRun, batches: list[PyTree] | tuple[PyTree, ...]) -> Score:
    """On all batches together, in evaluation mode, without disturbing the program."""
    recorded: list[list[RecordedCall]] = []
    for batch in batches[:MOST_BATCHES]:
        recorder = Recorder(phase="loss")
        with (
            in_mode(isolated.model, training=False),
            torch.random.fork_rng(devices=[]),
            torch.no_grad(),
            recorder.listening(isolated.model),
        ):
            torch.manual_seed(1)
            isolated.loss(pytrees.fresh(batch))
        recorded.append(recorder.calls)
    found = pooled_score(recorded)
    if found is None or found.guess is None:
        raise CannotTell("no best constant is known for the validation batches")
    return found


def _at(batch: PyTree, path: Path) -> torch.Tensor:
    for where, leaf in pytrees.leaves(batch):
        if where == path and isinstance(leaf, torch.Tensor):
            return leaf
    raise CannotTell("the batches are not all built alike")


def _first_reader(context: HuntContext, path: Path) -> str | None:
    """The first call that makes something of the labels which a parameter meets later."""
    trace = context.loss_trace
    labels = _at(trace.isolated.batch, path)
    judging = _judging_call(context)
    behind = list(trace.provenance.behind(_prediction(judging), judging))
    readers = [c for c in behind if _reads(trace.provenance, c, labels)]
    return min(readers, key=lambda call: call.order).location if readers else None


def _prediction(call: RecordedCall) -> torch.Tensor:
    return pytrees.tensors((call.arguments, call.keywords))[0]


def _reads(provenance: Provenance, call: RecordedCall, labels: torch.Tensor) -> bool:
    given = pytrees.tensors((call.arguments, call.keywords))
    return any(provenance.origin(tensor, call) is labels for tensor in given)
