"""What users read of an ablation: sentences, tables, and reports in every format."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import ablation_cases as cases
import pytest
from ablation_cases import AB, BASE, A, B

from pytest_mlregress.reporting.ablation.report import (
    ablation_document,
    ablation_html,
    ablation_svg,
    check_ablation_report,
    write_ablation_report,
)
from pytest_mlregress.reporting.ablation.table import ablation_table
from pytest_mlregress.reporting.ablation.words import headline, sentences
from pytest_mlregress.reporting.plots.interaction import BOTTOM, TOP, interaction_plots
from pytest_mlregress.revisions.ablation.results import Ablation, CellOutcome, MetricEffects
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.statistics.factorial_results import CellSummary, JointLoss

HOSTILE = "<script>alert('x')</script>\x1b[31m|`*_"


def said(metric: MetricEffects) -> list[str]:
    return [sentence.text for sentence in sentences(metric)]


def with_changes(metric: MetricEffects, **changes: object) -> MetricEffects:
    """The first change with other fields."""
    assert metric.effects is not None
    first, *rest = metric.effects.changes
    effects = replace(metric.effects, changes=(replace(first, **changes), *rest))
    return replace(metric, effects=effects)


def test_the_whole_text_of_a_hidden_loss() -> None:
    assert ablation_table(cases.ablation()) == (
        """\
2 changes on main (9b1d3aa): all of 4 combinations, at most 10 seeds each
  A: wide, 2 commits since 9b1d3aa
  B: the patch patches/rate.patch

tests/test_digits.py::test_fit
accuracy, higher is better, margin 0.01
  cell   mean      SD  seeds
  BASE  0.930  0.0015  5
  A     0.950  0.0015  5
  B     0.910  0.0015  5
  A+B   0.935  0.0015  5
  effect         change  interval            p(loss)
  A alone       +0.0200  [+0.0160, +0.0240]      0.6  safe
  A with B      +0.0250  [+0.0210, +0.0290]      0.6  safe
  A on average  +0.0225  [+0.0205, +0.0245]      0.6  safe
  B alone       -0.0200  [-0.0240, -0.0160]    <.001  loss
  B with A      -0.0150  [-0.0190, -0.0110]    <.001  loss
  B on average  -0.0175  [-0.0195, -0.0155]    <.001  loss
  A x B         +0.0050  [-0.0010, +0.0110]      0.6
  changes are within seeds; together, the intervals hold with 90 % confidence
- B loses 0.020 [0.016, 0.024]; together with A it is hidden: A+B gains 0.005
  over BASE
- A gains 0.020 [0.016, 0.024]

