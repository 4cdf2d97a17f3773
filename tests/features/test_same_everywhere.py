"""Raw rows give the same features wherever they pass: trained, served, by hand, stored, in scikit-learn."""

from __future__ import annotations

import math
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada.artifacts import Examples, Model
from levada.components import fit_features, profile, transform
from levada.features import (
    AsIs,
    Buckets,
    Cross,
    Features,
    FeatureState,
    Hashed,
    Image,
    Layers,
    Number,
    Text,
    Time,
    Words,
    linear,
)
from levada.models import Predictor, batches, save_keras
from tests.features import reference
from tests.models.workshop import Workshop

keras: Any = pytest.importorskip("keras")
tf: Any = pytest.importorskip("tensorflow")

ZONE = "America/New_York"
START = datetime(2013, 1, 1, tzinfo=UTC)
NUMERIC = {
    "zscore": Number(column="n"),
    "filled": Number(missing=2.0, indicator=True, column="n"),
    "minmax": Number(scale="minmax", clip=(1.0, 6.0), missing="median", column="n"),
    "log": Number(log=True, scale="none", missing=0.0, column="n"),
    "buckets": Buckets(bins=4, encode="index", column="n"),
    "given": Buckets(boundaries=(2.0, 5.0), encode="index", column="n"),
    "raw": AsIs(column="n"),
}
WORDY = {
    "word": Words(encode="index", column="w"),
    "frequent": Words(top=2, encode="index", column="w"),
    "code": Words(encode="index", column="code"),
    "flag": Number(scale="none", column="flag"),
    "hashed": Hashed(bins=5, encode="index", column="w"),
    "several": Words(encode="index", column="tags"),
    "vector": Number(scale="none", missing=-1.0, column="vector"),
}
CROSSED = {
    "pairs": Cross(of=("word", "buckets")),
    "hashed_pairs": Cross(of=("word", "hashed"), bins=7),
    "frequent_pairs": Cross(of=("word", "code"), top=3),
}
OTHER = {
    "tfidf": Text(ngrams=2, top=6, column="text"),
    "count": Text(weight="count", column="text"),
    "sequence": Text(weight="sequence", length=3, column="text"),
    "text_hash": Text(bins=6, weight="binary", column="text"),
    "clock": Time(column="time"),
    "clock_hot": Time(("day", "age"), cyclic=False, column="time"),
    "image": Image(size=(2, 3), column="image"),
}
FEATURES = Features({**NUMERIC, **WORDY, **CROSSED, **OTHER})

# Below 1e-38 numbers are 0 to some of TensorFlow's kernels, by where in a batch they stand.
finite = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
words = st.sampled_from(["a", "b", "ü", "c", "[UNK]", "unseen", "a b"])
ROW = st.fixed_dictionaries(
    {
        "n": st.none() | finite | st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 2.0, 5.0]),
        "w": st.none() | st.just("") | words | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
        "code": st.none() | st.integers(-3, 12),
        "flag": st.none() | st.booleans(),
        "tags": st.none() | st.lists(st.none() | words, max_size=4),
        "vector": st.none() | st.lists(st.none() | finite, max_size=3),
        "text": st.none() | st.text("aAbB ,.!'", max_size=20) | st.just("the cat sat on the mat"),
        "time": st.none()
        | st.datetimes(datetime(1950, 1, 1), datetime(2080, 1, 1)).map(  # noqa: DTZ001
            lambda moment: moment.replace(tzinfo=UTC)
        ),
        "image": st.none() | st.just(b"") | st.integers(0, 3),
    }
)
SCHEMA = pa.schema(
    {
        "n": pa.float64(),
        "w": pa.string(),
        "code": pa.int64(),
        "flag": pa.bool_(),
        "tags": pa.list_(pa.string()),
        "vector": pa.list_(pa.float32()),
        "text": pa.string(),
        "time": pa.timestamp("us", ZONE),
        "image": pa.binary(),
    }
)


def png(shade: int) -> bytes:
    pixels = (np.arange(18).reshape(2, 3, 3) * (shade + 1)).astype(np.uint8)
    return tf.io.encode_png(pixels).numpy()


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    drawn = [{**row, "image": png(row["image"]) if isinstance(row["image"], int) else row["image"]} for row in rows]
    return pa.Table.from_pylist(drawn, SCHEMA)


