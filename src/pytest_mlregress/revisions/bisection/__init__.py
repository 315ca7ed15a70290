"""Which commit lost: a noisy binary search over the history between two commits."""
