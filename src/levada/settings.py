"""A project's settings: the table `[tool.levada]` of its `pyproject.toml`, and what goes before it.

    [tool.levada]
    code = ["components", "pipelines"]
    store = ".levada"

    [tool.levada.env.prod]                        # chosen by --env prod or LEVADA_ENV=prod
    store = "s3://models/levada"
    store_options = {key = {env = "S3_KEY"}, secret = {env = "S3_SECRET"}}
    mlflow = "https://mlflow.example.org"
    mlflow_token = {file = "/run/secrets/mlflow"}
    cache = "read"

What the command line says goes before an environment variable, that before the environment's table, that before
`[tool.levada]` itself. Folders in the file are meant from the project's root, those of the shell from its folder.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from levada.errors import ParameterError, Position, ProjectError, did_you_mean
from levada.secret import Secret

FILE = "pyproject.toml"
ENVIRONMENT = "LEVADA_ENV"
USUAL_CODE = ("components", "pipelines")
"""Where a project's code is looked for if `code` does not say."""

Cache = Literal["read-write", "read", "off"]
Signatures = Literal["required", "optional"]
Verify = Literal["always", "sizes"]


@dataclass(frozen=True)
class Settings:
    """What is in force for a project. `origins` says for each setting that is not the default where it comes from.

    `mlflow` is a SQLite file in a local store where nothing names another, and empty beside a store elsewhere, or where
    somebody sets it so: then nobody is told; `jobs` is None where the machine decides.
    """

    env: str = ""
    code: tuple[str, ...] = ()
    store: str = ".levada"
    store_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    mlflow: str = ""
    mlflow_username: str = ""
    mlflow_password: Secret | None = None
    mlflow_token: Secret | None = None
    beam: tuple[str, ...] = ()
    jobs: int | None = None
    cache: Cache = "read-write"
    signatures: Signatures = "required"
    sign_with: str = "~/.config/levada/signing.pem"
    trust: tuple[str, ...] = ()
    verify: Verify = "always"
    origins: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Setting:
    """One setting: how its value is read from TOML (ValueError says what was wanted), and from which variable."""

    read: Callable[[Any], Any]
    variable: str = ""
    parse: Callable[[str], Any] = str
    everywhere: bool = True
    """Whether an environment's table can have it."""


