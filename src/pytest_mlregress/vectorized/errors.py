"""What the computation of several seeds cannot do, or does otherwise than single runs."""


class VectorizedError(RuntimeError):
    """The seeds cannot be trained together; the text names the cause and the next step."""

    __module__ = "pytest_mlregress.vectorized"  # as tests name it, and pytest prints it
