"""Secrets: what holds only the reference, who reads the value, and where it must not turn up."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from levada import Context, Secret, component
from levada.cli.arguments import options_of
from levada.errors import ParameterError, SecretError
from levada.failure import describe
from levada.pipeline import pipeline
from levada.run import FAILED, OK
from levada.secret import redact, redacted, revealed
from levada.store import Store
from levada.values import canonical, decode, encode
from tests.arithmetic import Number, make, number
from tests.inline import plan_of, run_nodes, run_plan

VALUE = 's3cr&t/of the "test"\nwith a second line of some length'
NAME = "LEVADA_TEST_SECRET"


@pytest.fixture
def value(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(NAME, VALUE)
    return VALUE


# -- the reference --------------------------------------------------------------------------------------


def test_a_secret_shows_its_reference_however_it_is_printed(value: str) -> None:
    """In an f-string, a list, a format, a pickle."""
    secret = Secret.env(NAME)
    assert (str(secret), repr(secret), f"{secret}", secret.reference) == (
        f"env:{NAME}",
        f"Secret.env('{NAME}')",
        f"env:{NAME}",
        f"env:{NAME}",
    )
    assert secret.reveal() == value
    assert b"s3cr" not in pickle.dumps(secret)
    assert pickle.loads(pickle.dumps(secret)) == secret


def test_a_plan_holds_the_reference_and_gives_it_back(value: str) -> None:
    """Alone or within a dataclass; never the value, revealed or not."""
    secret = Secret.env(NAME)
    secret.reveal()
    form = encode({"where": secret, "deep": [Login("ada", Secret.file("/run/secrets/x"))]})
    assert form["where"] == {"$secret": f"env:{NAME}"}
    assert decode(json.loads(canonical(form))) == {
        "where": secret,
        "deep": [Login("ada", Secret.file("/run/secrets/x"))],
    }
    assert "s3cr" not in canonical(form)


@dataclass(frozen=True)
class Login:
    """A user and where the password is."""

    user: str
    password: Secret


def test_a_file_gives_its_content_without_the_last_line_break(tmp_path: Path) -> None:
    """As editors and `kubectl` write it."""
    (tmp_path / "secret").write_text("open sesame\n")
    assert Secret.file(tmp_path / "secret").reveal() == "open sesame"


@pytest.mark.parametrize("reference", ["hunter2", "env:", "env:a b", "vault:x", "file:relative", "file:"])
def test_a_wrong_reference_is_refused_without_its_text(reference: str) -> None:
    """It may be the secret itself, unless it is clearly the name of a file."""
    with pytest.raises(ParameterError) as caught:
        Secret.parse(reference)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "what", "hint"),
    [
        (Secret.env("LEVADA_TEST_NONE"), "the secret env:LEVADA_TEST_NONE is not set.", "export LEVADA_TEST_NONE="),
        (Secret.env("LEVADA_TEST_EMPTY"), "the secret env:LEVADA_TEST_EMPTY is empty.", "export LEVADA_TEST_EMPTY="),
        (Secret.file("/nowhere/x"), "the secret file:/nowhere/x is not there.", "Put the value into /nowhere/x"),
    ],
)
def test_a_missing_secret_is_named_with_what_to_do(
    secret: Secret, what: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its reference."""
    monkeypatch.setenv("LEVADA_TEST_EMPTY", "")
    assert not secret.is_there()
    with pytest.raises(SecretError) as caught:
        secret.reveal()
    assert caught.value.message == what and hint in caught.value.hint


def test_nested_options_are_revealed(value: str) -> None:
    """As settings hold them for a store."""
    assert revealed({"a": {"b": [Secret.env(NAME), 1]}}) == {"a": {"b": [value, 1]}}


# -- what must not hold the value -----------------------------------------------------------------------


def test_a_text_with_a_revealed_value_cannot_be_a_parameter(value: str) -> None:
    """Not even within a longer one: a plan is kept, shown and shipped."""
    text = f"postgres://ada:{Secret.env(NAME).reveal()}@db"
    with pytest.raises(ParameterError, match=f"holds the value of the secret env:{NAME}") as caught:
        encode({"address": text})
    assert "s3cr" not in str(caught.value)


