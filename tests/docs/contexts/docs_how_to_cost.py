import random


def train(seed, steps):
    return random.Random(seed).gauss(0.9, 0.01) + 0.001 * steps


def load():
    return list(range(100))


def batches(data):
    return [data[start : start + 10] for start in range(0, len(data), 10)]


model = None


def evaluate(model):
    return random.gauss(0.9, 0.01)
