"""A network comes back from its model as it was, and each recipe leaves in it what it promises."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from levada.artifacts import Examples, Model
from levada.artifacts.model import NETWORK
from levada.components import cluster, distill, prune, prune_channels
from levada.compression.bench import Bench, Live, kernels_of
from levada.compression.channels import groups_of, narrowed
from levada.compression.clustering import Cluster
from levada.errors import DataError, ModelError
from levada.training.description import Network, Rows, Training
from tests.compression.networks import CORNERS, INPUTS, convolutions, dense, rows, student, without_kernels
from tests.models.workshop import Workshop

pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def examples(workshop: Workshop) -> Examples:
    return workshop.examples(rows(), "train")


def fitted(workshop: Workshop, examples: Examples, network: Any, **options: Any) -> Model:
    from levada.training import fit_keras

    context = workshop.context({"output": Model}, "train")
    fit_keras(context, network, examples, inputs=INPUTS, label="corner", classes=CORNERS, batch_size=100, **options)
    return workshop.sealed(context, "output", context.outputs["output"])


@pytest.fixture(scope="module")
def model(workshop: Workshop, examples: Examples) -> Model:
    return fitted(workshop, examples, partial(dense, units=16), epochs=6)


@pytest.fixture(scope="module")
def bench(model: Model, examples: Examples) -> Bench:
    from levada.training.kept import kept

    return Bench(replace(kept(model), rows=Rows.of(examples), seed=1))


@pytest.fixture(scope="module")
def live(model: Model, bench: Bench) -> Live:
    from levada.training.kept import restored

    return Live.of(restored(model, bench.training), partial(dense, units=16))


def answers(network: Any) -> Any:
    table = rows(200, seed=9)
    return network(table["place"].combine_chunks().flatten().to_numpy().reshape(-1, 8), training=False).numpy()


def kernels(live: Live) -> list[Any]:
    return [kernel.numpy() for kernel in kernels_of(live.network())]


# -- the network of a model -------------------------------------------------------------------------


def test_the_network_that_comes_back_answers_as_the_model_does(model: Model, live: Live) -> None:
    given = model.load().predict(rows(200, seed=9))["prediction"]
    np.testing.assert_allclose(answers(live.network()), given, atol=1e-6)
    assert live.network().optimizer.__class__.__name__ == "Adam"


def test_code_that_a_file_names_is_not_run_on_the_word_of_the_file(workshop: Workshop, model: Model) -> None:
    from levada.training.kept import kept

    def copied(changed: dict[str, Any], **properties: Any) -> Model:
        def write(out: Model) -> None:
            form = json.loads((model.path / NETWORK).read_text())
            form["fields"]["network"]["fields"] |= changed
            (out.path / NETWORK).write_text(json.dumps(form))
            out.describe(model.document)
            out.properties.update(properties)

        return workshop.make(Model, write)

    system = {"function": {"$function": "python:os:system"}, "args": {"$tuple": ["touch /tmp/levada-was-here"]}}
    with pytest.raises(ModelError, match="is not known"):  # as a folder that was imported
        kept(copied(system))
    with pytest.raises(ModelError, match="is not what the training wrote"):
        kept(copied(system, network=model.properties["network"]))


def test_a_function_that_makes_another_network_by_now_is_found_out(model: Model, bench: Bench) -> None:
    from levada.training.kept import restored

    wider = replace(bench.training, network=Network(dense, (), {"units": 17}))
    with pytest.raises(ModelError, match=r"dense\(\) makes another network by now") as caught:
        restored(model, wider)
    assert caught.value.where is not None and caught.value.where.file.endswith("networks.py")


# -- pruning and clustering -------------------------------------------------------------------------


def test_pruned_weights_are_zero_and_stay_zero_in_whatever_follows(live: Live, bench: Bench) -> None:
    pruned = prune(0.75, epochs=2).apply(live, bench)
    zeros = [kernel == 0 for kernel in kernels(pruned)]
    assert [float(zero.mean()) for zero in zeros] == pytest.approx([0.75] * 3, abs=0.02)
    shared = cluster(6, epochs=1).apply(pruned, bench)
    for kernel, zero in zip(kernels(shared), zeros, strict=True):
        assert (kernel[zero] == 0).all() and len(np.unique(kernel)) <= 6
    assert not np.array_equal(kernels(shared)[0], kernels(pruned)[0])


def test_clusters_are_trained_as_one_value_each(live: Live, bench: Bench) -> None:
    shared = Cluster(4, epochs=2).apply(live, bench)
    assert all(1 < len(np.unique(kernel)) <= 4 for kernel in kernels(shared))
    agree = (answers(shared.network()).argmax(1) == answers(live.network()).argmax(1)).mean()
    assert agree > 0.7


def test_the_same_seed_gives_the_same_weights(live: Live, bench: Bench) -> None:
    first, second = (prune(0.5, epochs=1).apply(live, bench) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first.weights, second.weights, strict=True))
    assert live.parameters == first.parameters


def test_a_network_without_dense_or_convolution_layers_is_refused(bench: Bench) -> None:
    network = without_kernels()
    bare = Live.of(network, without_kernels)
    for recipe in (prune(0.5), cluster(4), prune_channels(0.5)):
        with pytest.raises(ModelError, match="it has no Dense or Conv layer") as caught:
            recipe.apply(bare, bench)
        assert "Embedding" in caught.value.hint and "quantize(...)" in caught.value.hint


# -- channels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [dense, convolutions])
def test_taking_out_channels_that_give_nothing_changes_no_answer(build: Any) -> None:
    network = build()
    random = np.random.default_rng(3)
    groups = groups_of(network)
    gone: dict[int, Any] = {}
    for number, group in enumerate(groups.values()):
        if group.is_fixed or not group.readers:
            continue
        count = group.layer.kernel.shape[-1]
        gone[number] = np.sort(random.permutation(count)[: count // 2])
        for weight in (group.layer.kernel, *([group.layer.bias] if group.layer.use_bias else [])):
            array = weight.numpy() + random.normal(size=weight.shape) * 0.1
            array[..., gone[number]] = 0  # relu(0) is 0, whatever reads it
            weight.assign(array)
        for norm in group.norms:
            norm.moving_variance.assign(random.uniform(0.5, 2, count))
    assert len(gone) == (2 if build is dense else 1)  # what is added keeps its channels
    before = answers(network)
    kept = {
        number: np.setdiff1d(np.arange(list(groups.values())[number].layer.kernel.shape[-1]), places)
        for number, places in gone.items()
    }
    small = narrowed(network, kept)
    np.testing.assert_allclose(answers(small), before, atol=1e-5)
    assert small.count_params() < network.count_params() and small.compiled


def test_channels_are_taken_out_and_the_smaller_network_is_trained(live: Live, bench: Bench) -> None:
    small = prune_channels(0.5, epochs=2).apply(live, bench)
    assert [kernel.shape for kernel in kernels(small)] == [(8, 8), (8, 8), (8, 3)]
    again = prune_channels(0.5, epochs=1).apply(small, bench)  # what comes of a recipe can go on
    assert [kernel.shape for kernel in kernels(again)] == [(8, 4), (4, 4), (4, 3)]
    assert answers(again.network()).shape == (200, 3)


# -- students ---------------------------------------------------------------------------------------


def test_a_student_learns_from_the_answers_of_its_teacher(live: Live, bench: Bench) -> None:
    # A teacher that has its classes mixed up: a student without labels follows it all the same.
    odd = Live(live.build, [np.roll(array, 1, -1) if array.shape[-1] == 3 else array for array in live.weights])
    taught = distill(partial(student, units=12), labels=0.0, temperature=1.0, epochs=12).apply(odd, bench)
    alone = distill(partial(student, units=12), epochs=12).by_itself.apply(odd, bench)
    wanted = answers(odd.network()).argmax(1)
    agree = [(answers(each.network()).argmax(1) == wanted).mean() for each in (taught, alone)]
    assert agree[0] > 0.7 > 0.4 > agree[1]


def test_a_student_as_large_as_its_teacher_is_refused(live: Live, bench: Bench) -> None:
    with pytest.raises(ModelError, match="it must be smaller") as caught:
        distill(partial(student, units=400)).apply(live, bench)
    assert "4,803 weights" in caught.value.message and caught.value.where is not None


def test_a_representative_set_of_another_shape_is_refused(workshop: Workshop) -> None:
    from levada.compression.candidate import representative_rows

    narrow = workshop.examples({"place": [[1.0, 2.0], [3.0, 4.0]]}, "some")
    with pytest.raises(DataError, match="the representative set does not fit the model: input 'place' wants"):
        representative_rows(narrow, "some", INPUTS, 10, 0, given=True)
    other = workshop.examples({"spot": [1.0]}, "some")
    with pytest.raises(DataError, match="it has no column 'place'"):
        representative_rows(other, "some", INPUTS, 10, 0, given=True)
    drawn = representative_rows(workshop.examples(rows(), "train"), "train", INPUTS, 50, 4, given=False)
    assert drawn.num_rows == 50 and drawn.column_names == ["place"]


def test_a_training_is_kept_without_its_rows(bench: Bench, model: Model) -> None:
    from levada.training.kept import kept

    found = kept(model)
    assert isinstance(found, Training) and found.rows.splits == {}
    assert (found.network, found.classes, found.batch_size) == (Network(dense, (), {"units": 16}), CORNERS, 100)