def test_a_text_where_a_secret_is_wanted_is_refused_without_repeating_it() -> None:
    """The likeliest mistake of all."""
    with pytest.raises(ParameterError, match=r"login\(secret=...\) wants Secret, got str") as caught:
        plan_of(lambda: login(secret="hunter2!"), name="wrong")
    assert "hunter2" not in str(caught.value) and "Secret.env" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        f"before {VALUE} after",
        "https://u:s3cr%26t%2Fof%20the%20%22test%22%0Awith%20a%20second%20line%20of%20some%20length@h",
        json.dumps({"password": VALUE}),
        repr([VALUE]),
        "a log shows a line at a time:   with a second line of some length",
    ],
)
def test_a_revealed_value_is_taken_out_of_text_in_the_shapes_it_takes(value: str, text: str) -> None:
    """As it is, in an address, in JSON, in a repr, a line of several."""
    Secret.env(NAME).reveal()
    assert f"<secret env:{NAME}>" in redact(text)
    assert "s3cr" not in redact(text) and "second line" not in redact(text)
    assert redacted({"a": [text]}) == {"a": [redact(text)]}


def test_a_very_short_value_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be found everywhere."""
    monkeypatch.setenv(NAME, "abc")
    assert Secret.env(NAME).reveal() == "abc"
    assert redact("abcdef") == "abcdef"


def test_a_failure_holds_no_value(value: str) -> None:
    """Neither its message, nor a note, nor the traceback with its causes."""
    revealed_value = Secret.env(NAME).reveal()
    try:
        try:
            raise KeyError(revealed_value)
        except KeyError as cause:
            error = ValueError(f"cannot log in with {revealed_value}")
            error.add_note(f"tried {revealed_value}")
            raise error from cause
    except ValueError as caught:
        form = json.dumps(describe(caught).to_json())
    assert "s3cr" not in form and "second line" not in form
    assert form.count(f"<secret env:{NAME}>") >= 4


@component
def login(ctx: Context, *, secret: Secret, fail: bool = False) -> Number:
    """Say the secret wherever a component can say something."""
    value = secret.reveal()
    ctx.progress(1, 1, f"with {value}")
    ctx.summary(f"logged in with {value}")
    out = number(ctx, len(value))
    out.properties["connection"] = {"address": [f"db://{value}"]}
    if fail:
        raise ConnectionError(f"refused: {value}")
    return out


@component
def talkative(ctx: Context, *, secret: Secret) -> Number:
    """Say the secret in all the ways that end up in a log, then fail."""
    value = secret.reveal()
    print("printed", value, value[:5], sep="|", end="|end\n")
    ctx.log.info("logged %s", value)
    sys.stdout.write(value[:7])
    sys.stdout.write(value[7:])
    subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1], file=sys.stderr)", value], check=True)
    raise ConnectionError(value)


@component
def careless(ctx: Context, *, secret: Secret) -> Number:
    """Read the variable, and tell of it, without asking the secret."""
    raise ConnectionError(f"refused: {os.environ[NAME]}")


def everything_in(store: Store) -> str:
    assert store.local is not None
    return "\n".join(path.read_bytes().decode(errors="replace") for path in store.local.rglob("*") if path.is_file())


def test_nothing_a_run_writes_holds_the_value(value: str, tmp_path: Path) -> None:
    """Plan, journal, results, cache and failure, of a node that works, one that fails and one that is careless."""

    def logins() -> None:
        login.with_options(name="works")(secret=Secret.env(NAME))
        login.with_options(name="breaks")(secret=Secret.env(NAME), fail=True)
        careless(secret=Secret.env(NAME))

    store = Store(tmp_path / "store")
    outcome = run_plan(plan_of(logins), store)
    assert {name: result.status for name, result in outcome.results.items()} == {
        "works": "done",
        "breaks": "failed",
        "careless": "failed",
    }
    assert outcome.results["works"].summary == f"logged in with <secret env:{NAME}>"
    written = everything_in(store)
    assert f"refused: <secret env:{NAME}>" in written and f"db://<secret env:{NAME}>" in written
    assert "s3cr" not in written and "second line" not in written


@pytest.mark.parametrize("process", [None, "own"], ids=["this process", "its own process"])
def test_a_log_holds_the_reference(value: str, tmp_path: Path, process: str | None) -> None:
    """What is printed, logged, written in two parts, and what a process of a process writes, if that is in the log."""
    store = Store(tmp_path / "store")
    plan = plan_of(lambda: talkative.with_options(process=process)(secret=Secret.env(NAME)), name="talk")
    (result,) = run_plan(plan, store).results.values()
    log = (store.read(result.log) or b"").decode()
    assert f"printed|<secret env:{NAME}>|s3cr&|end" in log
    assert f"logged <secret env:{NAME}>" in log and f"ConnectionError: <secret env:{NAME}>" in log
    assert log.count(f"<secret env:{NAME}>") >= (5 if process else 4)
    assert "s3cr&t" not in everything_in(store) and "second line" not in everything_in(store)


def test_mlflow_is_told_nothing_of_the_value(value: str, tmp_path: Path) -> None:
    """Its database and files are searched as bytes."""
    from levada.mlflow.delivery import deliver_pending

    store = Store(tmp_path / "store")
    run_plan(plan_of(lambda: login(secret=Secret.env(NAME)), name="told"), store)
    report = deliver_pending(store, f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    assert len(report.delivered) == 1
    found = [path.read_bytes() for path in (tmp_path / "mlflow").rglob("*") if path.is_file()]
    assert any(f"env:{NAME}".encode() in content for content in found)
    assert not any(b"s3cr" in content for content in found)


# -- the cache, and what is missing ---------------------------------------------------------------------


def test_the_reference_counts_in_the_key_and_the_value_does_not(
    value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A rotated password is no reason to run again; another account is."""
    store = Store(tmp_path / "store")

    def asked(name: str, run: str) -> str:
        plan = plan_of(lambda: login(secret=Secret.env(name)), name="asked")
        return run_nodes(plan, store, run)["login"].status

    assert asked(NAME, "run-1") == "done"
    monkeypatch.setenv(NAME, "another value")
    assert asked(NAME, "run-2") == "cached"
    monkeypatch.setenv("LEVADA_TEST_OTHER", VALUE)
    assert asked("LEVADA_TEST_OTHER", "run-3") == "done"


