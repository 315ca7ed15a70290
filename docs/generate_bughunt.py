"""Write the pages of `docs/bughunt` from the catalogue: one page a chapter, and the list of slugs.

python docs/generate_bughunt.py            write them
python docs/generate_bughunt.py --check    end with 1 where one is not up to date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pytest_mlregress.bughunt.catalogue import RULES

FOLDER = Path(__file__).parent / "bughunt"
BEGIN, END = "<!-- generated: slugs -->", "<!-- end -->"

CHAPTERS = {
    "losses": ("Losses", "What a loss is given, and what it rewards."),
    "reshaping": ("Reshaping", "Views and reshapes in place of a permute."),
    "leakage": ("Leakage", "Information that reaches the model and must not."),
    "gradients": (
        "Gradients",
        "Gradients that are kept, lost, not finite, too large, too small.",
    ),
    "parameters": (
        "Parameters",
        "Parameters that do not train, have no use, or start in the wrong place.",
    ),
    "training_step": ("The training step", "The order and the parts of a training step."),
    "evaluation": ("Evaluation", "Modes, generators, data and models around an evaluation."),
    "learning": ("Learning", "Programs that do not learn, or learn what cannot be learned."),
    "suppressions": ("Suppressions", "What is said about suppressions themselves."),
}


def readable(template: str) -> str:
    """A message with its placeholders as what they are: names in angle brackets."""
    named = re.sub(r"(?<!\{)\{(\w+)\}(?!\})", r"‹\1›", template)
    return named.replace("{{", "{").replace("}}", "}")


def pages() -> dict[Path, str]:
    """The text of every generated page, and of the index with its list of slugs."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown
    )
    environment.filters["readable"] = readable
    template = environment.get_template("chapter.md.j2")
    made = {}
    lines = []
    for chapter, (title, about) in CHAPTERS.items():
        rules = [rule for rule in RULES.values() if rule.chapter == chapter]
        page = template.render(title=title, about=about, rules=rules)
        made[FOLDER / f"{chapter}.md"] = page.rstrip() + "\n"
        links = ", ".join(f"[`{rule.slug}`]({chapter}.md#{rule.slug})" for rule in rules)
        lines.append(f"- **{title}**: {links}")
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    before, _, rest = index.partition(BEGIN)
    after = rest.partition(END)[2]
    made[FOLDER / "index.md"] = f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}"
    return made


def main() -> int:
    """Write or check the pages; 1 where a check finds an old one."""
    stale = [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path} is not what the catalogue says: run python docs/generate_bughunt.py")
        return int(bool(stale))
    for path in stale:
        path.write_text(pages()[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
