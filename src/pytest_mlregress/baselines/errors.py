"""What can go wrong with baselines, as named errors whose text says what to do next."""

from pytest_mlregress.baselines.visible import visible

__all__ = ["ArtifactError", "BaselineError", "ConflictError", "StoreError"]


class BaselineError(Exception):
    """Anything wrong with a baseline or with the place where baselines are kept.

    Its text is safe to print, whatever the file or the place holds.
    """

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))


class ArtifactError(BaselineError):
    """A baseline file that cannot be used.

    Attributes:
        source: the file, as a message prints it.
        path: the JSON path of the offending value, `$` for the whole document.
        problem: what is wrong there, with the value.
        remedy: what the user can do about it.
    """

    def __init__(self, source: str, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"{source}: at {path}: {problem}. {remedy}")
        self.source = source
        self.path = path
        self.problem = problem
        self.remedy = remedy


class StoreError(BaselineError):
    """A place for baselines that cannot be read or written.

    Attributes:
        place: the file, folder, git ref or URL, as a message prints it.
        problem: what is wrong with it.
        remedy: what the user can do about it.
    """

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        super().__init__(f"{place}: {problem}. {remedy}")
        self.place = place
        self.problem = problem
        self.remedy = remedy


class ConflictError(StoreError):
    """A baseline that another run has recorded, or removed, since this run read it.

    Attributes:
        before: the revision that this run has read, None if there was no baseline.
        now: what is there now, in words that begin with its revision; None if nothing is.
    """

    def __init__(self, place: str, what: str, before: str | None, now: str | None) -> None:
        then = "there was none" if before is None else f"it was revision {before}"
        super().__init__(
            place,
            f"cannot {what} this baseline: {then} when this run read it, and now "
            f"{'there is none' if now is None else f'it is {now}'}",
            "Another run was faster, and what it left is untouched",
        )
        self.before = before
        self.now = now
