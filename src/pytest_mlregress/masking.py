"""Secrets are masked in text that leaves a run: reports, failure texts, captured output, files.

Three things are masked: the values of variables and options whose names say secret, token, password
or key; what has the shape of a well-known token; and the credentials of URLs. A secret of fewer
than eight characters has to have one of these shapes: as plain text it cannot be told from words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = [
    "MASK",
    "learn_environment",
    "learn_secrets",
    "mask",
    "mask_values",
    "names_a_secret",
    "secrets_of_url",
]

MASK: Final = "***"

_SHORTEST: Final = 8
_WORDS: Final = frozenset(
    [
        *("apikey", "auth", "credential", "credentials", "key", "pass", "passphrase", "passwd"),
        *("password", "secret", "secrets", "token"),
    ]
)
_NOT_SECRET: Final = re.compile(r"[+-]?[\d.,]+(?:e[+-]?\d+)?|true|false|none|null", re.IGNORECASE)

# What every such token contains, and its shape, as its issuer documents it; gitleaks (MIT,
# github.com/gitleaks/gitleaks) lists the same. What is in a first group is kept.
_SHAPES: Final = (
    # docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    ("AKIA", r"(?<![A-Z0-9])AKIA[A-Z0-9]{16}(?![A-Z0-9])"),
    ("ASIA", r"(?<![A-Z0-9])ASIA[A-Z0-9]{16}(?![A-Z0-9])"),
    # github.blog/2021-04-05-behind-githubs-new-authentication-token-formats
    ("gh", r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
    ("github_pat_", r"\bgithub_pat_\w{20,}"),
    # docs.gitlab.com/security/tokens
    ("gl", r"\bgl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent)-[\w.-]{16,}"),
    # huggingface.co/docs/hub/security-tokens
    ("hf_", r"\bhf_[A-Za-z0-9]{20,}"),
    # platform.openai.com, docs.anthropic.com: sk-..., sk-proj-..., sk-ant-...
    ("sk-", r"(?<![\w-])sk-(?=[\w-]*\d)[\w-]{20,}"),
    # api.slack.com/authentication/token-types
    ("xox", r"\bxox[a-z]-[\w-]{10,}"),
    # cloud.google.com/docs/authentication/api-keys
    ("AIza", r"\bAIza[\w-]{35}"),
    # pypi.org/help/#apitoken
    ("pypi-", r"\bpypi-[\w-]{30,}"),
    # docs.stripe.com/keys
    ("k_", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    # docs.wandb.ai: keys of the newer kind
    ("wandb_v", r"\bwandb_v\d_\w{20,}"),
    # RFC 7519: header, payload and signature; the first two are JSON objects
    ("eyJ", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"),
    # RFC 7468
    (
        "PRIVATE KEY",
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
    # RFC 9110, 11.6.2
    (
        "uthorization",
        r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer|token)\s+)[^\s'\",]+",
    ),
    # learn.microsoft.com/azure/storage/common/storage-configure-connection-string
    ("AccountKey=", r"(AccountKey=)[^;\s'\"]+"),
    ("SharedAccessSignature=", r"(SharedAccessSignature=)[^;\s'\"]+"),
    # RFC 3986, 3.2.1: user and password, or a token in their place
    ("://", r"(://)(?:[^\s/?#@'\"<>]*:[^\s'\"<>]*@|[^\s/?#@:'\"<>]+@)"),
    # Query strings: signed requests of S3 and GCS, shared access signatures of Azure
    (
        "=",
        r"(?i)([?&](?:amp;)?(?:[\w.-]*(?:token|secret|password|passwd|signature|credential|apikey|"
        r"api_key|accesskeyid|googleaccessid)|key|sig|auth)=)[^&\s'\"#<>]+",
    ),
)

_known: set[str] = set()
_seen: dict[str, str] = {}
_encoded: dict[Any, Any] = {}


def names_a_secret(name: str) -> bool:
    """Whether the value of a variable or option is secret, going by its name.

    Args:
        name: such as ``AWS_SECRET_ACCESS_KEY``, ``--api-token`` or ``dbPassword``.

    Returns:
        True for a name with one of the words.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    parts = re.split(r"[^a-z]+", words)
    return not _WORDS.isdisjoint(parts) or any(
        part.endswith(("token", "secret", "password", "apikey")) for part in parts
    )


def learn_environment(environment: Mapping[str, str] | None = None) -> None:
    """Mask from now on the values that secret variables have now.

    What was learned stays: a variable that a test sets is gone before its last report.

    Args:
        environment: variables by name; those of this process by default.
    """
    if environment is None:
        environment = _changed_variables()
    for name, value in environment.items():
        if _seen.get(name) != value:
            _seen[name] = value
            if names_a_secret(name):
                learn_secrets([value])


def _changed_variables() -> Mapping[str, str]:
    """The variables that are other ones than when this was asked last: at every report it is.

    CPython keeps the variables encoded in one dictionary; decoding all takes half a millisecond,
    and pytest itself changes one of them in each phase of a test.
    """
    encoded = getattr(os.environ, "_data", None)
    decode_name = getattr(os.environ, "decodekey", None)
    decode_value = getattr(os.environ, "decodevalue", None)
    if not (isinstance(encoded, dict) and callable(decode_name) and callable(decode_value)):
        return os.environ
    changed = encoded.items() - _encoded.items()
    _encoded.update(changed)
    return {decode_name(name): decode_value(value) for name, value in changed}


def learn_secrets(values: Iterable[str]) -> None:
    """Mask these values from now on; numbers and what is too short or a path are left out.

    Args:
        values: the secrets.
    """
    for value in values:
        for secret in {value, *value.splitlines(), value.strip()}:
            if len(secret) < _SHORTEST or _NOT_SECRET.fullmatch(secret) or _is_path(secret):
                continue
            _known.add(secret)


def secrets_of_url(url: str) -> Iterator[str]:
    """The password and the secret parameters of a URL.

    Args:
        url: any text; only a URL has some.

    Yields:
        Each, as it stands there.
    """
    if "://" in url:
        address, _, query = url.partition("://")[2].partition("?")
        user, at, _ = address.rpartition("@")
        if at:
            yield user.partition(":")[2] or user
        for pair in query.partition("#")[0].split("&"):
            name, _, value = pair.partition("=")
            if names_a_secret(name) or name.lower() in ("sig", "signature"):
                yield value


def _is_path(value: str) -> bool:
    """A file with a key in it is no secret itself."""
    try:
        return value[0] in "/~." and Path(value).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def mask(text: str) -> str:
    """The text with every secret in it replaced by `MASK`.

    Args:
        text: any text.

    Returns:
        The text; that of an already masked text is the same.
    """
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    for part, shape in _SHAPES:
        if part in text:
            text = _compiled(shape).sub(_masked_match, text)
    return text


@cache
def _compiled(shape: str) -> re.Pattern[str]:
    return re.compile(shape)


def _masked_match(found: re.Match[str]) -> str:
    kept = found[1] if found.re.groups else ""
    return f"{kept}{MASK}{'@' if kept == '://' else ''}"


def mask_values(value: Any) -> Any:
    """Plain builtins with every text in them masked, names in mappings included.

    Args:
        value: lists, tuples, mappings and scalars.

    Returns:
        The same kinds of values.
    """
    match value:
        case str():
            return mask(value)
        case dict():
            return {mask_values(name): mask_values(entry) for name, entry in value.items()}
        case list():
            return [mask_values(entry) for entry in value]
        case tuple():
            return tuple(mask_values(entry) for entry in value)
        case _:
            return value
