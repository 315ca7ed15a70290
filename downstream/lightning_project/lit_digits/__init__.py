"""A digits classifier, after the layout of Lightning's project templates."""
