"""What of a URL may be shown."""

import re
from typing import Final

__all__ = ["without_credentials"]

_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]*@")


def without_credentials(text: str) -> str:
    """The text with ``user:password@`` left out of every URL in it."""
    return _CREDENTIALS.sub("", text)
