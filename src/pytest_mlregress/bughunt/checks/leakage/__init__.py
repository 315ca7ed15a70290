"""Information that reaches the model and must not:
between examples, from the future, from padding.
"""
