"""The language model in two sizes: `--mlregress-tier=full` trains the longer one."""

import language_model
import pytest


@pytest.mark.seeds(4)
@pytest.mark.tiers(fast={"steps": 300}, full={"steps": 900})
def test_char_lm(mlregress):
    corpus = language_model.load()
    mlregress.fingerprint("text", corpus.test_windows)

    model = language_model.train(corpus, seed=mlregress.seed, **mlregress.params)

    bits = language_model.bits_per_character(model, corpus)
    mlregress.record("bits_per_character", bits, higher_is_better=False, margin="2%")
