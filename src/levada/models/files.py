"""A model's files that were made elsewhere, as a small value that `import_model` takes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from levada.errors import ModelError, did_you_mean
from levada.store import file_digest

PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")


@dataclass(frozen=True)
class ModelFiles:
    """A model that lies in a file or a folder, from the project's root; made by `model_files`."""

    path: str

    def digest(self) -> str:
        """Return a sha256 (hex) over the names and contents of all its files. Raises ModelError if there are none."""
        return self.digest_below(Path.cwd())

    def digest_below(self, root: Path) -> str:
        """Return the same for a path that is meant from `root`."""
        top = self.found(root)
        total = hashlib.sha256()
        for file in files_of(top):
            total.update(f"{file.relative_to(top.parent)}\n{file_digest(file)}\n".encode())
        return total.hexdigest()

    def found(self, root: Path) -> Path:
        """Return the file or folder. Raises ModelError if it is not there."""
        path = root / self.path
        if path.exists():
            return path
        folder = path.parent
        names = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
        raise ModelError(
            f"model_files('{self.path}'): there is no such file or folder in {root}.",
            hint=did_you_mean(path.name, names) or (f"There is {', '.join(names[:8])}." if names else ""),
        )

    def format(self, root: Path) -> str:
        """Return `saved_model`, `keras`, `onnx`, `sklearn` or `levada`, by what is there.

        Raises ModelError for what cannot be adopted: a pickle, Keras's old HDF5, something else.
        """
        path = self.found(root)
        if path.is_dir():
            return self._format_of_folder(path)
        suffix = path.suffix.lower()
        if suffix in PICKLES:
            raise ModelError(
                f"{self.path} is a pickle, which can run any code when it is loaded.",
                hint="Save the estimator where it was made: skops.io.dump(estimator, 'model.skops'), or as ONNX.",
            )
        if suffix in (".h5", ".hdf5"):
            raise ModelError(
                f"{self.path} is in Keras's old format, whose layers may hold code.",
                hint="Where it was made: model.save('model.keras').",
            )
        formats = {".keras": "keras", ".onnx": "onnx", ".skops": "sklearn"}
        if suffix not in formats:
            raise ModelError(f"{self.path}: what a '{suffix}' file holds is not known.", hint=_KNOWN)
        return formats[suffix]

    def _format_of_folder(self, path: Path) -> str:
        if (path / "model.json").is_file():
            return "levada"
        if (path / "saved_model.pb").is_file():
            return "saved_model"
        if [file for file in path.iterdir() if file.suffix == ".onnx"]:
            return "onnx"
        inner = "It looks like MLflow's: name the folder of the model within it." if (path / "MLmodel").exists() else ""
        raise ModelError(f"{self.path} is a folder without a saved_model.pb or an .onnx file.", hint=inner or _KNOWN)

    def __str__(self) -> str:
        return f"model_files('{self.path}')"


_KNOWN = "Models are taken from a SavedModel's folder, .keras, .onnx (with its data: the folder) and .skops files."


def files_of(path: Path) -> list[Path]:
    """Return the files of a model, sorted: the file itself, or all below a folder.

    Raises ModelError for what is neither file nor folder. A link is none: what it leads to can change, or lie where no
    model does.
    """
    if path.is_file():
        return [path]
    found: list[Path] = []
    for folder, inner, names in os.walk(path):
        for item in (Path(folder) / name for name in (*inner, *names)):
            if item.is_symlink() or not (item.is_file() or item.is_dir()):
                what = "a link" if item.is_symlink() else "neither a file nor a folder"
                raise ModelError(
                    f"{item} is {what}, and a model is taken over with the files that lie in its folder.",
                    hint="Copy what it leads to: cp -rL FOLDER COPY." if item.is_symlink() else "",
                )
        found += [Path(folder) / name for name in names]
    return sorted(found)


def model_files(path: str | Path) -> ModelFiles:
    """Return a model made elsewhere, for `import_model`: a file or folder, from the project's root."""
    return ModelFiles(Path(path).as_posix())
