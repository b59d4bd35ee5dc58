"""备份目录: what lies where in a backup folder.

FOLDER/cluster                        whose backups these are
FOLDER/base/20260302T010000Z/         a base backup, named for the moment it was whole at
FOLDER/wal/                           the archived log; what only older bases need is compressed
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.errors import InvalidInput, NotFound

_NAME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Base:
    """基础备份: a copy of the cluster, whole from `moment` on."""

    folder: Path
    moment: datetime

    @property
    def begin(self) -> str:
        """The place in the log from which it has to be replayed."""
        manifest = json.loads((self.folder / "backup_manifest").read_text())
        return str(manifest["WAL-Ranges"][0]["Start-LSN"])


class BackupFolder:
    """A folder with the backups of one cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.marker = self.folder / "identity"
        self.wal = self.folder / "wal"
        self.base = self.folder / "base"
        #: Where a base backup is until it is whole.
        self.unfinished = self.base / "unfinished"

    def check(self, identity: str) -> None:
        """Errors: `InvalidInput` when there is something else than that cluster's backups."""
        if self.marker.exists():
            if self.marker.read_text() != identity:
                raise InvalidInput(
                    f"{self.folder} holds the backups of another cluster, or of this one before it was"
                    " restored: choose a new folder"
                )
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise InvalidInput(f"{self.folder} is neither empty nor a backup folder: choose a new folder")

    def finished(self, now: datetime) -> Base:
        """The unfinished base backup is whole now: it gets its name, the next free full second."""
        moment = now.replace(microsecond=0)
        while True:
            moment += timedelta(seconds=1)
            named = self.base / moment.strftime(_NAME)
            if not named.exists():
                return Base(self.unfinished.rename(named), moment)

    def bases(self) -> list[Base]:
        """All base backups, the oldest first."""
        found = (path for path in self.base.glob("*T*Z") if path.is_dir())
        return [Base(path, _moment(path.name)) for path in sorted(found)]

    def newest(self, at: datetime | None = None) -> Base:
        """The newest base backup, or the newest that was whole at the moment. Errors: `NotFound`."""
        bases = self.bases()
        fitting = [base for base in bases if at is None or base.moment <= at]
        if fitting:
            return fitting[-1]
        if not bases:
            raise NotFound(f"there is no base backup in {self.base}")
        raise NotFound(f"the oldest base backup in {self.base} is of {bases[0].moment.isoformat()}")


def _moment(name: str) -> datetime:
    return datetime.strptime(name, _NAME).replace(tzinfo=UTC)
