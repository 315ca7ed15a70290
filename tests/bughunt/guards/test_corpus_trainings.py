"""Guards over the corpus's programs as plain trainings: the correct ones hear nothing."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parents[1]))

from corpus.registry import Program, programs  # noqa: E402

from pytest_mlregress.bughunt.guards import watch  # noqa: E402
from pytest_mlregress.bughunt.preserve import seed_everything  # noqa: E402
from pytest_mlregress.bughunt.subject import Subject  # noqa: E402
from pytest_mlregress.bughunt.textbook import with_textbook_step  # noqa: E402

STEPS, EVERY = 16, 5
CORRECT = [program for program in programs("tuning") if program.kind != "buggy"]
BY_NAME = {program.name: program for program in programs("tuning")}


def train(program: Program) -> list[torch.Tensor]:
    """The parameters after a plain training loop with an evaluation now and then."""
    seed_everything(0)
    subject = with_own_step(Subject(**program.build()))
    model = subject.make_model()
    optimizer = subject.make_optimizer(model) if subject.make_optimizer else None
    for index, batch in enumerate(subject.training_batches(STEPS)):
        subject.train_step(model, optimizer, batch)
        if index % EVERY == EVERY - 1 and subject.evaluate is not None:
            subject.evaluate(model, subject.validation_batches())
    return [parameter.detach().clone() for parameter in model.parameters()]


def with_own_step(subject: Subject) -> Subject:
    return subject if subject.train_step is not None else with_textbook_step(subject)


@pytest.mark.parametrize("program", CORRECT, ids=lambda program: program.name)
def test_a_correct_program_hears_nothing_and_trains_bit_for_bit_the_same(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = train(program)
        with watch() as guard:
            guarded = train(program)
    assert [str(finding) for finding in guard.findings] == []
    assert guard.silent is None
    assert all(
        torch.equal(one.nan_to_num(), other.nan_to_num())
        for one, other in zip(plain, guarded, strict=True)
    )


@pytest.mark.parametrize(
    "name",
    [
        "tuning/digits_mlp:no-zero",
        "tuning/digits_mlp:softmax",
        "tuning/digits_mlp:relu",
        "tuning/digits_mlp:dropout",
        "tuning/digits_mlp:noisy",
        "tuning/digits_mlp:stays-eval",
        "tuning/digits_mlp:step-first",
    ],
)
def test_a_mistake_that_shows_in_training_is_found(name):
    program = BY_NAME[name]
    with warnings.catch_warnings(), watch() as guard:
        warnings.simplefilter("ignore")
        train(program)
    assert {finding.check for finding in guard.findings} & set(program.slugs)
