"""Line recognition: convolutions, a bidirectional GRU over the columns and CTC."""

import torch
import torch.nn as nn
import torch.nn.functional as F

N_CHARS = 6
BLANK = 0


class CRNN(nn.Module):
    def __init__(self, img_h=8, nh=16, nclass=N_CHARS + 1):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d((2, 2)),
            nn.Conv2d(8, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d((2, 1)),
        )  # fmt: skip
        # BUG bn: bias-before-batchnorm
        #: self.cnn = nn.Sequential(
        #:     nn.Conv2d(1, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d((2, 2)),  #!
        #:     nn.Conv2d(8, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d((2, 1)),  #!
        #: )
        self.rnn = nn.GRU(16 * (img_h // 4), nh, bidirectional=True)
        self.embedding = nn.Linear(nh * 2, nclass)

    def forward(self, x):
        conv = self.cnn(x)
        b, c, h, w = conv.size()
        conv = conv.permute(3, 0, 1, 2).reshape(w, b, c * h)  # [w, b, c * h]
        # BUG map-to-seq: view-instead-of-permute, batch-leak
        #: conv = conv.view(w, b, c * h)
        # FINE two-steps: first flatten, then time first
        #: conv = conv.flatten(1, 2).permute(2, 0, 1)
        recurrent, _ = self.rnn(conv)
        t, b, h = recurrent.size()
        output = self.embedding(recurrent.view(t * b, h)).view(t, b, -1)
        return output.log_softmax(2)
        # BUG softmax: probabilities-into-nll
        #: return output.softmax(2)  #!
        # BUG raw: logits-into-nll
        #: return output  #!


def lines(n, seed, chars=4):
    g = torch.Generator().manual_seed(seed)
    glyphs = (torch.rand(N_CHARS, 8, 6, generator=torch.Generator().manual_seed(11)) < 0.4).float()
    text = torch.randint(0, N_CHARS, (n, chars), generator=g)
    image = glyphs[text].permute(0, 2, 1, 3).reshape(n, 1, 8, chars * 6)
    image = image + 0.2 * torch.randn(image.shape, generator=g)
    return {"image": image, "text": text + 1, "length": torch.full((n,), chars)}


batch = lines(12, 0)
val_batches = [lines(12, 1)]


def make_model():
    return CRNN()


def loss_fn(model, batch):
    preds = model(batch["image"])
    sizes = torch.full((preds.size(1),), preds.size(0), dtype=torch.long)
    return F.ctc_loss(
        preds, batch["text"], sizes, batch["length"], blank=BLANK, zero_infinity=True
    )  # ALSO softmax, raw


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def train_step(crnn, optimizer, batch):
    for p in crnn.parameters():
        p.requires_grad = True
    crnn.train()
    # BUG eval-mode: missing-train-mode
    #: crnn.rnn.train()
    cost = loss_fn(crnn, batch)
    crnn.zero_grad()
    cost.backward()
    optimizer.step()
    return cost.item()


def evaluate(crnn, batches):
    for p in crnn.parameters():
        p.requires_grad = False
    crnn.eval()
    # BUG not-eval: missing-eval-mode, eval-mutates-model
    #: crnn.rnn.eval()  #!
    n_correct = n = 0
    for b in batches:
        best = crnn(b["image"]).argmax(2).t()
        for path, text in zip(best, b["text"]):
            chars = [int(c) for c in torch.unique_consecutive(path) if c != BLANK]
            n_correct += chars == text.tolist()
            n += 1
    return n_correct / n
