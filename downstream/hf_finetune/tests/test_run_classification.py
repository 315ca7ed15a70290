import tempfile
import unittest

import numpy as np
import torch
from transformers import EvalPrediction

from run_classification import PAD, Sentences, compute_metrics, main, make_model


class SentencesTest(unittest.TestCase):
    def setUp(self):
        self.sentences = Sentences(64, 12, seed=3)

    def test_padding_is_masked(self):
        for index in range(len(self.sentences)):
            example = self.sentences[index]
            self.assertTrue(
                torch.equal(example["attention_mask"] == 0, example["input_ids"] == PAD)
            )

    def test_both_labels_occur(self):
        labels = {int(self.sentences[index]["labels"]) for index in range(len(self.sentences))}
        self.assertEqual(labels, {0, 1})


class ModelTest(unittest.TestCase):
    def test_padding_does_not_change_the_logits(self):
        model = make_model().eval()
        words = torch.tensor([[5, 6, 7]])
        padded = torch.tensor([[5, 6, 7, PAD]])
        with torch.no_grad():
            alone = model(words, attention_mask=torch.ones_like(words)).logits
            among = model(padded, attention_mask=(padded != PAD).long()).logits
        torch.testing.assert_close(alone, among)

    def test_metrics(self):
        prediction = EvalPrediction(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1, 1]))
        self.assertEqual(compute_metrics(prediction), {"accuracy": 0.5})


class ScriptTest(unittest.TestCase):
    def test_a_short_run(self):
        with tempfile.TemporaryDirectory() as folder:
            metrics = main(
                f"--output_dir {folder} --max_steps 2 --use_cpu --save_strategy no "
                "--report_to none --disable_tqdm true "
                "--train_examples 32 --eval_examples 32".split()
            )
        self.assertIn("eval_accuracy", metrics)
