"""Pipelines with a mistake each. The golden texts name lines of this file: add new ones at the end."""

# ruff: noqa: C416, DTZ001, SIM115
from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from levada import Artifact, Context, Gate, Many, component, each, gather, pipeline
from levada.externals import file_artifact

if TYPE_CHECKING:
    from decimal import Decimal


class Examples(Artifact):
    """Rows."""


class Statistics(Artifact):
    """Numbers about rows."""


class Model(Artifact):
    """Weights."""


class Verdict(Gate):
    """A gate."""


class Split(NamedTuple):
    train: Examples
    report: Statistics


@component
def ingest(ctx: Context, *, path: str = "data.csv") -> Examples:
    return ctx.output(Examples)


@component
def profile(ctx: Context, examples: Examples) -> Statistics:
    return ctx.output(Statistics)


@component
def split(ctx: Context, examples: Examples) -> Split:
    return Split(ctx.output(Examples), ctx.output(Statistics))


@component
def train(
    ctx: Context,
    examples: Examples,
    *,
    epochs: int = 5,
    layers: list[int] | None = None,
    kind: Literal["wide", "deep"] = "wide",
    until: datetime.datetime | None = None,
    extra: Any = None,
) -> Model:
    return ctx.output(Model)


@component
def evaluate(ctx: Context, model: Model, examples: Examples) -> Verdict:
    return ctx.output(Verdict)


@component
def ensemble(ctx: Context, models: list[Model]) -> Model:
    return ctx.output(Model)


@component
def best(ctx: Context, models: Many[Model]) -> Model:
    return ctx.output(Model)


# -- arguments ------------------------------------------------------------------------------------------


def wrong_type() -> None:
    data = ingest()
    stats = profile(data)
    train(stats)


def wrong_type_and_nothing_to_offer() -> None:
    data = ingest()
    evaluate(data, data)


def unknown_keyword() -> None:
    train(ingest(), epoch=5)


def unknown_keyword_like_no_other() -> None:
    profile(ingest(), depth=5)


def missing_input() -> None:
    data = ingest()
    model = train(data)
    evaluate(model)


def too_many_arguments() -> None:
    profile(ingest(), ingest())


def text_for_an_artifact() -> None:
    train("data.csv")


def none_for_an_artifact() -> None:
    train(None)


def the_whole_of_two_outputs() -> None:
    parts = split(ingest())
    train(parts)


def artifact_for_a_parameter() -> None:
    train(ingest(), epochs=ingest())


def wrong_parameter_type() -> None:
    train(ingest(), epochs="five")


def wrong_item_in_a_parameter() -> None:
    train(ingest(), layers=[64, "32"])


def wrong_choice() -> None:
    train(ingest(), kind="narrow")


def parameter_that_json_cannot_carry() -> None:
    train(ingest(), extra={"a": {1, 2}})


def naive_datetime() -> None:
    train(ingest(), until=datetime.datetime(2013, 4, 1))


def parameter_of_a_local_class() -> None:
    @dataclass
    class Window:
        days: int

    train(ingest(), extra=Window(3))


def wrong_artifact_in_a_list() -> None:
    data = ingest()
    ensemble([train(data), data])


def artifact_for_a_list() -> None:
    ensemble(train(ingest()))


def gather_of_another_type() -> None:
    best(gather(ingest(path=each(["a.csv", "b.csv"]))))


def gather_of_what_is_not_mapped() -> None:
    best(gather(train(ingest())))


def each_of_nothing() -> None:
    ingest(path=each([]))


def each_of_a_mix() -> None:
    train(each([ingest(), "data.csv"]))


def items_of_different_lists() -> None:
    models = train(each([ingest(), ingest()]))
    evaluate(models, each([ingest(), ingest()]))


# -- artifacts that are not made yet --------------------------------------------------------------------


def iterated() -> None:
    for _ in ingest():
        pass


def unpacked() -> None:
    _train, _report = ingest()


def tested() -> None:
    if ingest():
        pass


def measured() -> None:
    len(ingest())


def indexed() -> None:
    ingest()[0]


def path_read() -> None:
    open(ingest().path)


def properties_read() -> None:
    data = ingest()
    train(data, epochs=data.properties["rows"])


def digest_read() -> None:
    print(ingest().digest)


def gather_iterated() -> None:
    models = gather(train(each([ingest(), ingest()])))
    [model for model in models]


# -- options --------------------------------------------------------------------------------------------


def circle_through_after() -> None:
    ingest.with_options(name="first", after="second")()
    ingest.with_options(name="second", after="third")()
    ingest.with_options(name="third", after="first")()


def after_an_unknown_node() -> None:
    data = ingest()
    profile.with_options(after="ingset")(data)


def after_a_number() -> None:
    profile.with_options(after=3)(ingest())


def required_but_no_gate() -> None:
    data = ingest()
    train.with_options(requires=data)(data)


def name_taken() -> None:
    ingest.with_options(name="rows")()
    ingest.with_options(name="rows")()


