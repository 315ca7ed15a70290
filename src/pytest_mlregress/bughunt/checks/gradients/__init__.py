"""Mistakes that gradients show: kept, discarded, vanishing, exploding, not finite."""