TRAINING = [
    {
        "n": [1.0, 2.0, 2.5, 4.0, 8.0, None][at % 6],
        "w": ["a", "a", "a", "b", "b", "ü", "[UNK]", "", None][at % 9],
        "code": [1, 1, 2, 7, None][at % 5],
        "flag": [True, False, None][at % 3],
        "tags": [["a"], ["a", "b", "ü"], [], None][at % 4],
        "vector": [[1.0, 2.0], [3.0], None][at % 3],
        "text": ["The cat sat.", "the dog sat, sat", "A cat!", "", None][at % 5],
        "time": START + timedelta(hours=31 * at) if at % 7 else None,
        "image": at % 3 if at % 5 else None,
    }
    for at in range(90)
]


class Setting:
    """What is made once: statistics, state, a model in memory, and the same model exported and loaded again."""

    def __init__(self, root: Path) -> None:
        self.workshop = Workshop(root)
        self.examples = self.workshop.examples(table_of(TRAINING), "train")
        self.statistics = self.workshop.call(profile, self.examples)
        self.state: FeatureState = self.workshop.call(fit_features, self.examples, self.statistics, features=FEATURES)
        self.layers: Layers = self.state.fitted.layers()
        outputs = {**self.layers.outputs, "everything": linear(self.layers.indices)}
        self.model: Any = keras.Model(self.layers.inputs, outputs)
        self.training: Any = tf.function(self.model, reduce_retracing=True)  # as Keras calls it
        saved = self.workshop.make(Model, lambda out: save_keras(self.model, out))
        self.served: Predictor = saved.load()

    def trained_on(self, rows: pa.Table) -> dict[str, Any]:
        """Return what training sees: rows go through Parquet and tf.data into the model in memory."""
        examples = Workshop(Path(tempfile.mkdtemp(dir=self.workshop.root))).examples(rows, "train")
        parts = [self.training(batch) for batch in batches(examples, "train", self.layers.tensors, size=4)]
        return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(tmp_path_factory.mktemp("features"))


def flat(values: Any) -> Any:
    return np.asarray(values).reshape(len(values), -1)


def test_what_is_served_takes_the_raw_columns(setting: Setting) -> None:
    """Named, typed, with lists of any length; the same that training feeds."""
    served = {tensor.name: tensor for tensor in setting.served.document.inputs}
    assert served == {tensor.name: tensor for tensor in setting.layers.tensors}
    assert sorted(served) == sorted(SCHEMA.names)
    assert served["tags"].padded and served["tags"].shape == (-1, 3)
    assert (served["n"].dtype, served["time"].dtype, served["image"].dtype) == ("float32", "float64", "string")


@pytest.mark.slow
@settings(max_examples=8)
@given(rows=st.lists(ROW, min_size=1, max_size=9))
def test_training_and_serving_see_the_same(setting: Setting, rows: list[dict[str, Any]]) -> None:
    """Whatever the row: nothing, an infinity, a word never seen, a list too long, a broken text."""
    table = table_of(rows)
    trained, served = setting.trained_on(table), setting.served.predict(table)
    assert sorted(trained) == sorted([*FEATURES, "everything"])
    for name, values in trained.items():
        if name in ("log", "clock", "tfidf"):  # a logarithm's last bit depends on where in a batch a row stands
            np.testing.assert_allclose(flat(values), flat(served[name]), rtol=3e-7, atol=1e-7, err_msg=name)
        else:
            np.testing.assert_array_equal(flat(values), flat(served[name]), err_msg=name)