12 seeds trained, 8 from earlier runs; decided after 5 of 10 seeds per cell
B loses
"""
    )


def test_losses_in_words() -> None:
    assert said(cases.two_changes((0.93, 0.9301, 0.91, 0.9101), ("safe", "loses"))) == [
        "B loses 0.020 [0.016, 0.024] alone and 0.020 [0.016, 0.024] with A",
        "A is safe: a loss of 0.01 is excluded",
    ]
    assert said(cases.two_changes((0.93, 0.93, 0.93, 0.90), ("loses", "safe")))[0] == (
        "A loses 0.030 [0.026, 0.034] with B, and not alone"
    )
    only_on_average = with_changes(
        cases.two_changes((0.93, 0.93, 0.93, 0.93), ("loses", "safe")),
        main=cases.effect("main", "A", -0.02),
    )
    assert said(only_on_average)[0] == (
        "A loses 0.020 [0.016, 0.024] on average over the combinations"
    )
    joint = JointLoss(("A", "B"), 0.03, (-0.034, -0.026), 0.0001)
    metric = cases.two_changes((0.93, 0.931, 0.929, 0.9), ("safe", "safe"), joint=(joint,))
    assert said(metric) == [
        "A and B lose 0.030 [0.026, 0.034] together; neither does alone",
        "A and B together lose more than the sum of their effects: interaction -0.030 "
        "[-0.036, -0.024]",
    ]
    assert headline(cases.ablation(metric)).text == "A and B lose"


def test_a_metric_of_which_less_is_better_loses_by_rising() -> None:
    metric = with_changes(
        replace(
            cases.two_changes((0.2, 0.23, 0.2, 0.23), ("loses", "safe")), higher_is_better=False
        ),
        alone=cases.effect("alone", "A", 0.03, loss=0.03, loss_shown=True, safe=False),
        with_others=None,
    )
    assert said(metric)[0] == "A loses 0.030 [0.026, 0.034] alone"


def test_failed_seeds_are_named_by_their_number() -> None:
    failing = cases.effect("alone", "A", -math.inf, loss=math.inf, loss_shown=True, safe=False)
    metric = with_changes(
        cases.two_changes((0.93, 0.93, 0.93, 0.93), ("loses", "safe")), alone=failing
    )
    assert metric.effects is not None
    none = CellSummary(math.nan, math.nan, 5, 5)
    cells = {**metric.effects.cells, A: none, AB: none}
    metric = replace(metric, effects=replace(metric.effects, cells=cells))
    assert said(metric)[0] == (
        "A fails: 10 of 10 seeds with it have no finite value, 0 of 10 without it"
    )
    assert "  A      nan     nan  5 (5 failed)" in ablation_table(cases.ablation(metric))


def test_what_is_not_known_is_said() -> None:
    metric = cases.two_changes((0.93, 0.93, 0.9299, 0.9302), ("unclear", "safe"), reach=0.02)
    assert said(metric) == [
        "A is unclear: it may lose up to 0.02 (A alone), and the margin is 0.01",
        "B is safe: a loss of 0.01 is excluded",
    ]
    assert headline(cases.ablation(metric)).text == "cannot tell whether A loses; B is safe"
    maybe = cases.two_changes((0.93, 0.92, 0.93, 0.92), ("unclear", "safe"), reach=0.02)
    assert said(maybe)[0] == (
        "A is unclear: a loss of 0.01 (A alone) may be noise or as much as 0.03; margin 0.01"
    )
    assert metric.effects is not None
    no_margin = replace(metric, effects=replace(metric.effects, margin=math.inf))
    assert said(no_margin)[0] == (
        "A is unclear: the seeds of BASE do not tell which loss matters; give --margin"
    )


def test_nothing_lost() -> None:
    metric = cases.two_changes((0.93, 0.931, 0.929, 0.93), ("safe", "safe"))
    assert said(metric) == ["neither A nor B loses more than 0.01"]
    assert headline(cases.ablation(metric)).text == "neither A nor B loses more than the margin"


def test_a_change_without_any_effect_is_named() -> None:
    metric = cases.two_changes((0.93, 0.93, 0.91, 0.91), ("safe", "loses"))
    assert said(metric)[1:] == [
        "A changes nothing: every seed is the same with and without it, bit for bit"
    ]


def test_a_single_change_has_one_comparison() -> None:
    two = cases.two_changes((0.93, 0.9, 0.93, 0.9), ("loses", "safe"))
    assert two.effects is not None
    one = replace(two.effects, changes=two.effects.changes[:1], interactions=())
    metric = replace(two, values={BASE: two.values[BASE], A: two.values[A]}, effects=one)
    assert said(metric) == ["A loses 0.030 [0.026, 0.034]"]
    ablation = cases.ablation(metric)
    ablation = replace(ablation, changes=ablation.changes[:1], cells=ablation.cells[:2])
    lines = ablation_table(ablation).splitlines()
    assert "  A       -0.030  [-0.034, -0.026]    <.001  loss" in lines
    (plot,) = interaction_plots(ablation, metric)
    (line,) = plot.lines
    assert (plot.title, line.label, len(line.marks)) == ("accuracy by A", "", 2)


def test_confounded_effects_are_named() -> None:
    metric = cases.two_changes((0.93, 0.93, 0.91, 0.91), ("loses", "safe"))
    alone = cases.effect("alone", "A", -0.02, aliases=(("B", "C", "D"), ("E", "F")))
    assert said(with_changes(metric, alone=alone, with_others=None))[0] == (
        "A loses 0.020 [0.016, 0.024] alone (or B x C x D or E x F: this design cannot tell)"
    )


def test_a_cell_that_was_not_trained() -> None:
    metric = replace(
        cases.two_changes((0.93, 0.93, 0.91, 0.91), ("safe", "loses")),
        problem="without A+B (left out), it is not known: whether A and B act on each other",
    )
    assert metric.effects is not None
    cells = {cell: s for cell, s in metric.effects.cells.items() if cell != AB}
    metric = replace(metric, effects=replace(metric.effects, cells=cells))
    ablation = cases.ablation(metric)
    missing = CellOutcome(AB, "A+B", "", "left out by --without")
    ablation = replace(ablation, cells=(*ablation.cells[:3], missing))
    lines = ablation_table(ablation).splitlines()
    assert lines[0] == "2 changes on main (9b1d3aa): 3 of 4 combinations, at most 10 seeds each"
    assert "  A+B was not trained: left out by --without" in lines
    assert "  A+B                 none" in lines
    assert lines[-4] == (
        "- without A+B (left out), it is not known: whether A and B act on each other"
    )


@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_and_no_word_is_broken(width: int) -> None:
    text = ablation_table(cases.ablation(), width=width)
    assert max(map(len, text.splitlines())) <= width
    words = set(ablation_table(cases.ablation(), width=200).split())
    if width == 80:
        assert set(text.split()) <= words


def test_names_have_the_room_that_figures_leave() -> None:
    metric = cases.masked()
    assert metric.effects is not None
    (interaction,) = metric.effects.interactions
    aliases = (("feature-one", "feature-two"), ("feature-three", "feature-four"))
    long = replace(interaction, aliases=aliases)
    metric = replace(metric, effects=replace(metric.effects, interactions=(long,)))
    lines = ablation_table(cases.ablation(metric)).splitlines()
    (row,) = [line for line in lines if line.startswith("  A x B = ")]
    assert len(row) <= 80
    assert row == "  A x B = fea...ree x feature-four  +0.0050  [-0.0010, +0.0110]      0.6"


def test_the_plot_puts_means_and_intervals_where_they_belong() -> None:
    metric = cases.masked()
    (plot,) = interaction_plots(cases.ablation(metric), metric)
    assert plot.title == "accuracy by A and B"
    assert [label for _, label in plot.columns] == ["without A", "with A"]
    off, on = plot.lines
    assert (off.label, on.label) == ("without B", "with B")
    # Upwards is better: BASE .93, A .95, B .91, A+B .935.
    assert off.marks[1].y < on.marks[1].y < off.marks[0].y < on.marks[0].y
    for mark in (*off.marks, *on.marks):
        assert TOP <= mark.high < mark.y < mark.low <= BOTTOM
    assert off.marks[0].title == "0.9300 [0.9281, 0.9319], 5 seeds"
    start, height = plot.loss
    assert off.marks[0].y < start < on.marks[0].y
    assert start + height == BOTTOM
    assert abs(off.label_y - on.label_y) >= 14


def test_failed_seeds_are_left_out_of_a_plot() -> None:
    metric = cases.masked()
    values = {**metric.values, B: dict.fromkeys(range(5), -math.inf)}
    (plot,) = interaction_plots(cases.ablation(), replace(metric, values=values))
    assert [len(line.marks) for line in plot.lines] == [2, 1]
    empty = replace(metric, values={BASE: {0: math.nan}})
    assert interaction_plots(cases.ablation(), empty) == []


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def hostile() -> Ablation:
    """Every text that a user or a repository can choose."""
    metric = replace(cases.masked(), metric=HOSTILE, test=f"tests/{HOSTILE}", problem=HOSTILE)
    found = cases.ablation(metric, base=HOSTILE, notes=(HOSTILE,))
    changes = tuple(replace(change, spec=HOSTILE) for change in found.changes)
    cells = (*found.cells[:3], replace(found.cells[3], unavailable=HOSTILE))
    return replace(found, changes=changes, cells=cells)


def test_html_is_self_contained_and_escaped(hostile: Ablation) -> None:
    page = ablation_html(hostile)
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert not parsed.tags & {"link", "img", "iframe", "object"}
    assert parsed.words.count("<script>alert('x')</script>\\x1b[31m") >= 5
    assert "http" not in page.replace("http-equiv", "")
    assert "\x1b" not in page
    assert "svg" in parsed.tags
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


def test_svg_is_well_formed_alone_and_escaped(hostile: Ablation) -> None:
    text = ablation_svg(hostile)
    tree = ET.fromstring(text)
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    assert not [node for node in tree.iter() if node.tag.endswith("script")]
    assert "prefers-color-scheme: dark" in text
    assert re.sub(r'xmlns="[^"]*"', "", text).count("http") == 0
    plain = ET.fromstring(ablation_svg(cases.ablation()))
    labels = [node.text for node in plain.iter("{http://www.w3.org/2000/svg}text")]
    assert labels[:3] == ["B loses", "tests/test_digits.py::test_fit", "accuracy by A and B"]


def test_json_keeps_all_digits_and_is_strict(tmp_path: Path) -> None:
    metric = replace(cases.masked(), values={BASE: {0: 0.1234567890123}, A: {0: -math.inf}})
    write_ablation_report(tmp_path / "deep" / "found.json", cases.ablation(metric))
    document = json.loads(
        (tmp_path / "deep" / "found.json").read_text(),
        parse_constant=lambda name: pytest.fail(name),
    )
    assert document["losing"] == ["B"]
    (found,) = document["metrics"]
    assert found["values"] == {"BASE": {"0": 0.1234567890123}, "A": {"0": "-inf"}}
    assert found["masks"] == [
        {"hidden": "B", "by": ["A"], "loss_alone": 0.02, "loss_together": -0.005}
    ]
    assert found["effects"][1]["alone"]["loss_shown"] is True
    assert ablation_document(cases.ablation())["answer"] == "B loses"


def test_markdown_has_the_tables_and_escapes(hostile: Ablation, tmp_path: Path) -> None:
    write_ablation_report(tmp_path / "found.md", cases.ablation())
    lines = (tmp_path / "found.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "## 🔴 mlregress ablate: B loses"
    assert "| BASE | 0.930 | 0.0015 | 5 |" in lines
    write_ablation_report(tmp_path / "hostile.md", hostile)
    text = (tmp_path / "hostile.md").read_text(encoding="utf-8")
    assert "<script>" not in re.sub(r"(`+).*?\1", "", text)


def test_a_report_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"ends with \.html, \.svg, \.md, \.json"):
        check_ablation_report(tmp_path / "found.txt")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CommandError, match="cannot write the report"):
        check_ablation_report(tmp_path / "file" / "found.html")
    check_ablation_report(tmp_path / "new" / "found.html")
    assert not (tmp_path / "new").exists()
