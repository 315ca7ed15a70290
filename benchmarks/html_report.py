"""The size of an HTML report and the time until a browser has opened it, against their budgets.

    python -m benchmarks.html_report            # 500 tests x 3 metrics, green and not green
    python -m benchmarks.html_report --tests 50 --case not-green --keep report.html

Case `green`: every tenth test lost more than its margin, every tenth crashed in a seed, most of the
others are green. Case `not-green`: seven of ten lost six or two standard deviations, one of ten
crashed in a seed. 20 seeds against 5 to 40, two learning curves of 100 points each,
hyper-parameters, 6 revisions, captured output of seeds that failed, a timeline of 16 workers. The
time is `loadEventEnd` of the browser's own navigation timing, from the start of the navigation; the
least of five fresh profiles, since the machine does other things too.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline, Provenance, Spent
from pytest_mlregress.baselines.history import first_artifact, revise
from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.statistics.comparison import compare
from pytest_mlregress.timeline.spans import ItemSpan, Outcome, RunTimeline, WorkerTimeline
from pytest_mlregress.verdicts.since import Since
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

BYTES = 5_000_000
SECONDS = 1.5

LOSSES = {"green": (6.0,), "not-green": (6.0, 0.0, 6.0, 6.0, 2.0, 2.0, 6.0, 6.0)}
"""By case, how many standard deviations each of ten tests lost; those that are not named none."""

METRICS = (("accuracy", True), ("loss", False), ("f1/macro", True))
POINTS = range(0, 1000, 10)
TIMING = """<script>
addEventListener("load", () => setTimeout(() => {
  const entry = performance.getEntriesByType("navigation")[0];
  document.title = "timing " + JSON.stringify([entry.domInteractive, entry.loadEventEnd]);
}));
</script>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tests", type=int, default=500)
    parser.add_argument("--case", choices=LOSSES, help="one case alone")
    parser.add_argument("--keep", type=Path, help="where the last page is left")
    arguments = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    for case in [arguments.case] if arguments.case else LOSSES:
        page = written(case, arguments.tests)
        if arguments.keep:
            arguments.keep.write_text(page, encoding="utf-8")
        if browser is not None:
            print_times(browser, page)
    if browser is None:
        sys.exit("no chromium here: the time was not measured")
    blank = min(load_times(browser, "<!doctype html><body></body>")[1] for _ in range(5)) / 1000
    print(f"an empty page opens in {blank:.2f} s")


def written(case: str, tests: int) -> str:
    """The page of a case; prints its size."""
    report = a_report(tests, LOSSES[case])
    started = time.perf_counter()
    page = to_html(report)
    took = time.perf_counter() - started
    size = len(page.encode())
    green = report.totals.colours[Colour.GREEN]
    print(f"{tests} tests x {len(METRICS)} metrics, {green} tests green, written in {took:.1f} s")
    print(f"size  {size / 1e6:5.2f} MB = {size / BYTES:.2f} of the budget of {BYTES / 1e6:.0f} MB")
    return page


def print_times(browser: str, page: str) -> None:
    """The best of five."""
    runs = [load_times(browser, page) for _ in range(5)]
    interactive, loaded = (min(run[index] for run in runs) / 1000 for index in (0, 1))
    slowest = max(run[1] for run in runs) / 1000
    print(f"open  {loaded:5.2f} s  = {loaded / SECONDS:.2f} of the budget of {SECONDS} s")
    print(f"      (document parsed after {interactive:.2f} s; slowest of five {slowest:.2f} s)")


