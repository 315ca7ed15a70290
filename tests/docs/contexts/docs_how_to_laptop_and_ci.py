import random


def train(steps):
    return steps


def evaluate(model):
    return random.gauss(0.9, 0.01)
