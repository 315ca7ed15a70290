import random


def train(seed):
    return random.Random(seed)


def evaluate(model):
    return model.gauss(0.9, 0.01)
