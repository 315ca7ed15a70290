"""Named entities with a packed bidirectional LSTM; padding is label -100."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

WORDS, TAGS, PAD = 24, 5, 0


class EntityTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 12, padding_idx=PAD)
        self.lstm = nn.LSTM(12, 14, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.1)
        self.project = nn.Linear(28, TAGS)
        # BUG final-softmax: softmax-into-cross-entropy, double-softmax
        #: self.project = nn.Sequential(nn.Linear(28, TAGS), nn.Softmax(-1))  #!

    def forward(self, tokens, lengths):
        embedded = self.embedding(tokens)
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        states, _ = self.lstm(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=tokens.shape[1])
        # BUG unpacked 3: padding-leak
        #: states, _ = self.lstm(embedded)
        return self.project(self.dropout(states))


def sentences(seed, n=12, t=9):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(4, t + 1, (n,), generator=g)
    lengths[0] = t
    tokens = torch.randint(1, WORDS, (n, t), generator=g)
    tags = (tokens + torch.cat([tokens[:, :1], tokens[:, :-1]], 1)) % TAGS
    past = torch.arange(t) >= lengths[:, None]
    return {
        "tokens": tokens.masked_fill(past, PAD),
        "lengths": lengths,
        "tags": tags.masked_fill(past, -100),
    }


batch = sentences(3)
train_batches = [sentences(3), sentences(4)]
val_batches = [sentences(70)]


def make_model():
    return EntityTagger()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.02)


criterion = nn.CrossEntropyLoss(ignore_index=-100)


def loss_fn(model, batch):
    scores = model(batch["tokens"], batch["lengths"])
    return criterion(scores.transpose(1, 2), batch["tags"])
    # BUG class-axis-view: view-instead-of-permute
    #: n, t, c = scores.shape
    #: return criterion(scores.view(n, c, t), batch["tags"])
    # FINE merged: batch and time merged for the loss
    #: return criterion(scores.reshape(-1, TAGS), batch["tags"].reshape(-1))
    # FINE masked-select: the loss of the real words only
    #: keep = batch["tags"] >= 0
    #: return criterion(scores[keep], batch["tags"][keep])


def update(model, optimizer, batch):
    model.train()
    optimizer.zero_grad(set_to_none=True)
    loss = loss_fn(model, batch)
    loss.backward()
    # BUG zero-late: missing-zero-grad
    #: loss.backward()
    #: optimizer.zero_grad(set_to_none=True)  #!
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.detach()


train_step = update


def evaluate(model, batches):
    model.eval()
    # BUG only-lstm: missing-eval-mode
    #: model.lstm.eval()
    right = count = 0
    with torch.no_grad():
        for b in batches:
            guess = model(b["tokens"], b["lengths"]).argmax(-1)
            keep = b["tags"] != -100
            right += (guess == b["tags"])[keep].sum().item()
            count += keep.sum().item()
    return right / count
