"""Which part of a text may be shown to everyone who can read a repository or a report.

Not the credentials of URLs, which are secret, and not the absolute paths of a machine, which name
people and change with every checkout.
"""

import os
import re
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Final, TypeVar

__all__ = ["shareable", "shareable_values", "slashes_problem", "without_credentials"]

_T = TypeVar("_T")
# A password may hold any of /?#@ unescaped, so the last @ of the word ends it, wherever that is.
_USERINFO: Final = re.compile(r"(?<=://)\S*@")
_QUERY: Final = re.compile(r"(://[^\s?#]*)[?#]\S*")
_FILE_URL: Final = re.compile(r"\bfile://(?=/)", re.IGNORECASE)
# At least two parts, so that "and/or" and "1/2" do not match; nor does a URL after its //.
_ABSOLUTE: Final = re.compile(
    r"""(?<![\w.~:/\\*+-])(?:[A-Za-z]:[\\/]|\\\\|/(?=[^\s/'"]+/))[^\s'"<>|;,=()]+"""
)
_ELSEWHERE: Final = "..."
# Two letters or more: C:/data is a folder of Windows.
_ONE_SLASH: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(?!/)(.*)", re.DOTALL)
_FILE_OF_HOST: Final = re.compile(r"file://(?!/|localhost/)(.*)", re.IGNORECASE | re.DOTALL)


def without_credentials(text: str) -> str:
    """The text with user, password, query and fragment removed from every URL in it.

    Everything between ``://`` and the last ``@`` of the word is removed, since an unescaped
    password may look like a host or a path: a path that holds an ``@`` loses what precedes it.

    Args:
        text: any text.

    Returns:
        The text.
    """
    return _QUERY.sub(r"\1", _USERINFO.sub("", text))


def slashes_problem(text: str) -> str:
    """What is wrong with the slashes of a URL.

    One with a single slash would be a folder of that name, and ``file://tmp/x`` is ``/x``.

    Args:
        text: a folder or a URL.

    Returns:
        What it is and what to write; empty for any other text.
    """
    one = _ONE_SLASH.fullmatch(text)
    if one is not None:
        slashes = ":///" if one[1].lower() == "file" else "://"
        meant = without_credentials(f"{one[1]}{slashes}{one[2]}")
        return f"is neither a folder nor a URL, which has two slashes; write {meant}"
    host = _FILE_OF_HOST.fullmatch(text)
    if host is not None and os.name != "nt":  # there it is the name of a server
        return f"names another machine; write file:///{without_credentials(host[1])}"
    return ""


def shareable(text: str, root: PurePath | None = None) -> str:
    """The text without credentials, and with no absolute path in it.

    Args:
        text: any text.
        root: the folder that paths are made relative to; None if it is not known.

    Returns:
        The text, in which a path below the root is relative to it, and of any other absolute path
        only the last part is left: ``.../model.pt``.
    """
    if "/" not in text and "\\" not in text:
        return text  # as most texts are
    clean = _FILE_URL.sub("", without_credentials(text))
    if _is_absolute(clean):
        return _without_root(clean, root)
    return _ABSOLUTE.sub(lambda found: _without_root(found[0], root), clean)


def shareable_values(values: Mapping[str, _T]) -> dict[str, _T | str]:
    """The mapping with every text among its values made `shareable`.

    Args:
        values: any values by name.

    Returns:
        The mapping.
    """
    return {
        name: shareable(value) if isinstance(value, str) else value
        for name, value in values.items()
    }


def _is_absolute(text: str) -> bool:
    return "\n" not in text and (
        PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    )


def _without_root(text: str, root: PurePath | None) -> str:
    path = PurePosixPath(text) if text.startswith("/") else PureWindowsPath(text)
    if root is not None and PurePath(text).is_relative_to(root):
        return PurePath(text).relative_to(root).as_posix()
    return f"{_ELSEWHERE}/{path.name}" if path.name else _ELSEWHERE
