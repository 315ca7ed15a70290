"""A constant seed inside the training: every seed of a test trains alike."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.doctor.bit_comparison import first_difference
from pytest_mlregress.doctor.finding import DoctorFinding, Level
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.python_code import keyword_of
from pytest_mlregress.doctor.reachable_code import (
    ReachableCall,
    ReachableFunction,
    calls_of,
    reachable_functions,
)
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.node_ids import without_parameters
from pytest_mlregress.plurals import count_of

FIXED: Final = Question(
    "seed-fixed",
    "seeds",
    "No constant seed resets a generator inside the training that the tests run; fixed splits, "
    "local generators and `fork_rng` are fine.",
)

_GLOBAL: Final = re.compile(
    r"torch(\.cuda)?\.(manual_seed(_all)?|seed)|torch\.random\.manual_seed"
    r"|numpy\.random\.seed|random\.seed"
    r"|tensorflow\.random\.set_seed|(tensorflow\.)?keras\.utils\.set_random_seed"
    r"|mxnet\.random\.seed|paddle\.seed"
)
"""Functions that seed a generator of the whole process."""

_BY_NAME: Final = frozenset(
    {
        *("seed_everything", "set_seed", "set_seeds", "fix_seed", "set_random_seed", "seed_all"),
        *("set_all_seeds", "fix_random_seed", "fix_seeds", "isolate_rng_seed"),
    }
)
_DATA: Final = re.compile(
    r"data|dataset|split|load|corpus|batch|sample|toy|synth|make_|generate|fold|prepare",
    re.IGNORECASE,
)
_EVALUATION: Final = re.compile(r"eval|test|valid|metric|score|predict|infer|visuali|plot", re.I)
_RESTORES: Final = re.compile(
    r"fork_rng|set_rng_state|set_state|setstate|isolate_rng|temporary_seed|preserve_rng"
)
_HUGGING_FACE: Final = frozenset({"TrainingArguments", "Seq2SeqTrainingArguments"})
_ESTIMATORS: Final = frozenset({"sklearn", "xgboost", "lightgbm", "catboost"})
"""Libraries whose classes are models that take their seed from a keyword."""
_SEED_KEYWORDS: Final = frozenset({"random_state", "random_seed", "seed"})
_NO_ESTIMATOR: Final = re.compile(r"Fold|Split|Sampler|Bootstrap|Dataset|DataLoader|Imputer|State$")


@check(FIXED)
def seed_fixed(project: Project) -> Iterator[DoctorFinding]:
    """Look for seeds that are constants in the functions that the tests reach."""
    project.require_tests()
    tests = [test for test in project.tests if test.argument("deterministic") is not True]
    if not tests:
        raise CannotCheckError("every test declares deterministic=True")
    functions = reachable_functions(project, tests)
    calls = list(calls_of(functions))
    found = [
        *_reseeding(calls, project),
        *_handed_over(calls, functions, project),
        *_hugging_face(calls, project),
        *_estimators(calls, project),
    ]
    yield from found
    if not found:
        yield FIXED.ok(
            f"no constant seed in {count_of(len(functions), 'function')} that "
            f"{count_of(len(tests), 'test')} can run"
        )


def _is_seeding(call: ReachableCall) -> bool:
    last = call.name.rpartition(".")[2]
    return _GLOBAL.fullmatch(call.name) is not None or last in _BY_NAME


def _seed_of(call: ast.Call) -> ast.expr | None:
    return call.args[0] if call.args else keyword_of(call, "seed", "a", "random_seed", "rng_seed")


def _reseeding(calls: Sequence[ReachableCall], project: Project) -> Iterator[DoctorFinding]:
    seeded = {_family(each) for each in calls if _is_seeding(each) and _takes_a_variable(each)}
    for each in calls:
        function = each.function
        value = function.module.constant_int(_seed_of(each.call))
        if value is None or not _is_seeding(each) or _restores(function):
            continue
        if not seeded.isdisjoint({_family(each), ""}):
            continue  # the same generator is seeded with a variable, too: data are fixed, say
        level, words = _weight(function.node.name, is_test=function.is_test)
        yield FIXED.found(
            level,
            f"{ast.unparse(each.call)} in {function.node.name}() {words}",
            "pass the test's seed on: "
            f"{ast.unparse(each.call.func)}(mlregress.seed), or remove the call: the plugin "
            "seeds every generator",
            project.place(function.module.file, each.line),
        )


def _family(call: ReachableCall) -> str:
    """The library whose generator a call seeds; empty for all of them."""
    return "" if call.name.rpartition(".")[2] in _BY_NAME else call.name.partition(".")[0]


def _takes_a_variable(call: ReachableCall) -> bool:
    """Whether a seed is handed over that is no constant of the function's own."""
    seed = _seed_of(call.call)
    return seed is not None and call.function.module.constant_int(seed) is None


def _weight(name: str, *, is_test: bool) -> tuple[Level, str]:
    """How bad a reset is, by where it is made."""
    if not is_test and _DATA.search(name):
        return "warning", "resets the generator: what is drawn after it is alike in every seed"
    if not is_test and _EVALUATION.search(name):
        return "warning", "resets the generator: a training that goes on draws the same again"
    return "problem", "makes every seed of the test draw the same numbers"


