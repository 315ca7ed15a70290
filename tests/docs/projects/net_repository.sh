# A PyTorch training on a branch that drops more than main does.
set -eu

git init --quiet --initial-branch=main
printf '%s\n' __pycache__/ .pytest_cache/ .mlregress/ > .gitignore
mkdir tests

cat > net.py <<'PYTHON'
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 16)
        self.drop = nn.Dropout(0.1)
        self.last = nn.Linear(16, 10)

    def forward(self, images):
        return self.last(self.drop(torch.relu(self.first(images))))
PYTHON

cat > tests/test_digits.py <<'PYTHON'
import sys
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

sys.path.insert(0, str(Path(__file__).parents[1]))
from net import Net

IMAGES, LABELS = (torch.tensor(part) for part in load_digits(return_X_y=True))
IMAGES = IMAGES.float() / 16


@pytest.mark.seeds(5)
def test_digits(mlregress):
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for step in range(100):
        chosen = torch.randint(0, 1000, (64,))
        loss = cross_entropy(model(IMAGES[chosen]), LABELS[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mlregress.log(step, loss=loss)
    model.eval()
    with torch.no_grad():
        right = model(IMAGES[1000:]).argmax(1) == LABELS[1000:]
    mlregress.record("accuracy", right.float().mean(), higher_is_better=True)
PYTHON

git add --all
git commit --quiet --message="First"
git checkout --quiet -b more-dropout
sed -i 's/Dropout(0.1)/Dropout(0.3)/' net.py
git commit --quiet --all --message="Drop more"