def read_settings(
    root: Path, table: Mapping[str, Any], env: str | None = None, given: Mapping[str, Any] | None = None
) -> Settings:
    """Return what is in force for the project at `root`, whose `[tool.levada]` is `table`.

    `env` and `given` are what the command line says. Raises ProjectError, naming the file and its line, for an unknown
    environment or setting and for a value that is none.
    """
    reader = _Reader(root)
    base = reader.take("[tool.levada]", {name: value for name, value in table.items() if name != "env"})
    chosen = env or os.environ.get(ENVIRONMENT, "")
    tables = reader.environments(table.get("env", {}))
    if chosen and chosen not in tables:
        asked = "--env" if env else ENVIRONMENT
        known = f"It has {', '.join(tables)}." if tables else f"Make one: a table [tool.levada.env.{chosen}]."
        raise ProjectError(
            f"{root / FILE} has no environment '{chosen}', which {asked} asks for.",
            hint=did_you_mean(chosen, tables) or known,
        )
    layers = [
        (base, lambda name: f"[tool.levada] in {FILE}"),
        (tables.get(chosen, {}), lambda name: f"[tool.levada.env.{chosen}] in {FILE}"),
        (_from_variables(), lambda name: SETTINGS[name].variable),
        ({name: value for name, value in (given or {}).items() if value}, lambda name: f"--{name}"),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if chosen:
        origins["env"] = "--env" if env else ENVIRONMENT
    for layer, origin in layers:
        for name, value in layer.items():
            values[name], origins[name] = value, origin(name)
    values.setdefault("code", tuple(name for name in USUAL_CODE if (root / name).is_dir()))
    values.setdefault("store", str(root / Settings.store))
    folder = values["store"].removeprefix("file://")
    if "://" not in folder:
        values.setdefault("mlflow", f"sqlite:///{Path(folder) / 'mlflow.db'}")
    return Settings(env=chosen, origins=origins, **values)


@dataclass(frozen=True)
class _Reader:
    """Reads the tables of the project's file."""

    root: Path

    def take(self, title: str, table: Mapping[str, Any], inner: bool = False) -> dict[str, Any]:
        """Return the values of a table, folders from the project's root made absolute."""
        taken: dict[str, Any] = {}
        for name, value in table.items():
            setting = SETTINGS.get(name)
            if setting is None or (inner and not setting.everywhere):
                known = [known for known, one in SETTINGS.items() if one.everywhere or not inner]
                hint = did_you_mean(name, known) or f"Settings are {', '.join(known)}."
                if setting is not None:
                    hint = f"It is the same in every environment: set it in [tool.levada]. Here: {', '.join(known)}."
                raise self._wrong(title, name, "is not a setting", hint)
            try:
                taken[name] = setting.read(value)
            except (ValueError, ParameterError) as error:
                message = error.message if isinstance(error, ParameterError) else str(error)
                raise self._wrong(title, name, message, "") from None
        if "store" in taken:
            taken["store"] = _from_folder(taken["store"], self.root)
        if "sign_with" in taken:
            taken["sign_with"] = _from_folder(taken["sign_with"], self.root)
        if "trust" in taken:
            taken["trust"] = tuple(_from_folder(path, self.root) for path in taken["trust"])
        if "mlflow" in taken:
            taken["mlflow"] = _database_from(taken["mlflow"], self.root)
        return taken

    def environments(self, tables: Any) -> dict[str, dict[str, Any]]:
        """Return what each environment's table says; all are read, so that a mistake is found wherever it is."""
        if not isinstance(tables, dict):
            raise self._wrong("[tool.levada]", "env", "must be tables: [tool.levada.env.NAME]", "")
        found: dict[str, dict[str, Any]] = {}
        for name, table in cast("dict[str, Any]", tables).items():
            if not isinstance(table, dict):
                raise self._wrong("[tool.levada.env]", name, f"must be a table: [tool.levada.env.{name}]", "")
            found[name] = self.take(f"[tool.levada.env.{name}]", cast("dict[str, Any]", table), inner=True)
        return found

    def _wrong(self, title: str, name: str, what: str, hint: str) -> ProjectError:
        return ProjectError(f"{title}: '{name}' {what}.", where=self._line_of(title, name), hint=hint)

    def _line_of(self, title: str, name: str) -> Position:
        """Return the line that sets a name in a table; never its value, which may be a secret in the wrong place."""
        path = self.root / FILE
        number = 0
        table = ""
        for number_here, line in enumerate(path.read_text().splitlines() if path.is_file() else [], 1):
            if re.match(r"\s*\[", line):
                table = line.strip()
            if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line) and (not number or table == title):
                number = number_here
        return Position(str(path), number, name if number else "")


def find_table(path: Path) -> dict[str, Any] | None:
    """Return `[tool.levada]` of a `pyproject.toml`, None if it has none; raises ProjectError if it is not TOML."""
    try:
        return tomllib.loads(path.read_text()).get("tool", {}).get("levada")
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path} is not TOML: {error}.") from None


def _from_variables() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        text = os.environ.get(setting.variable) if setting.variable else None
        if text:
            try:
                found[name] = setting.read(setting.parse(text))
            except ValueError as error:
                wanted = str(error) if not str(error).startswith("invalid literal") else "must be a whole number"
                raise ProjectError(f"the environment variable {setting.variable} {wanted}.") from None
    return found


def _from_folder(store: str, folder: Path) -> str:
    """Return the place of a store or a file, a relative one made absolute."""
    return store if "://" in store else str(folder / Path(store).expanduser())


def _database_from(address: str, folder: Path) -> str:
    """Return MLflow's address, the relative path of a database or folder made absolute."""
    for prefix in ("sqlite:///", "file:"):
        rest = address.removeprefix(prefix)
        path, mark, query = rest.partition("?")
        if address.startswith(prefix) and path and not path.startswith(("/", ":memory:")):
            return f"{prefix}{folder / path}{mark}{query}"
    return address


# -- what each setting takes ----------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be text")
    return value


def _text_or_none(value: Any) -> str:
    return "" if value == "" else _text(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in cast("list[Any]", value)):
        raise ValueError("must be a list of texts")
    return tuple(cast("list[str]", value))


