"""BiLSTM tagger with packed sequences and a masked negative log-likelihood."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Tagger(nn.Module):
    def __init__(self, vocab=25, tags=4, width=12):
        super().__init__()
        self.embed = nn.Embedding(vocab, width, padding_idx=0)
        self.rnn = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * width, tags)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(
            self.embed(words), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(
            self.rnn(packed)[0], batch_first=True, total_length=words.shape[1]
        )
        return F.log_softmax(self.tag(states), dim=-1)
        # BUG forgot-log: probabilities-into-nll
        #: return F.softmax(self.tag(states), dim=-1)
        # BUG raw: logits-into-nll
        #: return self.tag(states)
        # BUG time: wrong-softmax-dim
        #: return F.log_softmax(self.tag(states), dim=1)


def sentences(seed, n=10, t=6):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, t + 1, (n,), generator=g)
    lengths[0] = t
    mask = torch.arange(t) < lengths[:, None]
    words = torch.randint(1, 25, (n, t), generator=g) * mask
    return {"words": words, "lengths": lengths, "mask": mask, "tags": words % 4}


batch = sentences(0)
train_batches = [sentences(0), sentences(1)]
val_batches = [sentences(44)]


def make_model():
    return Tagger()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.02)


def loss_fn(model, batch):
    scores = model(batch["words"], batch["lengths"])
    each = F.nll_loss(scores.transpose(1, 2), batch["tags"], reduction="none")  # ALSO raw
    # BUG class-axis: view-instead-of-permute
    #: n, t, c = scores.shape
    #: each = F.nll_loss(scores.view(n, c, t), batch["tags"], reduction="none")  #!
    return (each * batch["mask"]).sum() / batch["mask"].sum()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    good = total = 0
    with torch.no_grad():
        for b in batches:
            right = model(b["words"], b["lengths"]).argmax(-1) == b["tags"]
            good += (right & b["mask"]).sum().item()
            total += b["mask"].sum().item()
    return good / total