def load_times(browser: str, page: str) -> tuple[float, float]:
    """Milliseconds until the document was parsed, and until it was loaded with its script run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        # The page's policy forbids scripts that are not its own, so it is taken out here.
        free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page, count=1)
        path.write_text(free.replace("</body>", f"{TIMING}</body>"), encoding="utf-8")
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={folder}/profile", "--dump-dom", path.as_uri()),
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    title = re.search(r"<title>timing (\[.*?\])</title>", found.stdout)
    if title is None:
        sys.exit("the browser told no time")
    interactive, loaded = json.loads(title[1])
    return interactive, loaded


def a_report(tests: int, losses: Sequence[float] = LOSSES["green"]) -> RunReport:
    rng = np.random.default_rng(12)
    verdicts, baselines = [], {}
    for index in range(tests):
        lost = dict(enumerate(losses)).get(index % 10, 0.0)
        verdict, artifact = a_test(rng, index, lost)
        verdicts.append(verdict)
        baselines[verdict.test, verdict.tier] = artifact
    return RunReport(
        tuple(verdicts),
        baselines=baselines,
        comparisons=3 * tests,
        machine="Linux x86_64, 8 CPUs",
        timeline=a_timeline(verdicts),
    )


def a_timeline(verdicts: Sequence[Verdict], workers: int = 16) -> RunTimeline:
    """Each seed on the worker that is free first, a second after the one before."""
    free = [20.0 + number for number in range(workers)]
    items: list[list[ItemSpan]] = [[] for _ in range(workers)]
    for verdict in verdicts:
        for seed in verdict.seeds:
            at = free.index(min(free))
            outcome: Outcome = "failed" if seed.outcome == "failed" else "finished"
            node_id = verdict.test.replace("]", f"-seed{seed.seed}]")
            items[at].append(ItemSpan(node_id, free[at], seed.duration, "candidate", outcome))
            free[at] += seed.duration + 1.0
    return RunTimeline(
        max(free),
        tuple(
            WorkerTimeline(f"gw{number}", 0.0, max(free), tuple(spans), (2.0, 12.0))
            for number, spans in enumerate(items)
        ),
    )


def a_test(rng: np.random.Generator, index: int, lost: float) -> tuple[Verdict, Artifact]:
    """A test that lost so many standard deviations; every tenth crashed in a seed."""
    name = f"tests/models/test_model_{index // 20}.py::TestTraining::test_fit[resnet-{index}]"
    n = int(rng.integers(5, 41))
    before = {name: sample(rng, 20, 0.9) for name, _ in METRICS}
    now = {
        name: sample(rng, n, 0.9 - (0.01 * lost if higher else -0.01 * lost))
        for name, higher in METRICS
    }
    artifact = a_baseline(rng, name, before)
    metrics = tuple(a_metric(m, higher, before[m], now[m]) for m, higher in METRICS)
    seeds = tuple(a_seed(rng, seed, {m: now[m][seed] for m, _ in METRICS}) for seed in range(n))
    kind = max((metric.kind for metric in metrics), key=list(VerdictKind).index)
    colour = Colour.RED if kind is VerdictKind.REGRESSION else Colour.GREEN
    if index % 10 == 1:
        kind, colour = VerdictKind.DIVERGED, Colour.RED
        text = "\n".join(f"epoch {epoch}: loss {rng.random():.6f}" for epoch in range(200))
        seeds = (replace(seeds[0], outcome="failed", message="boom", captured=text), *seeds[1:])
    elif kind in (VerdictKind.INCONCLUSIVE, VerdictKind.MINOR):
        colour = Colour.YELLOW
    verdict = Verdict(
        test=name,
        tier="default",
        kind=kind,
        colour=colour,
        metrics=metrics,
        seeds=seeds,
        planned=tuple(range(n)),
        selected=tuple(range(n)),
        decided_after=n,
        baseline_commit="4041c47",
        since=Since("4041c47" + "0" * 33, "2026-03-12", 2),
    )
    return verdict, artifact


def sample(rng: np.random.Generator, n: int, mean: float) -> dict[int, float]:
    return dict(enumerate(rng.normal(mean, 0.01, n).tolist()))


def a_metric(
    name: str, higher: bool, before: dict[int, float], now: dict[int, float]
) -> MetricVerdict:
    comparison = compare(
        list(before.values()),
        list(now.values()),
        higher_is_better=higher,
        margin=0.03,
        alpha=0.001,
        test="welch",
    )
    return MetricVerdict(
        name=name,
        kind=VerdictKind(comparison.verdict),
        higher_is_better=higher,
        declared=0.03,
        alpha=0.001,
        baseline=before,
        candidate=now,
        comparison=comparison,
    )


def a_curve(rng: np.random.Generator, end: float) -> tuple[tuple[int, float], ...]:
    noise = rng.normal(0, 0.02, len(POINTS))
    return tuple(
        (step, float(2 * np.exp(-step / 200) + end + e))
        for step, e in zip(POINTS, noise, strict=True)
    )


def a_seed(rng: np.random.Generator, seed: int, values: dict[str, float]) -> SeedResult:
    return SeedResult(
        seed=seed,
        outcome="finished",
        metrics=tuple(RecordedMetric(m, values[m], higher) for m, higher in METRICS),
        curves={name: a_curve(rng, 0.3) for name in ("loss", "val/loss")},
        params={"lr": 0.1, "batch": 32, "depth": 18, "optimizer": "adamw"},
        data={"train": "sha256:" + "ab" * 32},
        duration=float(rng.uniform(30, 300)),
        peak_memory=int(rng.integers(10**9, 4 * 10**9)),
    )


def a_baseline(
    rng: np.random.Generator, name: str, before: dict[str, dict[int, float]]
) -> Artifact:
    """Of six revisions."""
    provenance = Provenance(plugin="0", time="2026-03-12T00:00:00+00:00", commit="4041c47")
    metrics = {
        metric: MetricBaseline(higher_is_better=higher, values=before[metric])
        for metric, higher in METRICS
    }
    curves = {c: {s: a_curve(rng, 0.3) for s in range(20)} for c in ("loss", "val/loss")}
    artifact = first_artifact(name, "default", metrics, provenance)
    for _ in range(5):
        effects = {metric: float(rng.normal(0, 0.003)) for metric, _ in METRICS}
        artifact = revise(
            artifact, metrics, provenance, effects=effects, reason="accuracy: pass", curves=curves
        )
    spent = {seed: Spent(duration=100.0, peak_memory=10**9) for seed in range(20)}
    return replace(artifact, spent=spent, params={"lr": 0.1, "batch": 64, "depth": 18})


if __name__ == "__main__":
    main()
