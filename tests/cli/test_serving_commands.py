"""`levada rollback`, `history`, `push` and `verify` of what is served: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from levada.cli.commands import execute
from tests.pushing.shelf import Shelf

pytest.importorskip("onnxruntime")


def test_back_and_forth_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.levada]\ncode = []\nstore = "store"\n')
    monkeypatch.chdir(tmp_path)
    shelf = Shelf(tmp_path)
    shelf.push(1)
    shelf.push(2)

    def said(*words: str, ends: int = 0) -> str:
        capsys.readouterr()
        assert execute(list(words)) == ends
        printed = capsys.readouterr()
        return printed.out + printed.err

    assert said("rollback", "flights", "--dry-run").splitlines() == [
        "flights: version 1 would be live again (before: version 2)",
        f"  {shelf.path}",
        "next   levada rollback flights --to 1",
    ]
    assert shelf.lived == [1, 2]
    lines = said("rollback", "flights", "--reason", "AUC fell at noon").splitlines()
    assert lines[0] == "flights: version 1 is live again (before: version 2)"
    assert lines[-1] == "       levada rollback flights --to 2   takes this back"
    assert shelf.lived == [1, 2, 1]

    table = said("history", "flights").splitlines()
    assert [line.split()[0] for line in table[1:]] == ["1", "2", "1"]
    assert "now" in table[1] and "rollback" in table[1] and table[1].endswith("AUC fell at noon")
    (now,) = json.loads(said("history", "flights", "--at", "0s", "--json"))
    assert (now["version"], now["kind"], now["before"], now["until"]) == (1, "rollback", 2, None)
    assert said("history", "flights", "--at", "1d").startswith("nothing of flights was live on ")

    assert "flights: version 2 is live in " in said("push", "flights", "2", "--to", "serving/flights")
    assert "serves version 2 of flights already" in said("push", "flights", "2", "--to", "serving/flights")
    form = json.loads(said("rollback", "flights", "--json"))
    assert (form["version"], form["before"], form["folders"][0]["moved"]) == (1, 2, True)
    assert "no version before version 1 of flights" in said("rollback", "flights", ends=2)
    assert "Did you mean flights?" in said("history", "flight", ends=2)

    assert "2 served versions" in said("verify", "flights")
    (shelf.path / "1/model.sig").unlink()
    assert "model.sig is missing: the version is not signed." in said("verify", "serving/flights", ends=1)


def test_a_folder_of_several_that_cannot_be_changed_is_named_and_the_others_go_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.levada]\ncode = []\nstore = "store"\n')
    monkeypatch.chdir(tmp_path)
    shelf = Shelf(tmp_path)
    for number in (1, 2):
        shelf.push(number)
        shelf.push(number, to="serving/second")
    lock = tmp_path / "serving/second/.levada.lock"
    lock.unlink()
    lock.mkdir()  # nobody can lock the folder
    assert execute(["rollback", "flights"]) == 1
    printed = capsys.readouterr()
    assert f"✗ {tmp_path}/serving/second: cannot write the serving folder" in printed.err
    first, second = shelf.live(), shelf.live("serving/second")
    assert first is not None and second is not None
    assert (first.version, second.version) == (1, 2)
