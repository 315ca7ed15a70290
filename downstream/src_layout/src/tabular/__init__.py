"""Logistic regression on tables."""

from tabular.data import Table, make_table, split
from tabular.model import LogisticRegression

__all__ = ["LogisticRegression", "Table", "make_table", "split"]
