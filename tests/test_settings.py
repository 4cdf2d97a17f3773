"""Settings: which value is in force, where it comes from, and what is said of a wrong one."""

# ruff: noqa: F811  (fixtures)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from levada.errors import ProjectError, SecretError
from levada.project import Project, find_project
from levada.secret import Secret
from levada.settings import SETTINGS, shown
from tests.stores import s3_address  # noqa: F401

PLAIN = """
[tool.levada]
code = ["work"]
store = "data/store"
mlflow = "sqlite:///data/ml flow.db"
jobs = 4
beam = ["--direct_num_workers=1"]

[tool.levada.env.prod]
store = "s3://models/levada"
store_options = {key = {env = "S3_KEY"}, client_kwargs = {region_name = "eu", verify = {file = "/run/secrets/ca"}}}
mlflow = "https://mlflow.example.org"
mlflow_username = "levada"
mlflow_password = {env = "MLFLOW_PASSWORD"}
jobs = 8
cache = "read"
verify = "sizes"
"""


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEVADA_ENV", *(setting.variable for setting in SETTINGS.values() if setting.variable)):
        # Set first, so that what a test's project puts there is taken away again.
        monkeypatch.setenv(name, "")


def project_of(folder: Path, text: str, **options: Any) -> Project:
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(text)
    return find_project(folder, **options)


def origin_of(project: Project, name: str) -> str:
    return {found: origin for found, _, origin in shown(project.settings)}[name]


def test_without_code_the_usual_folders_are_looked_into(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r'It has none: name the packages .* code = \["pipelines"\]'):
        project_of(tmp_path, "[tool.levada]\n").find_pipeline("flights")
    (tmp_path / "pipelines").mkdir()
    with pytest.raises(ProjectError, match="It has none in pipelines, where code"):
        project_of(tmp_path, "[tool.levada]\n").find_pipeline("flights")
    (tmp_path / "pipelines/daily.py").write_text("@pipeline\ndef flights() -> None: ...\n")
    assert project_of(tmp_path, "[tool.levada]\n").find_pipeline("flights") == "python:pipelines.daily:flights"


def test_an_environments_table_goes_before_the_base(tmp_path: Path) -> None:
    """What the table leaves out is the base's."""
    base, prod = project_of(tmp_path, PLAIN), project_of(tmp_path, PLAIN, env="prod")
    assert (base.settings.jobs, base.settings.cache, base.settings.env) == (4, "read-write", "")
    assert (prod.settings.jobs, prod.settings.cache, prod.settings.env) == (8, "read", "prod")
    assert prod.settings.beam == base.settings.beam == ("--direct_num_workers=1",)
    assert prod.settings.code == ("work",)
    assert origin_of(prod, "jobs") == "[tool.levada.env.prod] in pyproject.toml"
    assert origin_of(prod, "beam") == "[tool.levada] in pyproject.toml"
    assert origin_of(prod, "env") == "--env"
    assert (base.store.verify, prod.store.verify) == ("always", "sizes")


