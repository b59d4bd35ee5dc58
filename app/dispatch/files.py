"""A rulebook in whichever outer form it comes: folder, zipped folder, workbook.

What reads and writes workbooks is loaded by who has one: an API process seldom does.
"""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from app.dispatch.folder import read_folder, read_zip, write_folder
from app.dispatch.rulebook import Rulebook
from app.errors import InvalidInput


def read_rulebook(path: Path) -> Rulebook:
    """The rulebook at the path. Errors: `InvalidInput` when there is none; `RulebookRefused`."""
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise InvalidInput(f"{path} does not exist: name a rulebook's folder, .zip or .xlsx.")
    return read_uploaded(path.read_bytes())


def read_uploaded(content: bytes) -> Rulebook:
    """The rulebook of a file's bytes, workbook or zipped folder. Errors: as `read_rulebook`."""
    try:
        names = ZipFile(io.BytesIO(content)).namelist()
    except BadZipFile as error:
        raise InvalidInput("The file is neither a workbook (.xlsx) nor a zipped rulebook folder.") from error
    if "xl/workbook.xml" not in names:
        return read_zip(content)
    from app.dispatch.workbook import read_workbook

    return read_workbook(content)


def workbook(rulebook: Rulebook) -> bytes:
    """The rulebook as the content of an `.xlsx` file."""
    from app.dispatch.workbook import write_workbook

    content = io.BytesIO()
    write_workbook(rulebook, content)
    return content.getvalue()


def write_rulebook(rulebook: Rulebook, path: Path) -> None:
    """Writes a workbook where the path ends in `.xlsx`, else a folder. Errors: `InvalidInput`."""
    try:
        if path.suffix.lower() == ".xlsx":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(workbook(rulebook))
        else:
            write_folder(rulebook, path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror}): name another place.") from error
