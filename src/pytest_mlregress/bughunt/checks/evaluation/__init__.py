"""Mistakes in evaluation: modes, generators that are reset, data and models that change."""