def test_a_variable_goes_before_the_tables_and_the_command_line_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LEVADA_ENV chooses, LEVADA_JOBS overrides, --env and --store go before both."""
    monkeypatch.setenv("LEVADA_ENV", "prod")
    monkeypatch.setenv("LEVADA_JOBS", "2")
    monkeypatch.setenv("LEVADA_STORE", str(tmp_path / "from the shell"))
    project = project_of(tmp_path, PLAIN)
    assert (project.settings.env, project.settings.jobs) == ("prod", 2)
    assert project.store.local == tmp_path / "from the shell"
    assert origin_of(project, "env") == "LEVADA_ENV" and origin_of(project, "jobs") == "LEVADA_JOBS"
    typed = project_of(tmp_path, PLAIN + "[tool.levada.env.ci]\njobs = 1\n", env="ci", store="memory://typed")
    assert (typed.settings.env, typed.store.uri) == ("ci", "memory://typed")
    assert origin_of(typed, "store") == "--store"


def test_folders_of_the_file_are_meant_from_the_root_and_of_the_shell_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the command is typed, the same database is meant."""
    inside = tmp_path / "project" / "inside"
    project_of(tmp_path / "project", PLAIN)
    inside.mkdir()
    monkeypatch.chdir(inside)
    project = find_project()
    assert project.store.local == tmp_path / "project" / "data" / "store"
    assert project.tracking_uri == f"sqlite:///{tmp_path / 'project' / 'data' / 'ml flow.db'}"
    assert find_project(store="here").store.local == inside / "here"
    monkeypatch.setenv("LEVADA_STORE", "there")
    assert find_project().store.local == inside / "there"


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("", ""),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
        ("sqlite:///x.db?timeout=3", "sqlite:///{root}/x.db?timeout=3"),
        ("file:mlruns", "file:{root}/mlruns"),
        ("databricks", "databricks"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_only_relative_databases_and_folders_are_moved(tmp_path: Path, address: str, meant: str) -> None:
    """An address that says where it is stays as it is."""
    project = project_of(tmp_path, f'[tool.levada]\nmlflow = "{address}"\n')
    assert project.tracking_uri == meant.format(root=tmp_path)


def test_a_local_store_has_its_database_beside_it_and_another_has_none(tmp_path: Path) -> None:
    """What is not set is decided by the store."""
    assert project_of(tmp_path, "[tool.levada]\n").tracking_uri == f"sqlite:///{tmp_path}/.levada/mlflow.db"
    assert project_of(tmp_path, '[tool.levada]\nstore = "memory://x"\n').tracking_uri == ""


@pytest.mark.parametrize(
    ("text", "message", "line", "hint"),
    [
        ("[tool.levada]\nstroe = 'x'\n", "[tool.levada]: 'stroe' is not a setting.", 2, "Did you mean store?"),
        (
            "[tool.levada]\n\n[tool.levada.env.prod]\n\njob = 3\n",
            "[tool.levada.env.prod]: 'job' is not a setting.",
            5,
            "Did you mean jobs?",
        ),
        (
            "[tool.levada]\n[tool.levada.env.prod]\ncode = ['x']\n",
            "[tool.levada.env.prod]: 'code' is not a setting.",
            3,
            "It is the same in every environment",
        ),
        ("[tool.levada]\njobs = 0\n", "[tool.levada]: 'jobs' must be a whole number of at least 1.", 2, ""),
        ("[tool.levada]\njobs = true\n", "[tool.levada]: 'jobs' must be a whole number of at least 1.", 2, ""),
        ("[tool.levada]\ncache = 'write'\n", '\'cache\' must be "read-write", "read" or "off".', 2, ""),
        ("[tool.levada]\nverify = 'never'\n", '\'verify\' must be "always" or "sizes".', 2, ""),
        ("[tool.levada]\ncode = 'work'\n", "[tool.levada]: 'code' must be a list of texts.", 2, ""),
        (
            '[tool.levada]\ncode = ["."]\n',
            '[tool.levada]: \'code\' must name packages, as import does: ["components", "pipelines"].',
            2,
            "",
        ),
        ("[tool.levada]\nenv = 'prod'\n", "'env' must be tables: [tool.levada.env.NAME].", 2, ""),
        ("[tool.levada]\nstore_options = {key = {file = 'x'}}\n", "is not an absolute path.", 2, ""),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_line(
    tmp_path: Path, text: str, message: str, line: int, hint: str
) -> None:
    """The nearest known name is offered; a table that nobody chose is checked too."""
    with pytest.raises(ProjectError) as caught:
        project_of(tmp_path, text)
    assert message in caught.value.message
    assert caught.value.where is not None
    assert (caught.value.where.file, caught.value.where.line) == (str(tmp_path / "pyproject.toml"), line)
    assert hint in caught.value.hint


def test_an_unknown_environment_is_answered_by_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is named, and who asked."""
    with pytest.raises(ProjectError, match=r"pyproject.toml has no environment 'prd', which --env asks for") as caught:
        project_of(tmp_path, PLAIN, env="prd")
    assert caught.value.hint == "Did you mean prod?"
    monkeypatch.setenv("LEVADA_ENV", "staging")
    with pytest.raises(ProjectError, match="which LEVADA_ENV asks for") as caught:
        project_of(tmp_path, PLAIN)
    assert caught.value.hint == "It has prod."


def test_a_variable_with_a_wrong_value_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the file: the mistake is in the shell."""
    monkeypatch.setenv("LEVADA_JOBS", "many")
    with pytest.raises(ProjectError, match="variable LEVADA_JOBS must be a whole number"):
        project_of(tmp_path, PLAIN)


def test_a_secret_that_stands_in_the_file_is_refused_without_repeating_it(tmp_path: Path) -> None:
    """A committed token is no secret any more; the error does not spread it further."""
    with pytest.raises(ProjectError, match="must say where the secret is") as caught:
        project_of(tmp_path, "[tool.levada]\nmlflow_token = 'tok-123456'\n")
    assert "tok-123456" not in str(caught.value)


def test_credentials_of_mlflow_are_put_where_mlflow_looks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When somebody is about to talk to it, not before; one that is not there is named."""
    import os

    project = project_of(tmp_path, PLAIN, env="prod")
    with pytest.raises(SecretError, match="the secret env:MLFLOW_PASSWORD is not set"):
        _ = project.tracking_uri
    monkeypatch.setenv("MLFLOW_PASSWORD", "open sesame")
    assert project.tracking_uri == "https://mlflow.example.org"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "levada"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "open sesame"


def test_what_is_shown_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """References are shown, and whether something is there; literals with a telling name and passwords are masked."""
    monkeypatch.setenv("S3_KEY", "AKIA-very-secret")
    text = PLAIN.replace("region_name", 'aws_secret = "in the open", region_name')
    text = text.replace("https://mlflow", "https://me:hunter2@mlflow")
    project = project_of(tmp_path, text, env="prod")
    values = {name: value for name, value, _ in shown(project.settings)}
    assert values["store_options"]["key"] == {"env": "S3_KEY", "is_there": True}
    assert values["store_options"]["client_kwargs"] == {
        "aws_secret": "***",
        "region_name": "eu",
        "verify": {"file": "/run/secrets/ca", "is_there": False},
    }
    assert values["mlflow"] == "https://***@mlflow.example.org"
    assert not any(word in str(values) for word in ("AKIA", "in the open", "hunter2"))


def test_options_of_a_store_are_revealed_only_when_it_is_opened(
    tmp_path: Path, s3_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store object, which travels to workers, holds references; S3 gets the values."""
    text = f"""
[tool.levada]
store = "s3://bucket/settings"
store_options = {{key = {{env = "OUR_KEY"}}, secret = {{env = "OUR_SECRET"}}, endpoint_url = "{s3_address}"}}
"""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = project_of(tmp_path, text).store
    assert store.options["key"] == Secret.env("OUR_KEY")
    with pytest.raises(SecretError, match="OUR_KEY"):
        store.read("x")
    monkeypatch.setenv("OUR_KEY", "levada-key")
    monkeypatch.setenv("OUR_SECRET", "levada-secret")
    store.write("x", b"y")
    assert store.read("x") == b"y"
    assert store.options["key"] == Secret.env("OUR_KEY")
