"""Part-of-speech tags with log_softmax and NLLLoss."""

import torch
from torch import nn
from torch.nn import functional as F


class Tagger(nn.Module):
    def __init__(self, words=20, tags=5):
        super().__init__()
        self.embed = nn.Embedding(words, 16)
        self.rnn = nn.GRU(16, 16, batch_first=True, bidirectional=True)
        self.hidden2tag = nn.Linear(32, tags)

    def forward(self, sentence):
        states, _ = self.rnn(self.embed(sentence))
        return F.log_softmax(self.hidden2tag(states), dim=2)
        # BUG no-log: probabilities-into-nll
        #: return torch.softmax(self.hidden2tag(states), dim=2)
        # BUG logits: logits-into-nll
        #: return self.hidden2tag(states)
        # BUG log-axis: wrong-softmax-dim
        #: return F.log_softmax(self.hidden2tag(states), dim=1)
        # BUG log-batch: wrong-softmax-dim, batch-leak
        #: return F.log_softmax(self.hidden2tag(states), dim=0)
        # BUG log-twice: logits-into-nll
        #: return self.hidden2tag(states).sigmoid().log()


def sentences(seed, n=10, t=6):
    g = torch.Generator().manual_seed(seed)
    words = torch.randint(0, 20, (n, t), generator=g)
    return words, (words + words.roll(1, 1)) % 5


batch = sentences(0)
train_batches = [sentences(0), sentences(1)]
val_batches = [sentences(40)]
criterion = nn.NLLLoss()


def make_model():
    return Tagger()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    words, tags = batch
    scores = model(words)
    return criterion(scores.permute(0, 2, 1), tags)  # ALSO logits log-twice
    # BUG wrong-flat: view-instead-of-permute
    #: return criterion(scores.reshape(scores.size(0), scores.size(2), -1), tags)


def train_step(model, optimizer, batch):
    model.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(w).argmax(-1) == t).float().mean().item() for w, t in batches) / len(batches)
