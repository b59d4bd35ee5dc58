"""导入清单: which files make up a district and how to read them (`docs/grid.md`)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from app.errors import InvalidInput
from app.grid.codes import AreaLevel


class LayerKind(StrEnum):
    """图层, in the order they are read, checked and stored."""

    DISTRICT = "district"
    STREETS = "streets"
    COMMUNITIES = "communities"
    CELLS = "cells"
    ROADS = "roads"
    CHIEFS = "chiefs"
    COMPONENTS = "components"
    POIS = "pois"


AREA_LAYERS: dict[LayerKind, AreaLevel] = {
    LayerKind.DISTRICT: AreaLevel.DISTRICT,
    LayerKind.STREETS: AreaLevel.STREET,
    LayerKind.COMMUNITIES: AreaLevel.COMMUNITY,
    LayerKind.CELLS: AreaLevel.CELL,
}

LAYER_LABELS: dict[LayerKind, str] = {
    LayerKind.DISTRICT: "区 district",
    LayerKind.STREETS: "街道 streets",
    LayerKind.COMMUNITIES: "社区 communities",
    LayerKind.CELLS: "单元网格 cells",
    LayerKind.ROADS: "路段 roads",
    LayerKind.CHIEFS: "街长 chiefs",
    LayerKind.COMPONENTS: "部件 components",
    LayerKind.POIS: "兴趣点 pois",
}


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Reading(_Table):
    """How a file is read and what its columns mean."""

    layer: str | None = None
    crs: str | None = None
    encoding: str | None = None
    fields: dict[str, str] = {}
    defaults: dict[str, Any] = {}


class LayerSource(_Reading):
    """Where a layer comes from."""

    file: Path


class DistrictSource(_Reading):
    """The district; without a `file` it is the union of its streets."""

    code: str = Field(pattern=r"^\d{6}$")
    name: str = Field(min_length=1)
    file: Path | None = None

    @property
    def source(self) -> LayerSource | None:
        if self.file is None:
            return None
        own = {"code": self.code, "name": self.name}
        return LayerSource.model_validate(
            self.model_dump(exclude=set(own)) | {"defaults": own | self.defaults}
        )


class Tolerance(_Table):
    """容差: what is below is a sliver of drawing, not a finding."""

    area_m2: float = Field(0.5, ge=0)
    width_m: float = Field(0.05, ge=0)
    length_m: float = Field(1.0, ge=0)


def _zone(value: object) -> object:
    try:
        return ZoneInfo(value) if isinstance(value, str) else value
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("no such time zone") from error


Zone = Annotated[ZoneInfo, BeforeValidator(_zone), PlainSerializer(str)]


class Manifest(_Table):
    """One district's layers. `base` is the folder that relative paths start from."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    base: Path
    valid_from: datetime | date
    timezone: Zone = ZoneInfo("Asia/Shanghai")
    cell_code_length: int = Field(15, ge=13, le=18)
    district: DistrictSource
    streets: LayerSource | None = None
    communities: LayerSource | None = None
    cells: LayerSource | None = None
    roads: LayerSource | None = None
    chiefs: LayerSource | None = None
    components: LayerSource | None = None
    pois: LayerSource | None = None
    tolerance: Tolerance = Tolerance()

    @property
    def effective_from(self) -> datetime:
        """`valid_from` as an aware moment."""
        moment = self.valid_from
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        return moment if moment.tzinfo else moment.replace(tzinfo=self.timezone)

    def sources(self) -> Iterator[tuple[LayerKind, LayerSource]]:
        """The layers that are read from files, in order."""
        for kind in LayerKind:
            source = self.district.source if kind is LayerKind.DISTRICT else getattr(self, kind)
            if source is not None:
                yield kind, source


def read_manifest(path: Path) -> Manifest:
    """The manifest in a TOML file.

    Errors: `InvalidInput` when it cannot be read or says something wrong, naming the first such key.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        return Manifest.model_validate({**content, "base": path.absolute().parent})
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{path.name}: {key}: {first['msg']}; see docs/grid.md") from error
