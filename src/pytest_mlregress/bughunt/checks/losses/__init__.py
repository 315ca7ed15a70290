"""Losses that are given what they do not expect, or that reward the wrong thing."""