def name_with_a_slash() -> None:
    ingest.with_options(name="raw/rows")()


def unknown_need() -> None:
    train.with_options(needs={"cores": 2})(ingest())


def need_of_the_wrong_type() -> None:
    train.with_options(needs={"cpus": "two"})(ingest())


def need_of_unreadable_memory() -> None:
    train.with_options(needs={"memory": "4 gigs"})(ingest())


# -- components that are none ---------------------------------------------------------------------------


@component
def takes_anything(ctx: Context, *examples: Examples) -> Model:
    return ctx.output(Model)


@component
def without_context(examples: Examples) -> Model:
    raise NotImplementedError


@component
def without_types(ctx: Context, examples) -> Model:
    return ctx.output(Model)


@component
def without_return_type(ctx: Context, examples: Examples):
    return ctx.output(Model)


@component
def returns_a_number(ctx: Context, examples: Examples) -> int:
    return 1


@component
def typed_for_the_checker_only(ctx: Context, examples: Examples, *, rate: Decimal | None = None) -> Model:
    return ctx.output(Model)


def component_with_args() -> None:
    takes_anything(ingest())


def component_without_context() -> None:
    without_context(ingest())


def component_without_types() -> None:
    without_types(ingest())


def component_without_return_type() -> None:
    without_return_type(ingest())


def component_that_returns_a_number() -> None:
    returns_a_number(ingest())


def annotation_under_type_checking() -> None:
    typed_for_the_checker_only(ingest())


def component_inside_a_function() -> None:
    @component
    def inside(ctx: Context, examples: Examples) -> Model:
        return ctx.output(Model)

    inside(ingest())


# -- pipelines ------------------------------------------------------------------------------------------


@pipeline
def monthly(data: Examples, *, months: int = 3) -> Model:
    return train(data, epochs=months)


@pipeline
def typed_too_late(*, rate: Decimal | None = None) -> None:
    ingest()


def inner_pipeline_of_the_wrong_type() -> None:
    monthly(profile(ingest()))


def inner_pipeline_without_its_input() -> None:
    monthly(months=3)


def inner_pipeline_with_an_unknown_argument() -> None:
    monthly(ingest(), month=3)


def inner_pipeline_with_a_wrong_parameter() -> None:
    monthly(ingest(), months="three")


def pipeline_annotation_under_type_checking() -> None:
    typed_too_late()


# -- what lies outside ----------------------------------------------------------------------------------


def missing_schema_file() -> None:
    train(ingest(), extra=None)
    profile(file_artifact(Examples, "tests/golden/schemas/flihgts.pbtxt"))


@component(packages=("no-such-package",))
def needs_a_package(ctx: Context) -> Model:
    return ctx.output(Model)


def each_of_the_wrong_type() -> None:
    best(gather(train(each([train(ingest())]))))


def each_of_values_for_an_artifact() -> None:
    best(gather(train(each([1, 2]))))


def each_of_artifacts_for_a_parameter() -> None:
    train(ingest(), epochs=each([ingest()]))


def each_of_the_wrong_values() -> None:
    train(ingest(), epochs=each(["three"]))


def timeout_of_nothing() -> None:
    train.with_options(timeout=0)(ingest())


def process_of_no_kind() -> None:
    train.with_options(process="mine")(ingest())


def retry_of_nothing() -> None:
    train.with_options(retry=0)(ingest())


def none_at_once() -> None:
    train.with_options(at_once=0)(ingest())


def missing_package() -> None:
    needs_a_package()


# -- searches -------------------------------------------------------------------------------------------


def searched_parameter_that_is_not_there() -> None:
    from levada.components import between, maximize, tune

    tune(train, space={"epoch": between(1, 9)}, goal=maximize("auc"))(ingest())


def searched_value_of_another_type() -> None:
    from levada.components import maximize, one_of, tune

    tune(train, space={"kind": one_of("wide", "narrow")}, goal=maximize("auc"))(ingest())


def goal_that_is_a_word() -> None:
    from levada.components import between, tune

    tune(train, space={"epochs": between(1, 9)}, goal="auc")(ingest())


def searched_and_said() -> None:
    from levada.components import between, maximize, tune

    tune(train, space={"epochs": between(1, 9)}, goal=maximize("auc"))(ingest(), epochs=3)


def parameters_that_are_none() -> None:
    from levada.components import between, maximize, tune

    tuned = tune(train, space={"epochs": between(1, 9)}, goal=maximize("auc"))(ingest())
    train.with_parameters(tuned)(ingest())


# -- values that cannot be meant ------------------------------------------------------------------------


def limit_of_no_unit() -> None:
    from levada.artifacts import Examples, Model
    from levada.components import validate_serving

    model, rows = file_artifact(Model, "model"), file_artifact(Examples, "rows")
    validate_serving(model, rows, max_p99="2 milliseconds")


def no_way_back() -> None:
    from levada.artifacts import Blessing, Model
    from levada.components import push

    push(file_artifact(Model, "model"), file_artifact(Blessing, "blessing"), to="serving/flights", keep=1)
