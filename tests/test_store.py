"""One layout and one set of promises, on a disk, in memory and in an object store."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from levada.artifact import ArtifactRecord
from levada.errors import StoreError
from levada.store import Store
from tests.stores import again, s3_address, store  # noqa: F401


def test_what_is_written_is_read(store: Store) -> None:
    """Empty objects too; what is not there is None, also below an object."""
    store.write("a/b.json", b'{"n": 1}')
    store.write("empty", b"")
    other = again(store)
    assert other.read("a/b.json") == b'{"n": 1}'
    assert other.read_json("a/b.json") == {"n": 1}
    assert other.read("empty") == b""
    assert other.read("a/none") is None
    assert other.read("no/such/thing") is None
    assert other.read("a/b.json/below") is None


def test_writing_again_replaces(store: Store) -> None:
    """A shorter object leaves nothing of the longer one."""
    store.write("x", b"a long text")
    store.write("x", b"short")
    assert store.read("x") == b"short"


def test_the_first_to_create_wins(store: Store) -> None:
    """The second is told, and changes nothing."""
    assert store.create("x/y", b"first")
    assert not again(store).create("x/y", b"second")
    assert store.read("x/y") == b"first"


def test_of_many_that_create_at_once_one_wins(store: Store) -> None:
    """And what is read is what the winner wrote."""
    for number in range(5):
        key, together = f"race/{number}", threading.Barrier(8)

        def race(who: int, key: str = key, together: threading.Barrier = together) -> bytes | None:
            mine = f"thread {who}".encode() * 100
            together.wait()
            return mine if again(store).create(key, mine) else None

        with ThreadPoolExecutor(8) as pool:
            won = [mine for mine in pool.map(race, range(8)) if mine]
        assert [store.read(key)] == won


def test_a_list_is_sorted_and_goes_one_level_down(store: Store) -> None:
    """Objects and folders by name; a prefix that is not there has none."""
    for key in ("runs/b/plan.json", "runs/a/plan.json", "runs/a/nodes/x.json", "runs/c.json"):
        store.write(key, b"{}")
    assert store.list("runs") == ["runs/a", "runs/b", "runs/c.json"]
    assert store.list("runs/a") == ["runs/a/nodes", "runs/a/plan.json"]
    assert store.list("none") == []


def test_a_list_sees_what_others_wrote_since(store: Store) -> None:
    """Object store clients remember listings; this one must not."""
    other = again(store)
    store.write("d/1", b"")
    assert other.list("d") == ["d/1"]
    store.write("d/2", b"")
    assert other.list("d") == ["d/1", "d/2"]
    store.delete("d/1")
    assert other.list("d") == ["d/2"]
    assert other.read("d/1") is None


def test_deleting_takes_folders_whole_and_forgives_what_is_gone(store: Store) -> None:
    """So that a clean-up may run twice."""
    store.write("f/a/1", b"")
    store.write("f/2", b"")
    store.delete("f")
    store.delete("f")
    assert store.list("f") == []


def test_lines_are_appended(store: Store) -> None:
    """By one writer, that knows what it wrote before."""
    store.append("j.jsonl", b"one\n", b"")
    store.append("j.jsonl", b"two\n", b"one\n")
    assert store.read("j.jsonl") == b"one\ntwo\n"


def sealed(store: Store, key: str = "artifacts/x") -> ArtifactRecord:
    staging = store.staging(key)
    (staging / "deep" / "er").mkdir(parents=True)
    (staging / "deep" / "er" / "a.bin").write_bytes(b"\0" * 5000)
    (staging / "b.txt").write_text("text")
    (staging / "empty").touch()
    return store.seal(key, staging, "python:tests.arithmetic:Number", {"rows": 3}, "run-1/make")


def test_an_artifact_goes_in_whole_and_comes_out_whole(store: Store) -> None:
    """Folders, empty files and bytes that are no text."""
    record = sealed(store)
    assert [entry.path for entry in record.files] == ["b.txt", "deep/er/a.bin", "empty"]
    assert record.size == 5004
    folder = again(store).fetch(record)
    assert (folder / "deep" / "er" / "a.bin").read_bytes() == b"\0" * 5000
    assert (folder / "empty").read_bytes() == b""
    assert store.has(record)
    assert ArtifactRecord.from_json(record.to_json()) == record


def test_the_digest_is_of_content_and_not_of_place(store: Store) -> None:
    """Equal files in another folder are the same artifact; a property more is another."""
    one, other = sealed(store, "artifacts/x"), sealed(store, "artifacts/y")
    assert one.digest == other.digest
    staging = store.staging("artifacts/z")
    (staging / "b.txt").write_text("text")
    assert store.seal("artifacts/z", staging, "python:tests.arithmetic:Number", {}, "").digest != one.digest


@pytest.mark.parametrize("damage", ["missing", "longer"])
def test_a_file_that_was_changed_is_noticed(store: Store, damage: str) -> None:
    """`has` says no, `fetch` says which file and how to make it again."""
    record = sealed(store)
    if damage == "missing":
        store.delete("artifacts/x/b.txt")
    else:
        store.write("artifacts/x/b.txt", b"another text")
    other = again(store)
    assert not other.has(record)
    said = "is missing \\(4 bytes\\): it was removed" if damage == "missing" else "has 12 bytes instead of 4 bytes"
    with pytest.raises(StoreError, match=rf"b\.txt .*{said}.* Node make of run run-1 made it") as caught:
        other.fetch(record)
    assert caught.value.hint == "Make it again: levada run PIPELINE --fresh make"


@pytest.mark.parametrize("store", ["memory", "s3"], indirect=True)
def test_a_download_is_held_against_its_digest(store: Store) -> None:
    """Copies of remote artifacts are kept by digest: a wrong one would serve every later run."""
    record = sealed(store)
    store.write("artifacts/x/b.txt", b"TEXT")
    assert store.has(record)
    with pytest.raises(
        StoreError, match=r"b\.txt was changed outside Levada: it has the sha256 \w{12}… instead of \w{12}…"
    ):
        store.fetch(record)
    store.write("artifacts/x/b.txt", b"text")
    assert (store.fetch(record) / "b.txt").read_text() == "text"


@pytest.mark.parametrize("store", ["memory", "s3"], indirect=True)
def test_a_kept_copy_that_lost_files_is_fetched_again(store: Store) -> None:
    """Systems clean old files out of their temporary folders, one by one."""
    record = sealed(store)
    (store.fetch(record) / "b.txt").unlink()
    assert (store.fetch(record) / "b.txt").read_text() == "text"


def test_addresses_and_keys_belong_together(store: Store) -> None:
    """What lies elsewhere has no key here."""
    assert store.key_of(store.uri_of("a/b")) == "a/b"
    assert store.key_of("/somewhere/else/a") is None
    assert store.key_of(store.uri + "-other/a") is None


def test_damaged_json_is_named(store: Store) -> None:
    """With its address."""
    store.write("cache/x.json", b'{"half": ')
    with pytest.raises(StoreError, match=r"cache/x\.json is not JSON"):
        store.read_json("cache/x.json")


def test_stores_of_one_place_are_equal(tmp_path: Path) -> None:
    """A worker opens the store anew for each bundle; what it knows of a run is found by its store."""
    assert Store(tmp_path) == Store(str(tmp_path)) == Store(f"file://{tmp_path}")
    assert len({Store("s3://b/x", {"key": "k"}), Store("s3://b/x/", {"key": "k"}), Store("s3://b/x")}) == 2


def test_a_server_that_is_away_is_a_store_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore's own exceptions never reach the user."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    options = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 0}}}
    with pytest.raises(StoreError, match=r"cannot write s3://bucket/x/probe-\w+: Could not connect"):
        Store("s3://bucket/x", options).check_writable()


def test_a_bucket_that_is_not_there_is_a_store_error(s3_address: str) -> None:
    """Reading finds nothing, writing says why."""
    nowhere = Store("s3://no-such-bucket/x", {"endpoint_url": s3_address})
    assert nowhere.read("a") is None
    with pytest.raises(StoreError, match="The specified bucket does not exist"):
        nowhere.check_writable()
