"""The five items of the ML code completeness checklist, in the README.

Stojnic, "ML Code Completeness Checklist", Papers with Code, 2020: repositories with all five items
have a median of 196 stars, those with none 1.5. https://github.com/paperswithcode/releasing-research-code
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.project_folder import nearest, text_of
from pytest_mlregress.doctor.readme_text import README_NAMES, Line, ReadmeText, read_readme
from pytest_mlregress.doctor.registry import Question, check


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of the checklist.

    Attributes:
        question: its name.
        what: what it is, for messages.
        headings: words of headings and of the texts of links.
        commands: commands that show it; None where only headings and links do.
        links: links or names of files that show it; None likewise.
        looked_for: the words, for messages.
        remedy: what to write.
        says_none: sentences that say that there is none, which is an answer; None likewise.
    """

    question: Question
    what: str
    headings: re.Pattern[str]
    commands: re.Pattern[str] | None
    links: re.Pattern[str] | None
    looked_for: str
    remedy: str
    says_none: re.Pattern[str] | None = None


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_RUN: Final = (
    r"(python[\d.]*|torchrun|accelerate launch|deepspeed|uv run|poetry run|bash|sh|make)\b"
)

_WEIGHTS: Final = (
    r"(pre-?\s?trained\s+(models?|weights|checkpoints?)|weights|checkpoints?|trained\s+models?)\b"
)
_GIVEN: Final = (
    r"\b(provided?|released?|available|published?|shared?|distributed?|included?|hosted|exists?"
    r"|yet|offered)\b"
)
_SAYS_NONE: Final = _any(
    rf"\bno\s+(\w+\s+)?{_WEIGHTS}[^.]*{_GIVEN}",
    rf"\b(there\s+(is|are)|{_GIVEN})\s+no\s+(\w+\s+)?{_WEIGHTS}",
    rf"\b{_WEIGHTS}[^.]{{0,20}}\b(none|not|never|n't|nowhere)\b[^.]*{_GIVEN}",
    rf"\b{_WEIGHTS}\W*:\W*(none|no\b|n/a)",
)
"""Sentences that say that there are no pre-trained models."""

_ITEMS: Final = (
    _Item(
        Question(
            "readme-install", "readme", "The README says how to install the dependencies."
        ),
        "how to install the dependencies",
        _any(
            r"\binstall(ing|ation)?\b", r"\brequirements?\b", r"\bdependenc(y|ies)\b",
            r"\bset-?\s?up\b", r"\bprerequisites?\b", r"\benvironment\b",
            r"\bgetting started\b", r"\bquick ?start\b",
        ),
        _any(
            r"\b(pip3?|uv|conda|mamba|poetry|pdm|pipenv|pixi)\s+(pip\s+)?(install|sync|add|env)\b",
            r"\bdocker\s+(build|pull|run|compose)\b", r"\bmake\s+(install|setup|env|venv)\b",
        ),
        None,
        "a heading such as Installation or Requirements, or a command such as pip install",
        "add a section Installation with the command that installs the pinned dependencies",
    ),
    _Item(
        Question("readme-train", "readme", "The README says how to train."),
        "how to train",
        _any(r"\b(re-?)?train(ing|er)?\b", r"\breproduc(e|ing|ibility|tion)\b",
             r"\bfine-?\s?tun(e|ing)\b", r"\bexperiments?\b"),
        _any(rf"{_RUN}.*\b\w*(train|finetune|fine_tune|fit|pretrain|main|run_\w+)\w*\b",
             r"\bmlregress\b.*--mlregress-update", r"--do_train\b"),
        None,
        "a heading such as Training, or a command such as python train.py",
        "add a section Training with the exact command of the reported model",
    ),
    _Item(
        Question("readme-evaluate", "readme", "The README says how to evaluate."),
        "how to evaluate",
        _any(r"\beval(uat(e|ing|ion))?\b", r"\bbenchmark(s|ing)?\b", r"\binference\b",
             r"\btest(ing)? the model\b", r"\bvalidation\b"),
        _any(rf"{_RUN}.*\b\w*(eval|validate|predict|infer|benchmark|score|test)\w*\.(py|sh)\b",
             r"\bpython[\d.]*\s+-m\s+[\w.]*(eval|validat|predict|infer|benchmark|score)",
             rf"{_RUN}.*--(do_)?(eval|test|predict)\w*", r"\bmake\s+(eval\w*|benchmark\w*)",
             r"\bpytest\b.*-m\s+[\"']?mlregress", r"\b\w+\s+eval(uate)?\b"),
        None,
        "a heading such as Evaluation, or a command such as python eval.py",
        "add a section Evaluation with the command that gives the reported numbers",
    ),
    _Item(
        Question(
            "readme-models", "readme", "The README links to pre-trained models, or says none exist."
        ),
        "where pre-trained models are",
        _any(r"\bpre-?\s?trained\b", r"\bmodel (zoo|weights|checkpoints?|cards?)\b",
             r"\bcheckpoints?\b", r"\bweights\b", r"^models?$", r"\btrained models?\b"),
        _any(r"from_pretrained\(\s*[\"'][\w.-]+/[\w.-]+", r"torch\.hub\.load",
             r"\bhf\s+download\b|\bhuggingface-cli\s+download\b"),
        _any(r"https?://\S+\.(pt|pth|ckpt|safetensors|bin|onnx|h5|npz|tar\.gz|joblib)\b",
             r"https?://huggingface\.co/(?!datasets|spaces|docs|papers)[\w.-]+/[\w.-]+",
             r"https?://drive\.google\.com/\S+"),
        "a heading such as Pre-trained models, or a link to weights (.pt, huggingface.co/…)",
        "add a section Pre-trained models with a link, or with the words that there are none",
        says_none=_SAYS_NONE,
    ),
    _Item(
        Question("readme-results", "readme", "The README has a table of the main results."),
        "the main results",
        _any(r"\bresults?\b", r"\bperformance\b", r"\bbenchmarks?\b", r"\bleaderboard\b",
             r"\baccurac(y|ies)\b", r"\bscores?\b"),
        None,
        None,
        "a heading such as Results with a table, a plot or numbers below it",
        "add a section Results: a table of metric, value and the command that gives it",
    ),
)  # fmt: skip

