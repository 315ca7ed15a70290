from sklearn.datasets import load_digits  # noqa: F401 - the page's block uses it
