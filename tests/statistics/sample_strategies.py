"""Samples as Hypothesis draws them: continuous, tied, constant and of a single seed."""

from hypothesis import strategies as st

#: Values whose differences are exact enough that shifting and scaling them creates no new ties.
VALUES = st.integers(-50, 50).map(lambda step: step / 8)


def samples(min_size: int = 1, max_size: int = 6) -> st.SearchStrategy[list[float]]:
    """A sample of one side, with ties often and constants sometimes."""
    levels = st.sampled_from([0.0, 0.25, 1.0])
    return st.one_of(
        st.lists(VALUES, min_size=min_size, max_size=max_size),
        st.lists(levels, min_size=min_size, max_size=max_size),
    )