@pytest.mark.slow
@settings(max_examples=8)
@given(rows=st.lists(ROW, min_size=1, max_size=9))
def test_numbers_and_words_are_what_plain_python_makes_of_them(setting: Setting, rows: list[dict[str, Any]]) -> None:
    got = {name: flat(values) for name, values in setting.served.predict(table_of(rows)).items()}
    seen = {name: [row[name] for row in TRAINING] for name in SCHEMA.names}
    n, w = [row["n"] for row in rows], [row["w"] for row in rows]

    def same(name: str, wanted: list[Any]) -> None:
        np.testing.assert_allclose(got[name], flat(wanted), rtol=2e-5, atol=2e-5, err_msg=name)

    same("zscore", [reference.zscore(value, seen["n"]) for value in n])
    absent = [value is None or value != value for value in n]
    same(
        "filled",
        [[reference.zscore(value, seen["n"], missing=2.0), gone] for value, gone in zip(n, absent, strict=True)],
    )
    same("minmax", [reference.minmax(value, seen["n"], 1.0, 6.0) for value in n])
    same("log", [reference.log(value, seen["n"]) for value in n])
    cuts = setting.statistics.column("n").boundaries(4)
    same("buckets", [reference.bucket(value, cuts) for value in n])
    same("given", [reference.bucket(value, [2.0, 5.0]) for value in n])
    same("raw", [math.nan if value is None else value for value in n])

    known, codes = reference.vocabulary(seen["w"]), reference.vocabulary(seen["code"])
    same("word", [reference.place(value, known) for value in w])
    same("frequent", [reference.place(value, known, 2) for value in w])
    same("code", [reference.place(row["code"], codes) for row in rows])
    same("flag", [0.5 if row["flag"] is None else float(row["flag"]) for row in rows])
    tags = reference.vocabulary([tag for row in TRAINING for tag in row["tags"] or []])
    same("several", [[reference.place(tag, tags) for tag in [*(row["tags"] or []), "", "", ""][:3]] for row in rows])
    items = [[-1.0 if item is None else item for item in [*(row["vector"] or []), None, None][:2]] for row in rows]
    same("vector", items)
    size = len(cuts) + 2
    same("pairs", got["word"] * size + got["buckets"])
    assert got["hashed"].max() <= 5 and got["hashed_pairs"].max() < 7


@pytest.mark.slow
@settings(max_examples=8)
@given(rows=st.lists(ROW, min_size=1, max_size=9))
def test_texts_times_and_images_are_what_plain_python_makes_of_them(
    setting: Setting, rows: list[dict[str, Any]]
) -> None:
    got = {name: flat(values) for name, values in setting.served.predict(table_of(rows)).items()}
    seen = [row["text"] for row in TRAINING]
    grams, idf = reference.text_words(seen, 2, 6)
    wanted = [reference.tfidf(row["text"], grams, idf, 2) for row in rows]
    np.testing.assert_allclose(got["tfidf"], wanted, rtol=1e-5, atol=1e-6)
    known, _ = reference.text_words(seen, 1, 10_000)
    texts = [reference.tokens(row["text"], 1) for row in rows]
    np.testing.assert_array_equal(got["count"], [[text.count(word) for word in known] for text in texts])
    places = [[reference.place(word, known) for word in text[:3]] + [0] * (3 - len(text)) for text in texts]
    np.testing.assert_array_equal(got["sequence"], places)
    assert set(np.unique(got["text_hash"])) <= {0.0, 1.0}
    np.testing.assert_allclose(got["clock"], [reference.clock(row["time"], ZONE) for row in rows], atol=1e-5)
    for row, line in zip(rows, got["image"], strict=True):
        shade = row["image"] if isinstance(row["image"], int) else None
        pixels = np.zeros(18) if shade is None else (np.arange(18) * (shade + 1)) % 256 / 255
        np.testing.assert_allclose(line, pixels, atol=1e-6)


def test_the_most_frequent_pairs_are_kept_and_all_others_are_one(setting: Setting) -> None:
    codes, known = reference.vocabulary([r["code"] for r in TRAINING]), reference.vocabulary([r["w"] for r in TRAINING])
    pairs = [(reference.place(r["w"], known), reference.place(r["code"], codes)) for r in TRAINING]
    counted = sorted(set(pairs), key=lambda pair: (-pairs.count(pair), pair))
    got = setting.served.predict(table_of(TRAINING))["frequent_pairs"]
    kept = sorted(counted[:3])
    assert got.tolist() == [kept.index(pair) + 1 if pair in kept else 0 for pair in pairs]


# -- stored ---------------------------------------------------------------------------------------------


