import torch

model = torch.nn.Linear(3, 2)
loader = [(torch.randn(8, 3), torch.randint(0, 2, (8,))) for _ in range(5)]


class Trainer:
    def fit(self, model, loader):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for images, labels in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()


trainer = Trainer()
