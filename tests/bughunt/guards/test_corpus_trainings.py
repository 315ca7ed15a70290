"""Guards over the corpus's programs as plain trainings: the correct ones hear nothing."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")

from corpus.registry import programs  # noqa: E402
from corpus.trainings import guard_program, train  # noqa: E402
from pytest_mlregress.bughunt.guards import watch  # noqa: E402

CORRECT = [program for program in programs("tuning") if program.kind != "buggy"]
BY_NAME = {program.name: program for program in programs("tuning")}


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
        "tuning/accumulate_cnn:each-part",
        "tuning/amp_clip:scaled-clip",
        "tuning/attention_by_hand:dim",
        "tuning/conv_vae:seeded",
        "tuning/ensemble_regressors:clones",
        "tuning/half_precision:bf16",
        "tuning/infonce_views:spare",
        "tuning/molecule_graphs:cross",
        "tuning/step_decay_trainer:renewed",
        "tuning/vgg_batchnorm:bias",
    ],
)
def test_a_mistake_that_shows_in_training_is_found(name):
    trained = guard_program(BY_NAME[name])
    assert trained.failure is None
    assert trained.found
