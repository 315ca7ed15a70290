"""Text can be read in both palettes: a contrast of 4.5 to 1, as WCAG 2.2 (1.4.3) asks for."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

SOURCE = (files("pytest_mlregress.reporting") / "templates" / "palette.css").read_text("utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", part)) for part in SOURCE.split("@media")
)


def luminance(colour: str) -> float:
    """Relative, as WCAG defines it."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("under", ["page", "card"])
@pytest.mark.parametrize("text", ["ink", "soft", "red", "yellow", "green", "before", "now"])
def test_text_stands_out(palette: dict[str, str], under: str, text: str) -> None:
    assert contrast(palette[text], palette[under]) >= 4.5
