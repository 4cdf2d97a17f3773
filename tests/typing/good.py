"""Pipelines that fit together: the checker says nothing but what is asked of it."""

from __future__ import annotations

from typing import reveal_type

from parts import Model, best, clean_up, compress, ensemble, ingest, profile, train

from levada import each, gather, pipeline
from levada.components import between, maximize, one_of, tune


@pipeline
def monthly(month: str, *, epochs: int = 5) -> Model:
    """A pipeline that another one calls."""
    return train(ingest(path=month), epochs=epochs)


@pipeline
def good(*, epochs: int = 5) -> None:
    """Every kind of call."""
    data = reveal_type(ingest(path="a.csv"))  # is: Examples
    reveal_type(profile(data))  # is: Statistics
    model = train.with_options(name="big", needs={"memory": "4GB"}, cache=False)(data, epochs=epochs, kind="deep")
    reveal_type(model)  # is: Model
    small = compress(model, data)
    reveal_type(small)  # is: Small
    reveal_type(small.model)  # is: Model
    tiny, verdict = compress(small.model, data, verdict=small.verdict)
    reveal_type(verdict)  # is: Verdict
    gates = [verdict, small.verdict]
    last = train.with_options(requires=gates, after=[model, "big"])(examples=data)
    reveal_type(ensemble([last, tiny, monthly("march.csv")]))  # is: Model
    reveal_type(clean_up(last))  # is: None
    reveal_type(monthly.with_options(name="spring")("april.csv", epochs=2))  # is: Model
    mapped = train(each([data, ingest()]))
    reveal_type(mapped)  # is: Model
    reveal_type(gather(mapped))  # is: Many[Model]
    reveal_type(best(gather(mapped)))  # is: Model
    ingest(path=each(["a.csv", "b.csv"]))
    search = tune(train, space={"epochs": between(1, 9), "kind": one_of("wide", "deep")}, goal=maximize("auc"))
    tuned = search.with_options(at_once=2)(data)
    reveal_type(tuned)  # is: Tuned
    reveal_type(tuned.parameters)  # is: Parameters
    reveal_type(train.with_parameters(tuned.parameters)(data, epochs=3))  # is: Model


reveal_type(profile)  # is: Component[(examples: Examples), Statistics]
reveal_type(ingest)  # is: Component[(*, path: str = "data.csv"), Examples]
reveal_type(good.plan(epochs=3))  # is: Plan
reveal_type(good.plan(epochs=3).node("big"))  # is: Node