def _restores(function: ReachableFunction) -> bool:
    return _RESTORES.search(ast.unparse(function.node)) is not None


def _handed_over(
    calls: Sequence[ReachableCall], functions: Sequence[ReachableFunction], project: Project
) -> Iterator[DoctorFinding]:
    """Calls with a constant, or none, for the parameter that a function seeds with.

    A function that another call gives a variable seed is left alone: a reference model may well
    have a seed of its own.
    """
    for function in functions:
        if sum(other.node.name == function.node.name for other in functions) > 1:
            continue  # which of them a call means is not known
        if (parameter := _seeding_parameter(function, calls)) is None:
            continue
        own = [each for each in calls if each.name.rpartition(".")[2] == function.node.name]
        given = [(each, *_given(each, function, parameter)) for each in own]
        if all(is_constant for _, is_constant, _ in given):
            for each, _, what in given:
                if _is_seeding(each) and _seed_of(each.call) is not None:
                    continue  # said already, as a call of a seeding function
                yield FIXED.problem(
                    f"{function.node.name}() is called {what}, which seeds the generators "
                    f"({project.place(function.module.file, function.node.lineno)})",
                    f"pass {parameter}=mlregress.seed",
                    project.place(each.function.module.file, each.line),
                )


def _seeding_parameter(function: ReachableFunction, calls: Sequence[ReachableCall]) -> str | None:
    """The parameter that a function seeds a generator with."""
    arguments = function.node.args
    names = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
    for each in calls:
        seed = _seed_of(each.call)
        if each.function is not function or not _is_seeding(each) or _restores(function):
            continue
        if isinstance(seed, ast.Name) and seed.id in names:
            return seed.id
    return None


def _given(each: ReachableCall, function: ReachableFunction, parameter: str) -> tuple[bool, str]:
    """Whether a call gives a constant for a parameter, and how a message says so."""
    call = each.call
    names = [argument.arg for argument in function.node.args.args]
    names = names[1:] if names[:1] in (["self"], ["cls"]) else names
    value = keyword_of(call, parameter)
    if value is None and parameter in names and names.index(parameter) < len(call.args):
        value = call.args[names.index(parameter)]
    starred = any(isinstance(argument, ast.Starred) for argument in call.args) or any(
        keyword.arg is None for keyword in call.keywords
    )
    if value is None and not starred:
        default = _default_of(function, parameter)
        return default is not None, f"without {parameter}, whose default is {default}"
    number = each.function.module.constant_int(value)
    return number is not None, f"with {parameter}={number}"


def _default_of(function: ReachableFunction, parameter: str) -> int | None:
    arguments = function.node.args
    defaults = dict(zip(reversed(arguments.args), reversed(arguments.defaults), strict=False))
    named: dict[str, ast.expr | None] = {key.arg: value for key, value in defaults.items()}
    named |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)}
    return function.module.constant_int(named.get(parameter))


def _hugging_face(calls: Sequence[ReachableCall], project: Project) -> Iterator[DoctorFinding]:
    for each in calls:
        last = each.name.rpartition(".")[2]
        if last not in _HUGGING_FACE or not each.name.startswith("transformers."):
            continue
        given = keyword_of(each.call, "seed")
        value = each.function.module.constant_int(given)
        starred = any(keyword.arg is None for keyword in each.call.keywords)
        if (given is None and not starred) or value is not None:
            said = f"seed={value}" if value is not None else "no seed: it is 42 by default"
            yield FIXED.problem(
                f"{last} with {said}, and Trainer seeds every generator with it",
                f"{last}(seed=mlregress.seed, ...)",
                project.place(each.function.module.file, each.line),
            )


def _estimators(calls: Sequence[ReachableCall], project: Project) -> Iterator[DoctorFinding]:
    """Models with a constant ``random_state``, where nothing else takes the test's seed."""
    built = [
        (each, keyword, each.function.module.constant_int(keyword.value))
        for each in calls
        if each.name.rpartition(".")[2][:1].isupper() and not _NO_ESTIMATOR.search(each.name)
        for keyword in each.call.keywords
        if keyword.arg in _SEED_KEYWORDS
    ]
    libraries = {each.name.partition(".")[0] for each in calls}
    if any(value is None for _, _, value in built):
        return
    if {"torch", "tensorflow", "jax", "keras"} & libraries:
        return
    for each, keyword, value in built:
        if each.name.partition(".")[0] not in _ESTIMATORS:
            continue  # what a class of the project's own does with a seed, its name does not tell
        model = each.name.rpartition(".")[2]
        differ = _seeds_differ(each, project)
        yield FIXED.found(
            "warning" if differ else "problem",
            f"{model}({keyword.arg}={value}), and no other model takes the test's seed"
            + ("; its seeds differ by something else" if differ else ""),
            f"{model}({keyword.arg}=mlregress.seed, ...)",
            project.place(each.function.module.file, each.line),
        )


def _seeds_differ(call: ReachableCall, project: Project) -> bool:
    """Whether two seeds of the test were trained, and gave different bits."""
    test = project.node_id(call.function.test)
    trained = project.trainings.tests.values() if project.trainings is not None else ()
    results = [
        first_difference(own.first, own.other)
        for own in trained
        if without_parameters(own.test) == test and own.first and own.other
    ]
    return bool(results) and all(results)