def test_a_missing_secret_ends_a_run_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node and its line are named; the node before it, which could have run, has not."""
    monkeypatch.delenv(NAME, raising=False)

    def late() -> None:
        first = make(n=1)
        login.with_options(after=first)(secret=Secret.env(NAME))

    store = Store(tmp_path / "store")
    with pytest.raises(SecretError, match=f"node login wants the secret env:{NAME}, which is not set") as caught:
        run_plan(plan_of(late), store)
    assert "tests/test_secret.py:" in str(caught.value) and f"export {NAME}=" in str(caught.value)
    assert (store.list("runs"), store.list("open"), store.list("artifacts")) == ([], [], [])


def test_a_node_from_the_cache_needs_no_secret(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a colleague without the password can work on what comes after."""
    store = Store(tmp_path / "store")
    plan = plan_of(lambda: login(secret=Secret.env(NAME)), name="shared")
    assert run_plan(plan, store).exit_code == OK
    monkeypatch.delenv(NAME)
    outcome = run_plan(plan, store)
    assert (outcome.exit_code, outcome.results["login"].status) == (OK, "cached")


# -- on the command line --------------------------------------------------------------------------------


@pipeline
def session(*, password: Secret = Secret.env(NAME)) -> None:
    """Log in."""
    login(secret=password)


def test_the_command_line_takes_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--password env:OTHER`; what is no reference is refused without repeating it."""
    import click

    (option,) = options_of(session)
    command = click.Command("session", params=[option])
    assert command.make_context("x", ["--password", "env:OTHER"]).params == {"password": Secret.env("OTHER")}
    with pytest.raises(click.BadParameter) as caught:
        command.make_context("x", ["--password", "hunter2"])
    assert "env:NAME or file:/path" in caught.value.message and "hunter2" not in caught.value.format_message()


def test_a_run_from_the_command_line_leaks_nothing(value: str, tmp_path: Path) -> None:
    """Neither what it prints, nor the store, nor MLflow's database beside it; and the failure says enough."""
    (tmp_path / "work").mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.levada]\ncode = ["work"]\n')
    (tmp_path / "work" / "__init__.py").write_text(
        "from levada import Context, Secret, component, pipeline\n\n\n"
        "@component\ndef connect(ctx: Context, *, password: Secret) -> None:\n"
        "    import os\n    os.write(2, password.reveal().encode())\n    print(password.reveal())\n"
        '    raise ConnectionError("refused: " + password.reveal())\n\n\n'
        f'@pipeline\ndef extract(*, password: Secret = Secret.env("{NAME}")) -> None:\n    connect(password=password)\n'
    )
    levada = Path(sys.executable).parent / "levada"
    environment: dict[str, Any] = {k: v for k, v in os.environ.items() if not k.startswith(("LEVADA_S", "MLFLOW"))}
    done = subprocess.run(
        [levada, "run", "extract"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == FAILED, done.stderr
    assert f"ConnectionError: refused: <secret env:{NAME}>" in done.stdout
    written = done.stdout + done.stderr + everything_in(Store(tmp_path / ".levada"))
    assert (tmp_path / ".levada" / "mlflow.db").is_file()
    assert "s3cr" not in written and "second line" not in written