_METRIC: Final = _any(
    r"\b(acc(uracy)?|top-?[15]|f1|auc|auroc|auprc|m?ap|m?iou|dice|bleu|rouge(-?\w)?|meteor)\b",
    r"\b(perplexity|ppl|loss|error( rate)?|rmse|mse|mae|mape|r2|wer|cer|fid|psnr|ssim|nll)\b",
    r"\b(precision|recall|score|reward|return|log-?likelihood)\b|R²",
)
_LABEL: Final = re.compile(r"^[\s*_>-]*([^:`|]{1,40}):.*`[^`]+`")
"""Words, a colon and code, as in "Evaluation: `make eval`"."""

_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]+\)|`([^`<]+) <[^>]+>`_")
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(\.\d+)?\s*%?(?![\w.])")
_FIGURE: Final = re.compile(
    r"!\[[^\]]*\]\(|<img\b|<table\b|^\.\. (image|figure|list-table|table)::"
)


@check(*(item.question for item in _ITEMS))
def readme_checklist(project: Project) -> Iterator[DoctorFinding]:
    """Look for each item in the headings, commands and links of the nearest README."""
    file = nearest(project.folder, project.top, *README_NAMES)
    if file is None:
        for item in _ITEMS:
            evidence = f"there is no README: it would say {item.what}"
            yield item.question.warning(evidence, f"write README.md; {item.remedy}")
        return
    readme = read_readme(text_of(file))
    for item in _ITEMS:
        yield _look_for(item, readme, file, project)


def _look_for(item: _Item, readme: ReadmeText, file: Path, project: Project) -> DoctorFinding:
    wants_numbers = item.question.name == "readme-results"
    headings = [line for line in readme.headings if item.headings.search(line.text)]
    for line in headings:
        if not wants_numbers or _shows_numbers(readme.section(line)):
            return _found(item, f"the heading {line.text!r}", file, line, project)
    if wants_numbers and (row := _row_of_results(readme)):
        return _found(item, f"the table {_short(row.text)}", file, row, project)
    if headings and wants_numbers:
        line = headings[0]
        return item.question.warning(
            f"the section {line.text!r} has neither a table, a figure nor numbers",
            item.remedy,
            project.place(file, line.number),
        )
    if item.commands is not None and (command := _first(readme.code, item.commands)):
        return _found(item, f"the command {_short(command.text)}", file, command, project)
    if item.commands is not None and (said := _labelled(readme.prose, item.headings)):
        return _found(item, f"the line {_short(said.text)}", file, said, project)
    if item.says_none is not None and (said := _first(readme.prose, item.says_none)):
        return _found(item, f"the line {_short(said.text)}", file, said, project)
    lines = (*readme.prose, *readme.code)
    link = _first(lines, item.links) if item.links is not None else None
    link = link or _linked(readme.prose, item.headings)
    if link is not None:
        return _found(item, f"the link {_short(link.text)}", file, link, project)
    return item.question.warning(
        f"does not say {item.what}; looked for {item.looked_for}",
        item.remedy,
        project.place(file),
    )


def _found(item: _Item, what: str, file: Path, line: Line, project: Project) -> DoctorFinding:
    return item.question.ok(f"says {item.what}: {what}", project.place(file, line.number))


def _first(lines: Iterable[Line], pattern: re.Pattern[str]) -> Line | None:
    return next((line for line in lines if pattern.search(line.text)), None)


def _linked(lines: Iterable[Line], pattern: re.Pattern[str]) -> Line | None:
    """The first line with a link whose text is about it, as a README that points to its docs."""
    for line in lines:
        for found in _LINK.finditer(line.text):
            if pattern.search(found[1] or found[2] or ""):
                return Line(line.number, found[1] or found[2])
    return None


def _labelled(lines: Iterable[Line], pattern: re.Pattern[str]) -> Line | None:
    """The first line with code behind a label that is about it."""
    labels = ((line, _LABEL.match(line.text)) for line in lines)
    return next((line for line, label in labels if label and pattern.search(label[1])), None)


def _row_of_results(readme: ReadmeText) -> Line | None:
    """The first row with a number in a table that names a metric."""
    for rows in readme.tables():
        for row in rows:
            if _METRIC.search(f"{rows[0].text} {row.text}") and _NUMBER.search(row.text):
                return row
    return None


def _shows_numbers(section: list[Line]) -> bool:
    """A figure, or a row of a table with a number, or two lines with numbers."""
    rows = [line for line in section if "|" in line.text and _NUMBER.search(line.text)]
    numbers = [line for line in section if _NUMBER.search(line.text)]
    return bool(rows) or len(numbers) > 1 or any(_FIGURE.search(line.text) for line in section)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
