"""Values that stand in files, as secrets best do: `NAME_FILE=path`, or a file `name` in `SECRETS_DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def from_files(names: Iterable[str], variables: Mapping[str, str | None]) -> dict[str, str]:
    """Read the values that stand in files: `NAME_FILE`, or `name` in `SECRETS_DIR`. What a variable says is not looked for.

    `variables` are those that are set, in lower case. Raises `SettingsError` when a file cannot be read.
    """
    directory = variables.get("secrets_dir")
    if directory and not Path(directory).is_dir():
        raise SettingsError(f"SECRETS_DIR: takes a directory, and {directory} is none")
    values = {}
    for name in names:
        pointer = variables.get(f"{name}_file")
        path = Path(pointer) if pointer else Path(directory, name) if directory else None
        if path is None or variables.get(name) or (not pointer and not path.is_file()):
            continue
        value = _read(path, f"{name}_file".upper() if pointer else "SECRETS_DIR")
        if value:
            values[name] = value
    return values


def _read(path: Path, variable: str) -> str:
    """A file's text without the blanks around it. Raises `SettingsError` naming the variable that points to it."""
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        reason = str(error.strerror)
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    raise SettingsError(f"{variable}: cannot read {path}: {reason}")
