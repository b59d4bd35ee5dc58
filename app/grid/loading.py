"""Reading a district's files into layers: by GDAL, in any coordinate system, without storing anything."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import shapely

from app import geo
from app.errors import InvalidInput
from app.grid.codes import CODE_LENGTH, AreaLevel, component_category
from app.grid.layers import Layer, Layers, Objects, present, repaired, shaped
from app.grid.manifest import AREA_LAYERS, LAYER_LABELS, LayerKind, LayerSource, Manifest
from app.grid.targets import ESSENTIAL, TARGETS, Target, is_empty

#: Told what is being done, in words.
Progress: TypeAlias = Callable[[str], None]
#: A file as read: its columns and geometries in CGCS2000 degrees.
_Read: TypeAlias = tuple[dict[str, Objects], Objects]

_MAP_SUFFIXES = (".shp", ".gpkg", ".geojson", ".json")
#: What the columns of a table of points may be called.
_COORDINATES = (("lon", "lat"), ("lng", "lat"), ("x", "y"), ("经度", "纬度"))


def load(manifest: Manifest, progress: Progress = lambda _: None) -> Layers:
    """Every layer the manifest names; a missing district is made of its streets.

    Errors: `InvalidInput` for a file that cannot be read, a missing column, a wrong coordinate system
    or geometry type, or a value that means nothing, naming layer and row.
    """
    layers: dict[LayerKind, Layer] = {}
    for kind, source in manifest.sources():
        progress(f"读取 reading {LAYER_LABELS[kind]}")
        try:
            layers[kind] = _layer(kind, source, manifest)
        except InvalidInput as error:
            raise InvalidInput(f"{kind} ({source.file.name}): {error.detail}") from error
    derived = LayerKind.DISTRICT not in layers and LayerKind.STREETS in layers
    if derived:
        layers[LayerKind.DISTRICT] = _union_of_streets(manifest, layers[LayerKind.STREETS])
    if not layers:
        raise InvalidInput("the manifest names no layer: add [streets], [cells] or another")
    return Layers(
        district_code=manifest.district.code,
        effective_from=manifest.effective_from,
        code_length={**CODE_LENGTH, AreaLevel.CELL: manifest.cell_code_length},
        layers=layers,
        derived_district=derived,
    )


def _layer(kind: LayerKind, source: LayerSource, manifest: Manifest) -> Layer:
    path = manifest.base / source.file
    if not path.exists():
        raise InvalidInput(f"there is no file {path}")
    given, geometries = _read(kind, path, source)
    unknown = (source.fields.keys() | source.defaults.keys()) - TARGETS[kind].keys()
    if unknown:
        raise InvalidInput(f"no such target {min(unknown)!r}; there are {', '.join(TARGETS[kind])}")
    columns = {
        name: _column(name, target, source, given, len(geometries), manifest)
        for name, target in TARGETS[kind].items()
    }
    lacking = [name for name in ESSENTIAL[kind] if not _is_given(name, source, given)]
    if lacking:
        raise InvalidInput(f"no column for {lacking[0]!r}: name one of {', '.join(given)} in fields")
    return Layer(kind, shaped(kind, geometries), _completed(kind, columns, manifest))


def _read(kind: LayerKind, path: Path, source: LayerSource) -> _Read:
    if kind is LayerKind.CHIEFS:
        return _read_csv(path, source)
    if kind is LayerKind.POIS and path.suffix == ".csv":
        return _read_points(path, source)
    return _read_map(path, source)


def _is_given(name: str, source: LayerSource, given: dict[str, Objects]) -> bool:
    return source.fields.get(name, name) in given or name in source.defaults


def _column(
    name: str, target: Target, source: LayerSource, given: dict[str, Objects], rows: int, manifest: Manifest
) -> Objects:
    column = source.fields.get(name, name)
    if name in source.fields and column not in given:
        raise InvalidInput(f"no column {column!r} (for {name!r}); there are {', '.join(given) or 'none'}")
    values = given.get(column, np.full(rows, None, dtype=object))
    fallback = source.defaults.get(name)
    found = np.empty(rows, dtype=object)
    for row, value in enumerate(values):
        chosen = fallback if is_empty(value) else value
        if is_empty(chosen):
            if target.required:
                raise InvalidInput(f"row {row + 1}: {name} is empty")
            found[row] = target.default
            continue
        try:
            found[row] = target.parse(chosen, manifest.timezone)
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"row {row + 1}: {name} = {chosen!r}: {error}") from error
    return found


def _completed(kind: LayerKind, columns: dict[str, Objects], manifest: Manifest) -> dict[str, Objects]:
    """Fills what follows from the code or from the manifest."""

    def fill(name: str, default: Callable[[str], Any]) -> None:
        missing = [row for row, value in enumerate(columns[name]) if value is None]
        for row in missing:
            columns[name][row] = default(columns["code"][row] if "code" in columns else "")

    fill("valid_from", lambda _: manifest.effective_from)
    if kind in AREA_LAYERS:
        level = AREA_LAYERS[kind]
        fill("name", lambda code: code)
        fill("predecessors", lambda _: [])
        if level.parent is not None:
            length = CODE_LENGTH[level.parent]
            fill("parent_code", lambda code: code[:length])
    elif kind is LayerKind.COMPONENTS:
        fill("category", component_category)
    elif kind is LayerKind.POIS:
        fill("aliases", lambda _: [])
    elif kind is LayerKind.CHIEFS:
        for row, (start, end) in enumerate(zip(columns["valid_from"], columns["valid_to"], strict=True)):
            if end is not None and end <= start:
                raise InvalidInput(f"row {row + 1}: the term ends {end.date()}, before it begins")
    return columns


def _read_csv(path: Path, source: LayerSource) -> _Read:
    try:
        with path.open(encoding=source.encoding or "utf-8-sig", newline="") as lines:
            reader = csv.reader(lines)
            header = [name.strip() for name in next(reader, [])]
            rows = [row for row in reader if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, LookupError, csv.Error) as error:
        raise InvalidInput(f"cannot be read as CSV ({error}): is its encoding right?") from error
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise InvalidInput(f"row {number} has {len(row)} values, the header {len(header)}")
    columns = {name: np.array([row[i] for row in rows], dtype=object) for i, name in enumerate(header)}
    return columns, np.full(len(rows), None, dtype=object)


def _read_points(path: Path, source: LayerSource) -> _Read:
    """A table with a point's coordinates in two columns; a row without them has no geometry."""
    columns, _ = _read_csv(path, source)
    pair = next((pair for pair in _COORDINATES if columns.keys() >= set(pair)), None)
    if pair is None:
        wanted = "; ".join(", ".join(pair) for pair in _COORDINATES)
        raise InvalidInput(f"no columns for the coordinates: name them {wanted}")
    if not source.crs:
        raise InvalidInput("a table does not say its coordinate system: name it as crs in the manifest")
    points = np.full(len(columns[pair[0]]), None, dtype=object)
    for row, (x, y) in enumerate(zip(columns[pair[0]], columns[pair[1]], strict=True)):
        if is_empty(x) or is_empty(y):
            continue
        try:
            points[row] = shapely.Point(float(x), float(y))
        except ValueError as error:
            raise InvalidInput(f"row {row + 1}: {x!r}, {y!r} are no coordinates") from error
    return columns, shapely.transform(points, geo.file_conversion(source.crs))


