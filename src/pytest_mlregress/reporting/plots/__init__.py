"""Figures: SVG for pages, plotext for terminals."""
