# A repository as a reader has one: a small network on digits, its test with a baseline, and history.
#
#   v1.0 .. v1.2 .. main   releases, and commits after them: one gains, one loses
#   wide                   a branch with more hidden units
#   rate.patch             a patch with a smaller learning rate
set -eu

git init --quiet --initial-branch=main
printf '%s\n' __pycache__/ .pytest_cache/ .mlregress/ '*.html' 'mlregress*.json' > .gitignore
printf '[pytest]\npythonpath = src\n' > pytest.ini
mkdir -p src/digits tests
touch src/digits/__init__.py

cat > src/digits/settings.py <<'PYTHON'
HIDDEN = 12  # units




RATE = 0.5  # of learning




CLIP = None  # of gradients
PYTHON

cat > src/digits/training.py <<'PYTHON'
import numpy as np
from sklearn.datasets import load_digits

from digits import settings

IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES = IMAGES / 16
TRAIN, TEST = slice(0, 1000), slice(1000, None)


def hidden(weights, images):
    return np.maximum(images @ weights[0], 0)


def evaluate(weights):
    scores = hidden(weights, IMAGES[TEST]) @ weights[1]
    return float((scores.argmax(1) == LABELS[TEST]).mean())


def train(seed, steps=200, share=1.0, log=lambda step, accuracy: None):
    random = np.random.default_rng(seed)
    weights = [
        random.normal(0, 0.3, (64, settings.HIDDEN)),
        random.normal(0, 0.3, (settings.HIDDEN, 10)),
    ]
    images, labels = IMAGES[TRAIN], LABELS[TRAIN]
    count = max(1, round(len(images) * share))
    for step in range(steps):
        chosen = random.integers(0, count, 64)
        batch, targets = images[chosen], np.eye(10)[labels[chosen]]
        active = hidden(weights, batch)
        scores = active @ weights[1]
        chances = np.exp(scores - scores.max(1, keepdims=True))
        error = (chances / chances.sum(1, keepdims=True) - targets) / len(batch)
        gradients = [batch.T @ ((error @ weights[1].T) * (active > 0)), active.T @ error]
        for weight, gradient in zip(weights, gradients, strict=True):
            if settings.CLIP is not None:
                gradient = np.clip(gradient, -settings.CLIP, settings.CLIP)
            weight -= settings.RATE * gradient
        if step % 10 == 9:
            log(step + 1, evaluate(weights))
    return weights
PYTHON

cat > tests/test_digits.py <<'PYTHON'
import pytest

from digits.training import evaluate, train


@pytest.mark.seeds(5)
def test_digits(mlregress):
    weights = train(
        mlregress.seed,
        share=mlregress.data_fraction,
        log=lambda step, accuracy: mlregress.log(step, accuracy=accuracy),
    )
    mlregress.record("accuracy", evaluate(weights), higher_is_better=True, margin=0.03)
PYTHON

commit() {
    git add --all
    git commit --quiet --message="$1"
}

commit "Train a network on digits"
git tag v1.0
pytest -q -m mlregress --mlregress-update --mlregress-baseline-seeds=20 > /dev/null
commit "Record the baseline"
git tag v1.2
echo "# Digits" > README.md
commit "Say what this is"

git checkout --quiet -b wide
sed -i 's/HIDDEN = 12/HIDDEN = 48/' src/digits/settings.py
commit "Use 48 hidden units"
git checkout --quiet main

sed -i 's/0.3, (64/0.2, (64/' src/digits/training.py
commit "Start from smaller weights"
echo "It takes a second." >> README.md
commit "Say how long it takes"
sed -i 's/CLIP = None/CLIP = 0.005/' src/digits/settings.py
commit "Clip the gradients"
echo "It needs numpy." >> README.md
commit "Say what it needs"
sed -i 's/RATE = 0.5/RATE = 0.15/' src/digits/settings.py
git diff > rate.patch
git checkout --quiet -- src
echo "rate.patch" >> .git/info/exclude
git update-ref refs/remotes/origin/main v1.2