def _read_map(path: Path, source: LayerSource) -> _Read:
    # GDAL is 30 MB that a process which imports no map does not need.
    import pyogrio.raw
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        meta, _, wkb, values = pyogrio.raw.read(
            _gdal_path(path),
            layer=source.layer,
            encoding=source.encoding,
            force_2d=True,
            datetime_as_string=True,
        )
        geometries = shapely.from_wkb(wkb, on_invalid="fix")
    except (DataSourceError, DataLayerError, ValueError, LookupError, shapely.GEOSException) as error:
        raise InvalidInput(f"cannot be read as a map: {' '.join(str(error).split())}") from error
    if wkb is None:
        raise InvalidInput("holds no map, only a table")
    crs = source.crs or meta["crs"]
    if not crs:
        raise InvalidInput("does not say its coordinate system: name it as crs in the manifest")
    columns = dict(zip(meta["fields"], values, strict=True))
    return columns, shapely.transform(geometries, geo.file_conversion(crs))


def _gdal_path(path: Path) -> str:
    """The path as GDAL wants it, looking into `.gz` and `.zip`."""
    absolute = str(path.absolute())
    if path.suffix == ".gz":
        return f"/vsigzip/{absolute}"
    if path.suffix != ".zip":
        return absolute
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [name for name in archive.namelist() if name.lower().endswith(_MAP_SUFFIXES)]
    except zipfile.BadZipFile as error:
        raise InvalidInput("is not a ZIP archive") from error
    if len(inside) != 1:
        raise InvalidInput(f"the archive must hold one map file, this one holds {len(inside)}")
    return f"/vsizip/{absolute}/{inside[0]}"


def _union_of_streets(manifest: Manifest, streets: Layer) -> Layer:
    usable = repaired(streets.geometries[present(streets.geometries)])
    columns: dict[str, Objects] = {
        name: np.full(1, None, dtype=object) for name in TARGETS[LayerKind.DISTRICT]
    }
    columns["code"][0] = manifest.district.code
    columns["name"][0] = manifest.district.name
    columns["valid_from"][0] = manifest.effective_from
    columns["predecessors"][0] = []
    whole = np.array([shapely.union_all(usable)], dtype=object)
    return Layer(LayerKind.DISTRICT, shaped(LayerKind.DISTRICT, whole), columns)