def _packages(value: Any) -> tuple[str, ...]:
    names = _texts(value)
    if not all(part.isidentifier() for name in names for part in name.split(".")):
        raise ValueError('must name packages, as import does: ["components", "pipelines"]')
    return names


def _jobs(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("must be a whole number of at least 1")
    return value


def _cache(value: Any) -> Cache:
    if value not in ("read-write", "read", "off"):
        raise ValueError('must be "read-write", "read" or "off"')
    return value


def _signatures(value: Any) -> Signatures:
    if value not in ("required", "optional"):
        raise ValueError('must be "required" or "optional"')
    return value


def _verify(value: Any) -> Verify:
    if value not in ("always", "sizes"):
        raise ValueError('must be "always" or "sizes"')
    return value


def _secret(value: Any) -> Secret:
    secret = _as_secret(value)
    if secret is None:
        raise ValueError('must say where the secret is, never what it is: {env = "NAME"} or {file = "/path"}')
    return secret


def _as_secret(value: Any) -> Secret | None:
    match value:
        case Secret():
            return value
        case {"env": str(name), **rest} if not rest:
            return Secret.env(name)
        case {"file": str(path), **rest} if not rest:
            return Secret.file(path)
        case _:
            return None


def _options(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of options for the store's file system")
    return {name: _option(item) for name, item in cast("dict[str, Any]", value).items()}


def _option(value: Any) -> Any:
    secret = _as_secret(value)
    if secret is not None:
        return secret
    return _options(value) if isinstance(value, dict) else value


SETTINGS: dict[str, Setting] = {
    "code": Setting(_packages, everywhere=False),
    "store": Setting(_text, "LEVADA_STORE", lambda text: _from_folder(text, Path.cwd())),
    "store_options": Setting(_options),
    "mlflow": Setting(_text_or_none, "MLFLOW_TRACKING_URI"),
    "mlflow_username": Setting(_text, "MLFLOW_TRACKING_USERNAME"),
    "mlflow_password": Setting(
        _secret, "MLFLOW_TRACKING_PASSWORD", lambda text: Secret.env("MLFLOW_TRACKING_PASSWORD")
    ),
    "mlflow_token": Setting(_secret, "MLFLOW_TRACKING_TOKEN", lambda text: Secret.env("MLFLOW_TRACKING_TOKEN")),
    "beam": Setting(_texts),
    "jobs": Setting(_jobs, "LEVADA_JOBS", int),
    "cache": Setting(_cache, "LEVADA_CACHE"),
    "signatures": Setting(_signatures, "LEVADA_SIGNATURES", everywhere=False),
    "sign_with": Setting(_text, "LEVADA_SIGN_WITH", lambda text: _from_folder(text, Path.cwd()), everywhere=False),
    "trust": Setting(
        _texts,
        "LEVADA_TRUST",
        lambda text: [_from_folder(path, Path.cwd()) for path in text.split(os.pathsep) if path],
        everywhere=False,
    ),
    "verify": Setting(_verify, "LEVADA_VERIFY"),
}
"""Every setting by name, in the order that `levada settings` shows them."""


# -- shown to people ------------------------------------------------------------------------------------

_SENSITIVE = re.compile(r"secret|password|passwd|token|credential|(^|_)key($|_)", re.IGNORECASE)


def shown(settings: Settings) -> Iterator[tuple[str, Any, str]]:
    """Yield each setting's name, its value as people may see it, and where it comes from."""
    yield "env", settings.env, settings.origins.get("env", "")
    for name in SETTINGS:
        yield name, _masked(name, getattr(settings, name)), settings.origins.get(name, "default")


def _masked(name: str, value: Any) -> Any:
    """Return a value in JSON's terms, secrets as their references and passwords in addresses left out."""
    match value:
        case Secret():
            return {value.scheme: value.name, "is_there": value.is_there()}
        case dict():
            return {key: _masked(key, item) for key, item in cast("dict[str, Any]", value).items()}
        case tuple() | list():
            return [_masked(name, item) for item in cast("list[Any]", value)]
        case str() if _SENSITIVE.search(name):
            return "***"
        case str():
            return re.sub(r"//[^/\s@]+@", "//***@", value)
        case _:
            return value
