"""规则库文件夹: a rulebook as plain files that diff well.

`rulebook.toml` holds the settings, one CSV file each table. UTF-8 with LF line ends; rows stand in the
rulebook's own order; the parts of a list are joined by `;` (see `docs/rulebook.md`).
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile
from zipfile import Path as ZipPath

from app.dispatch.columns import (
    SETTINGS,
    TABLES,
    ColumnKind,
    Problems,
    Table,
    assemble,
    columns_of,
    read_cells,
    same_line_ends,
)
from app.dispatch.rulebook import Rulebook
from app.errors import InvalidInput

SETTINGS_FILE = "rulebook.toml"
#: No rulebook comes near it; what unpacks to more is not one.
LARGEST_UNPACKED = 64 * 1024 * 1024


def write_folder(rulebook: Rulebook, path: Path) -> None:
    """Writes every file of the rulebook, making the folder when it is missing."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in _files(rulebook):
        (path / name).write_text(content, encoding="utf-8", newline="")


def read_folder(path: Path | ZipPath) -> Rulebook:
    """The rulebook of a folder. Errors: `RulebookRefused`, naming file, line and column of every problem;
    `InvalidInput` when the folder holds no rulebook."""
    if not (path / SETTINGS_FILE).is_file():
        raise InvalidInput(f"{path} is no rulebook: name a folder that holds {SETTINGS_FILE}.")
    problems = Problems()
    settings = _read_settings(path / SETTINGS_FILE, problems)
    tables = {table.name: list(_read_table(path, table, problems)) for table in TABLES}
    known = {f"{table.name}.csv" for table in TABLES}
    for name in sorted(entry.name for entry in path.iterdir()):
        if name.endswith(".csv") and name not in known:
            problems.add(name, f"no table of a rulebook; the tables are {', '.join(sorted(known))}")
    return assemble(settings, tables, problems, settings_place=SETTINGS_FILE)


def read_zip(content: bytes) -> Rulebook:
    """The rulebook of a zipped folder (its files at the top or in one folder). Errors: as `read_folder`."""
    try:
        archive = ZipFile(io.BytesIO(content))
    except BadZipFile as error:
        raise InvalidInput("The file is no zip archive: zip the rulebook's folder again.") from error
    if sum(entry.file_size for entry in archive.infolist()) > LARGEST_UNPACKED:
        raise InvalidInput("The archive is too large for a rulebook: zip only the rulebook's own files.")
    root = ZipPath(archive)
    entries = [entry for entry in root.iterdir() if not entry.name.startswith("__MACOSX")]
    if not (root / SETTINGS_FILE).is_file() and len(entries) == 1 and entries[0].is_dir():
        root = entries[0]
    return read_folder(root)


def _files(rulebook: Rulebook) -> Iterator[tuple[str, str]]:
    yield SETTINGS_FILE, _settings_text(rulebook)
    for table in TABLES:
        output = io.StringIO()
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow([column.name for column in table.columns])
        for row in table.rows(rulebook):
            writer.writerow([column.text(getattr(row, column.name)) for column in table.columns])
        yield f"{table.name}.csv", output.getvalue()


def _settings_text(rulebook: Rulebook) -> str:
    lines, group = [], ""
    for setting in SETTINGS:
        if setting.group != group:
            group = setting.group
            lines.append(f"\n[{group}]")
        value = setting.column.tell(setting.value(rulebook))
        # Strings, numbers, booleans and lists of them read the same in JSON and TOML.
        lines.append(f"{setting.column.name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _text_of(file: Path | ZipPath, problems: Problems) -> str | None:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problems.add(f"{file.name}, line {line}", "not UTF-8; save the file as UTF-8")
    return None


def _read_settings(file: Path | ZipPath, problems: Problems) -> dict[str, Any]:
    text = _text_of(file, problems)
    try:
        document = tomllib.loads(same_line_ends(text or ""))
    except tomllib.TOMLDecodeError as error:
        problems.add(file.name, str(error))
        raise problems.refuse() from error
    lists = {setting.key: setting.column for setting in SETTINGS if setting.column.kind is ColumnKind.LIST}
    found: dict[str, Any] = {}
    for name, value in document.items():
        for key, item in (
            ((f"{name}.{inner}", item) for inner, item in value.items())
            if isinstance(value, dict)
            else ((name, value),)
        ):
            column = lists.get(key)
            found[key] = column.parts(item) if column and isinstance(item, list) else item
    return found


def _read_table(
    folder: Path | ZipPath, table: Table, problems: Problems
) -> Iterator[tuple[str, dict[str, Any]]]:
    file = folder / f"{table.name}.csv"
    if not file.is_file():
        problems.add(file.name, "the file is missing; a table without rows still has its heading")
        return
    text = _text_of(file, problems)
    if text is None:
        return
    reader = csv.reader(io.StringIO(same_line_ends(text), newline=""), strict=True)
    try:
        columns = columns_of(table, next(reader, []), file.name, problems)
        start = reader.line_num + 1
        for cells in reader:
            place, start = f"{file.name}, line {start}", reader.line_num + 1
            if len(cells) > len(columns):
                problems.add(place, f"{len(cells)} cells for {len(columns)} columns; quote cells with commas")
            elif any(cell.strip() for cell in cells):
                yield place, read_cells(columns, cells)
    except csv.Error as error:
        problems.add(f"{file.name}, line {reader.line_num}", str(error))
