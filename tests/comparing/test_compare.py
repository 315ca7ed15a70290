"""Any two files of metrics have the verdict of a test and its baseline, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pytest_mlregress.cli import main
from pytest_mlregress.statistics import compare as compare_samples

BEFORE = [0.936, 0.930, 0.925, 0.924, 0.931, 0.932, 0.930, 0.922, 0.931, 0.935]
WORSE = [value - 0.03 + 0.0001 * k for k, value in enumerate(BEFORE)]
LIKE = [value + (-1) ** k * 0.0003 for k, value in enumerate(reversed(BEFORE))]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def compare(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["compare", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def write(name: str, content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    Path(name).write_text(text, "utf-8")
    return name


def csv(name: str, values: list[Any], column: str = "accuracy", delimiter: str = ",") -> str:
    lines = [delimiter.join(["seed", column])]
    lines += [f"{seed}{delimiter}{value}" for seed, value in enumerate(values)]
    return write(name, "\n".join(lines) + "\n")


def test_a_loss_is_red_with_the_numbers_of_the_statistics() -> None:
    csv("a.csv", BEFORE)
    csv("b.csv", WORSE)
    status, out, err = compare("a.csv", "b.csv", "--margin", "0.01", "--json")
    (test,) = json.loads(out)["tests"]
    expected = compare_samples(
        tuple(BEFORE), tuple(WORSE), higher_is_better=True, margin=0.01, alpha=0.05
    )
    assert (status, test["verdict"], test["id"]) == (1, "regression", "b.csv")
    assert test["metrics"][0]["p_harm"] == expected.p_harm
    assert test["metrics"][0]["difference"] == expected.difference
    assert err == (
        "compare: accuracy: higher is better, as its name says; otherwise write --metric "
        "accuracy:lower\n"
    )


def test_the_text_is_that_of_a_failed_test() -> None:
    csv("a.csv", BEFORE)
    csv("b.csv", WORSE)
    out = compare("a.csv", "b.csv", "--margin", "0.01")[1]
    assert out.startswith("accuracy regressed: 0.9296 -> 0.9001 (")
    assert out.splitlines()[1:] == [
        "sure    clearly worse: p = 5.4e-06, limit 0.05; 85 % interval, 10 vs 10 seeds",
        "",
        "regression: b.csv against a.csv; 1 metric: 1 regression; alpha 0.05 over 1 comparison",
        "-v shows every value and test",
    ]
    assert "mlregress-update" not in out


def test_rows_are_neither_seeds_nor_trainings_and_an_automatic_margin_is_called_so() -> None:
    for name, values in (("a.csv", BEFORE), ("b.csv", LIKE), ("c.csv", ["nan", *WORSE[1:]])):
        write(name, "\n".join(["f1,accuracy", *(f"{LIKE[0]},{value}" for value in values)]))
    for options in ((), ("-v",)):
        for after in ("b.csv", "c.csv"):
            _, out, err = compare("a.csv", after, "--metric", "accuracy:higher", *options)
            assert "seed" not in out + err
            assert "training" not in out + err
    out = compare("a.csv", "c.csv")[1]
    assert out.startswith("1 of 10 rows diverged: row 1: accuracy = nan\n")
    out = compare("a.csv", "b.csv")[1]
    assert "(auto, from 10 rows), p = " in out.replace("\n  ", " ")


def test_the_whole_text_has_every_value() -> None:
    csv("a.csv", BEFORE)
    csv("b.csv", LIKE)
    short, whole = compare("a.csv", "b.csv")[1], compare("a.csv", "b.csv", "-v")[1]
    assert len(short.splitlines()) < 6 < len(whole.splitlines())
    assert "0: 0.9353" in whole


@pytest.mark.parametrize(
    ("values", "options", "status"),
    [
        (LIKE, ["--margin", "0.01"], 0),
        (BEFORE, [], 0),
        (LIKE, ["--margin", "0.00001"], 0),
        (LIKE, ["--margin", "0.00001", "--strict"], 1),
        (WORSE, ["--metric", "accuracy:lower", "--margin", "1%"], 0),
        (["nan", *WORSE[1:]], [], 1),
    ],
)
def test_exit_status(values: list[Any], options: list[str], status: int) -> None:
    csv("a.csv", BEFORE)
    csv("b.csv", values)
    assert compare("a.csv", "b.csv", *options)[0] == status


def test_reports_of_files_count_their_rows() -> None:
    for name, values in (("a.csv", BEFORE), ("b.csv", WORSE)):
        write(name, "\n".join(["accuracy", *map(str, values)]) + "\n")
    compare("a.csv", "b.csv", "--report", "r.md", "--report", "r.html")
    text = Path("r.md").read_text("utf-8")
    assert "\nverdict after 10 rows\n" in text
    assert "\n| row | accuracy |\n" in text
    page = Path("r.html").read_text("utf-8")
    for part in (">10 rows<", ">Rows<", 'class="right">row<', ">row 1: ", "A dot is a row,"):
        assert part in page
    assert "10/0" not in page
    assert "0 s of training" not in page


def rows(values: list[float]) -> list[dict[str, float]]:
    return [{"seed": seed, "accuracy": value} for seed, value in enumerate(values)]


def artifact(values: list[float]) -> dict[str, Any]:
    by_seed = {str(seed): value for seed, value in enumerate(values)}
    metric = {"higher_is_better": True, "values": by_seed}
    return {
        "schema": 4,
        "test": "t",
        "tier": "default",
        "metrics": {"accuracy": metric},
        "provenance": {},
    }


def report(values: list[float]) -> dict[str, Any]:
    by_seed = {str(seed): value for seed, value in enumerate(values)}
    metric = {"name": "accuracy", "higher_is_better": True, "candidate": {"values": by_seed}}
    return {
        "generator": {"name": "pytest-mlregress"},
        "tests": [{"id": "test_x", "verdict": "pass", "metrics": [metric]}],
    }


def mlflow(values: list[float]) -> dict[str, Any]:
    return {
        "runs": [
            {"info": {}, "data": {"metrics": [{"key": "accuracy", "value": value}]}}
            for value in values
        ]
    }


def wandb_chart(values: list[float]) -> str:
    runs = [f"run-{k} - accuracy" for k in range(len(values))]
    head = ["Step", *(name for run in runs for name in (run, f"{run}__MIN", f"{run}__MAX"))]
    lines = [",".join(f'"{name}"' for name in head)]
    for step, part in ((1, 0.5), (2, 1.0)):
        cells = [str(step)]
        for value in values:
            cells += [str(value * part)] * 3
        lines.append(",".join(f'"{cell}"' for cell in cells))
    return "\n".join(lines)


def lines_of(values: list[float]) -> str:
    return "\n".join(json.dumps(row) for row in rows(values))


def nested(values: list[float]) -> str:
    return "\n".join(json.dumps({"run": {"id": "x"}, "metrics": {"acc": v}}) for v in values)


def table_of(values: list[float], delimiter: str, head: str) -> str:
    cells = [f"r{k}{delimiter}{value}" for k, value in enumerate(values)]
    return "\n".join([f"run_id{delimiter}{head}", *cells])


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", lambda values: table_of(values, ",", "metrics.accuracy")),
        (".tsv", lambda values: table_of(values, "\t", "val_accuracy")),
        (".csv", wandb_chart),
        (".csv", lambda values: "\ufeff" + table_of(values, ";", "accuracy").replace("\n", "\r\n")),
        (".jsonl", lines_of),
        (".jsonl", nested),
        (".json", rows),
        (".json", lambda values: {"accuracy": values}),
        (".json", lambda values: {"accuracy": {str(k): v for k, v in enumerate(values)}}),
        (".json", artifact),
        (".json", report),
        (".json", mlflow),
    ],
)
def test_every_format_gives_the_same_verdict(suffix: str, content: Any) -> None:
    before, after = write(f"a{suffix}", content(BEFORE)), write(f"b{suffix}", content(WORSE))
    status, out, err = compare(before, after, "--json")
    assert status == 1, err
    (metric,) = json.loads(out)["tests"][0]["metrics"]
    assert metric["verdict"] == "regression"
    assert sorted(metric["candidate"]["values"].values()) == sorted(WORSE)


def samples(losses: int) -> str:
    lines = []
    for example in range(120):
        score = float(example % 3 > 0) if example >= losses else 0.0
        lines.append(json.dumps({"doc_id": example, "doc": {}, "acc": score, "metrics": ["acc"]}))
    return "\n".join(lines)


def test_samples_of_lm_eval_are_paired_by_example() -> None:
    write("a.jsonl", samples(0))
    write("b.jsonl", samples(30))
    status, out, err = compare("a.jsonl", "b.jsonl", "--margin", "0.02", "--json")
    (metric,) = json.loads(out)["tests"][0]["metrics"]
    assert (status, metric["verdict"]) == (1, "regression")
    assert metric["pairs"]["p_sign_flips"] < 0.001
    assert err.splitlines()[0] == (
        "compare: this says nothing of another training: that takes several seeds of each"
    )
    assert "120 pairs" in compare("a.jsonl", "b.jsonl", "--margin", "0.02")[1]


def test_filters_of_lm_eval_are_metrics_of_their_own() -> None:
    def of(first: float) -> str:
        both = [(k, name) for k in range(20) for name in ("strict", "flexible")]
        return "\n".join(
            json.dumps(
                {"doc_id": k, "filter": name, "exact_match": first, "metrics": ["exact_match"]}
            )
            for k, name in both
        )

    write("a.jsonl", of(1.0))
    write("b.jsonl", of(1.0))
    out = compare("a.jsonl", "b.jsonl", "--json")[1]
    names = [metric["name"] for metric in json.loads(out)["tests"][0]["metrics"]]
    assert names == ["exact_match,strict", "exact_match,flexible"]


def test_pairs_find_what_two_samples_do_not() -> None:
    csv("a.csv", [0.90 + 0.01 * k for k in range(10)])
    csv("b.csv", [0.898 + 0.01 * k + 0.0001 * (k % 3) for k in range(10)])
    options = ("--margin", "0.05", "--json")
    unpaired = json.loads(compare("a.csv", "b.csv", *options)[1])["tests"][0]["metrics"][0]
    paired = json.loads(compare("a.csv", "b.csv", "--paired", *options)[1])["tests"][0]["metrics"][
        0
    ]
    assert paired["pairs"]["p_sign_flips"] < 0.05 < unpaired["p_harm"]


@pytest.mark.parametrize(
    ("before", "after", "options", "message"),
    [
        (BEFORE, ["n/a", *WORSE[1:]], [], "b.csv: line 2: 'accuracy' is 'n/a', no number; write"),
        (BEFORE, ["", *WORSE[1:]], [], "b.csv: line 2: 'accuracy' is empty; write nan for a run"),
        (BEFORE, WORSE, ["--metric", "f1"], "a.csv: has no column 'f1'; it has 'accuracy'"),
        (
            BEFORE,
            WORSE,
            ["--metric", "accuracy:highr"],
            "--metric accuracy:highr: 'highr' is no direction; write --metric accuracy:higher or "
            "--metric accuracy:lower",
        ),
        (
            BEFORE,
            WORSE,
            ["--metric", "accuracy:higher", "--metric", "accuracy:lower"],
            "--metric accuracy:higher and --metric accuracy:lower: more of 'accuracy' cannot be "
            "better and worse; give one of them",
        ),
        (BEFORE, [0.9], [], "b.csv: 'accuracy' has 1 value; chance cannot be told from fewer"),
        (
            BEFORE,
            [100 * value for value in WORSE],
            [],
            "mixed units: 'accuracy' is at most 0.936 in a.csv and reaches 90.6",
        ),
        (
            BEFORE,
            [f"{100 * value}%" for value in WORSE],
            [],
            "mixed units: 'accuracy' is in % in b.csv and not in a.csv; write both alike",
        ),
        (
            BEFORE,
            ["90%", *WORSE[1:]],
            [],
            "b.csv: mixed units: 'accuracy' is '90%' in line 2 and '0.9001' in line 3",
        ),
        (
            BEFORE,
            WORSE[:5],
            ["--paired"],
            "--paired: 5 of the values of 'accuracy' have no partner",
        ),
        (BEFORE, WORSE, ["--seed-column", "s"], "a.csv: has no column 's'; it has 'seed', "),
        (BEFORE, WORSE, ["--margin", "wide"], "--margin wide: "),
        (BEFORE, WORSE, ["--margin", "f1=0.1"], "--margin f1=0.1: 'f1' is not compared; "),
        (BEFORE, WORSE, ["--report", "x.txt"], "--report=x.txt: a report's name ends with "),
    ],
)
def test_what_cannot_be_compared(
    before: list[Any], after: list[Any], options: list[str], message: str
) -> None:
    csv("a.csv", before)
    csv("b.csv", after)
    status, out, err = compare("a.csv", "b.csv", *options)
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: {message}"), err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("b.csv", "", "b.csv: is empty"),
        ("b.csv", "seed,accuracy\n", "b.csv: has no row of values"),
        ("b.csv", "seed,accuracy\n1,0.9,3\n", "b.csv: line 2: has 3 cells, the header 2"),
        ("b.csv", "a,a\n1,2\n", "b.csv: line 1: the column 'a' stands twice"),
        ("b.csv", "seed,accuracy\n1,0.9\n1,0.8\n", "b.csv: line 3: seed 1 stands in line 2, too; "),
        ("b.jsonl", '{"a": 1}\n[1]\n', "b.jsonl: line 2: is no JSON object"),
        ("b.jsonl", "{", "b.jsonl: line 1: is no JSON: "),
        ("b.json", "3", "b.json: holds neither rows ([{...}, ...]) nor columns "),
        ("b.csv", "seed;accuracy\n1;0,9\n2;0.8\n", "b.csv: line 2: 'accuracy' is '0,9', no number"),
        (
            "b.csv",
            "f1\n1\n",
            "a.csv and b.csv share no column of numbers; a.csv has 'accuracy', b.",
        ),
        (
            "b.csv",
            f"accuracy\n{'9' * 400}\n0.9\n",
            f"b.csv: line 2: 'accuracy' is '{'9' * 39}..., ",
        ),
        (
            "b.json",
            f'{{"accuracy": [1{"0" * 400}, 0.9]}}',
            "b.json: accuracy, entry 1: 'accuracy' is",
        ),
        (
            "b.json",
            '{"runs": [{"data": {"metrics": [{"key": "accuracy"}]}}]}',
            "b.json: looks like ",
        ),
        ("b.json", '{"generator": {}, "tests": "no"}', "b.json: looks like a report of pytest-mlr"),
        ("b.csv.gz", "x", "b.csv.gz: is compressed; unpack it first, and give the file that it"),
        ("b.txt", "x", "b.txt: its name ends with none of .csv, .tsv, .jsonl, .json"),
        (
            "b.json",
            '{"results": {"arc": {"acc,none": 0.5}}, "configs": {}}',
            "b.json: holds one number for each metric of lm-evaluation-harness, which says nothing "
            "of chance; compare the samples: run lm_eval with --log_samples",
        ),
    ],
)
def test_files_that_cannot_be_read(name: str, content: str, message: str) -> None:
    csv("a.csv", BEFORE)
    write(name, content)
    status, out, err = compare("a.csv", name)
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: {message}"), err


def test_no_direction_is_guessed() -> None:
    for name in ("a.csv", "b.csv"):
        csv(name, BEFORE, column="score")
    status, _, err = compare("a.csv", "b.csv")
    assert status == 2
    assert "say so, for example --metric 'score':higher" in err
    assert compare("a.csv", "b.csv", "--metric", "score")[0] == 2
    assert compare("a.csv", "b.csv", "--metric", "score:lower")[0] == 0
