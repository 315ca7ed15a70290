"""Baselines: what was measured, where it is kept, and where it came from.

Plain frozen values and files; nothing of pytest, numpy or torch.
"""