def test_what_is_stored_is_what_the_layers_give(setting: Setting) -> None:
    """Here and on Beam, to the last bit; the label is taken over."""
    raw = setting.workshop.examples(table_of(TRAINING).append_column("late", pa.array(range(90))), "eval")
    stored: Examples = setting.workshop.call(transform, raw, setting.state, keep=["late"])
    assert setting.workshop.line == f"90 rows · {len(FEATURES)} features"
    assert stored.columns == ["late", *FEATURES] and stored.table("eval")["late"].to_pylist() == list(range(90))
    live = setting.served.predict(raw.table("eval"))
    for name in FEATURES:
        values = stored.table("eval")[name].combine_chunks()
        values = values.flatten() if pa.types.is_fixed_size_list(values.type) else values
        np.testing.assert_array_equal(values.to_numpy().reshape(90, -1), flat(live[name]), err_msg=name)
    by_beam = setting.workshop.call(transform, raw, setting.state, keep=["late"], beam_from_rows=1, node="beamed")
    assert by_beam.digest == stored.digest
    left = (setting.workshop.root / "store/scratch").rglob("*")
    assert not [path for path in left if path.is_file()]


def test_a_network_that_learnt_from_stored_features_is_served_from_raw_columns(setting: Setting) -> None:
    stored: Examples = setting.workshop.call(transform, setting.examples, setting.state, node="stored")
    layers = setting.state.fitted.layers(stored=True)
    hidden = keras.layers.concatenate([layers.matrix(), keras.layers.Flatten()(layers["image"])])
    network = keras.Model(layers.inputs, keras.layers.Dense(2)(hidden) + linear(layers.indices))
    learnt = np.concatenate([network(batch).numpy() for batch in batches(stored, "train", layers.tensors)])
    whole = setting.state.fitted.layers().before(network)
    model = setting.workshop.make(Model, lambda out: save_keras(whole, out), "whole")
    answers = model.load().predict(table_of(TRAINING))["prediction"]
    np.testing.assert_allclose(answers, learnt, rtol=1e-5, atol=1e-5)


def test_counting_on_beam_finds_the_same_state(setting: Setting) -> None:
    here, there = (
        setting.state,
        setting.workshop.call(
            fit_features, setting.examples, setting.statistics, features=FEATURES, beam_from_rows=1, node="beamed_fit"
        ),
    )
    assert there.fitted.to_json() == here.fitted.to_json()
    assert there.digest == here.digest


# -- scikit-learn ---------------------------------------------------------------------------------------


def test_scikit_learn_gives_the_matrix_of_the_layers(setting: Setting) -> None:
    kinds: dict[str, Any] = {
        **{name: NUMERIC[name] for name in ("zscore", "filled", "minmax", "log", "raw")},
        "buckets": Buckets(bins=4, column="n"),
        "word": Words(column="w"),
        "code": Words(column="code"),
        "flag": Number(scale="none", column="flag"),
        "pairs": Cross(of=("word", "buckets"), encode="one_hot"),
        "frequent_pairs": Cross(of=("word", "code"), top=3, encode="one_hot"),
        "tfidf": OTHER["tfidf"],
        "count": OTHER["count"],
        "clock": OTHER["clock"],
        "clock_hot": OTHER["clock_hot"],
    }
    features = Features(kinds)
    state = setting.workshop.call(
        fit_features, setting.examples, setting.statistics, features=features, node="for_sklearn"
    )
    layers = state.fitted.layers()
    model = keras.Model(layers.inputs, layers.matrix())
    deep = np.concatenate([model(batch).numpy() for batch in batches(setting.examples, "train", layers.tensors)])
    transformer = state.fitted.transformer()
    flags = table_of(TRAINING).to_pandas().astype({"flag": "float"})
    wide = transformer.transform(flags)
    assert wide.shape == deep.shape == (90, sum(state.fitted.width(name) for name in kinds))
    np.testing.assert_allclose(wide, deep, rtol=1e-5, atol=1e-5)
    again = transformer.fit_transform(flags.head(3))  # a pipeline that is fitted leaves the state as it is
    np.testing.assert_array_equal(again, wide[:3])
