"""Frozen typed settings. No other file reads the environment.

Each setting is the environment variable `CHENGGUAN_<GROUP>__<NAME>` (groups) or `CHENGGUAN_<NAME>`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX = "CHENGGUAN_"
_SEPARATOR = "__"


def variable(*path: str | int) -> str:
    """The environment variable of a setting: `CHENGGUAN_POOL__SIZE` for `pool`, `size`."""
    return _PREFIX + _SEPARATOR.join(map(str, path)).upper()


#: How the metrics library is told of the folder in which the processes of one service gather figures.
_FIGURES = "PROMETHEUS_MULTIPROC_DIR"


def figures_folder() -> Path | None:
    """Where this process's figures are gathered with its siblings'; None when it has none."""
    found = os.environ.get(_FIGURES)
    return Path(found) if found else None


def gather_figures(folder: Path) -> None:
    """Makes the processes started from here on gather their figures in the folder."""
    os.environ[_FIGURES] = str(folder)


def name_database(url: str) -> None:
    """Makes the processes started from here on use this database, which is kept running for them."""
    os.environ[variable("database_url")] = url


def environment_with(changed: Mapping[str, str]) -> dict[str, str]:
    """What a program started from here finds: this process's environment, with these changed."""
    return {**os.environ, **changed}


class Environment(StrEnum):
    PRODUCTION = "production"
    DEMO = "demo"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(_Group):
    """Where the API listens."""

    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(0, ge=0, le=65535, description="Port the API listens on; 0 picks a free one.")
    workers: int = Field(1, ge=1, le=64, description="API processes.")
    wait_seconds: float = Field(
        2.0, gt=0, description="How long a request may wait its turn; who would wait longer is answered 503."
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest JSON or form body taken, in bytes.")
    max_upload_bytes: int = Field(20_971_520, ge=1024, description="Largest uploaded file taken, in bytes.")


class PoolSettings(_Group):
    """Connections to the database, for each process."""

    size: int = Field(10, ge=1, le=200, description="Connections each process holds at most.")
    timeout_seconds: float = Field(5.0, gt=0, description="How long a request waits for a connection.")


class TokenSettings(_Group):
    """Access and refresh tokens, and the throttle on logging in."""

    access_minutes: int = Field(15, ge=1, description="Life of an access token, in minutes.")
    refresh_days: int = Field(30, ge=1, description="Life of a refresh token, in days.")
    login_failures: int = Field(5, ge=1, description="Wrong passwords in a row before logging in is blocked.")
    login_block_minutes: int = Field(15, ge=1, description="How long logging in stays blocked, in minutes.")


class PhotoSettings(_Group):
    """Photos: where they are kept, and how much is taken."""

    store: str | None = Field(
        None,
        description="A folder, or `s3://bucket/prefix` with credentials, region and endpoint in the usual "
        "`AWS_…` variables. Unset: `photos` in `data`.",
    )
    uploads: Path | None = Field(
        None,
        description="Folder of uploads under way, the same for all API processes and the worker. "
        "Unset: `uploads` in `data`.",
    )
    max_bytes: int = Field(20_971_520, ge=1024, description="Largest photo taken, in bytes.")
    max_pixels: int = Field(
        50_000_000, ge=10_000, description="Largest photo taken, in pixels; more is refused undecoded."
    )
    picture_px: int = Field(2560, ge=320, description="Longer side of the copy that others see, in pixels.")
    thumbnail_px: int = Field(320, ge=32, description="Longer side of the thumbnail, in pixels.")
    uploads_each: int = Field(50, ge=1, description="Uploads one caller may have under way.")
    upload_hours: int = Field(72, ge=1, description="Hours after which an unfinished upload is given up.")
    unattached_hours: int = Field(
        168, ge=1, description="Hours after which a photo that belongs to no case is deleted."
    )


class WorkerSettings(_Group):
    """Rhythm of the background jobs."""

    sweep_seconds: int = Field(
        30, ge=1, le=59, description="Seconds between two looks for clocks that ran out."
    )
    seal_minutes: int = Field(60, ge=1, le=60, description="Minutes between two seals of the journal.")
    outbox_seconds: int = Field(1, ge=1, le=59, description="Seconds between two looks for what to send.")


class OutboxSettings(_Group):
    """Webhooks and the live feed."""

    private_receivers: bool = Field(
        False,
        description="Send webhooks also to private addresses and over plain HTTP:"
        " where the receivers stand in the city's own network.",
    )
    timeout_seconds: float = Field(
        10.0, gt=0, le=30, description="How long a receiver may take for one message."
    )
    concurrency: int = Field(
        4, ge=1, le=50, description="Messages under way to one receiver at once, each of another case."
    )
    attempts: int = Field(
        15,
        ge=1,
        le=100,
        description="Attempts after which a message becomes a dead letter; 15 take about a day.",
    )
    disable_hours: int = Field(
        72, ge=1, description="A receiver that took nothing for so long is switched off, in hours."
    )
    live_clients: int = Field(
        200, ge=1, le=10_000, description="Clients of the live feed that each process serves at once."
    )
    live_seconds: float = Field(
        900.0, gt=0, description="A stream of the live feed ends after so long, and its client resumes."
    )


class InspectorSettings(_Group):
    """监督员: duty, beats, tracks, and what counts as patrolled."""

    shift_hours: float = Field(
        12.0, gt=0, le=72, description="Hours after which an inspector who forgot to is off duty."
    )
    late_hours: float = Field(
        12.0, ge=0, le=72, description="Hours after the fact that going on or off duty may still be reported."
    )
    shared_cells: bool = Field(False, description="Whether a cell may lie in several beats at once.")
    track_days: int = Field(
        30, ge=1, le=400, description="Days that track points are kept, and may be handed in late."
    )
    record_days: int = Field(
        400, ge=1, le=3660, description="Days that attendance and coverage are kept, without the points."
    )
    accuracy_m: float = Field(
        50.0, gt=0, le=10_000, description="Points less accurate than so many metres count for no cell."
    )
    visit_points: int = Field(
        3, ge=1, le=10_000, description="Points in a cell on one day from which on it counts as visited."
    )
    offline_days: int = Field(
        30, ge=1, le=400, description="Days that the results of commands made offline are kept for repeats."
    )
    evidence_minutes: int = Field(
        5, ge=1, le=240, description="Minutes of being on duty that one point is evidence for."
    )


class LogSettings(_Group):
    """Structured logs on standard error; standard output is for a command's result."""

    level: str = Field("INFO", description="Lowest level that is written.")
    json_lines: bool = Field(True, description="One JSON object a line; false for people's eyes.")


class PublicView(StrEnum):
    """What the public may read of requests made by Open311."""

    NONE = "none"
    COARSE = "coarse"
    FULL = "full"


class Open311Settings(_Group):
    """The Open311 channel, see docs/channels/open311.md."""

    public: PublicView = Field(
        PublicView.COARSE,
        description="What who has no key reads of others' Open311 requests: `none`, `coarse` (no words, no"
        " address, the place to 100 m) or `full`.",
    )
    source: str = Field(
        "citizen", description="问题来源 of what comes in by Open311, a code of the rulebook's set `source`."
    )
    jurisdiction: str = Field(
        "", description="The `jurisdiction_id` served. Empty: the code of the rulebook's district."
    )
    contact: str = Field("", description="Whom clients' authors ask for a key, as service discovery tells.")


class SensorSettings(_Group):
    """The channel of sensors and cameras, see docs/channels/sensors.md."""

    verify_hours: float = Field(
        24, gt=0, le=720, description="Hours within which a lead is to be verified on the spot."
    )
    window_days: int = Field(
        30, ge=1, le=366, description="Days whose decisions make the precision of a source's class."
    )
    min_precision: float = Field(
        0.3,
        ge=0,
        le=1,
        description="A class whose leads are less often real than this is muted; 0 mutes none.",
    )
    enough_decisions: int = Field(20, ge=1, description="Decisions it takes before a class may be muted.")
    probe_hours: float = Field(
        24, gt=0, description="Of a muted class one lead in so many hours is let through, to try it again."
    )
    probes: int = Field(5, ge=1, description="Decided ones of these it takes to hear the class again.")


class HotlineSettings(_Group):
    """12345 hotline: how its orders are read, its limits, and how long callers are known."""

    mapping: str = Field(
        "beijing",
        description="字段对照: a mapping that is shipped (`beijing`, `shanghai`) or the path of a file.",
    )
    place_score: float = Field(
        0.8, ge=0, le=1, description="From this score on an address in words is taken for the place it means."
    )
    return_work_hours: float = Field(
        8, gt=0, le=1000, description="Working hours within which an order may be returned (退单)."
    )
    response_work_hours: float = Field(
        8, gt=0, le=1000, description="Working hours within which an order counts as responded to (响应)."
    )
    response_weight: float = Field(30, ge=0, description="Weight of the response rate (响应率).")
    resolution_weight: float = Field(35, ge=0, description="Weight of the resolution rate (解决率).")
    satisfaction_weight: float = Field(35, ge=0, description="Weight of the satisfaction rate (满意率).")
    partly_share: float = Field(
        0, ge=0, le=1, description="What 部分解决 counts in the resolution rate, between 0 and 1."
    )
    fair_share: float = Field(
        1, ge=0, le=1, description="What 基本满意 and 理解 count in the satisfaction rate, between 0 and 1."
    )
    caller_keys: tuple[SecretStr, ...] = Field(
        (),
        description="Keys of callers' names and numbers, a JSON list, the newest first. Unset: one is made "
        "once and kept in `data`; set them where processes do not share that folder.",
    )
    caller_days: int = Field(
        180, ge=1, description="Days after its case's end when a caller's name and number are deleted."
    )
    feed: str | None = Field(
        None, description="Folder or `http(s)://` address of a feed of recorded orders to fetch."
    )
    feed_client: str | None = Field(
        None, description="Name of the API client in whose name fetched orders are taken in."
    )
    feed_authorization: SecretStr | None = Field(
        None, description="What is sent to the feed as the `Authorization` header."
    )
    feed_timeout_seconds: float = Field(10, gt=0, le=60, description="How long the feed may take to answer.")


class Settings(BaseSettings):
    """Everything that differs between one installation and the next."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter=_SEPARATOR, frozen=True, extra="ignore"
    )

    environment: Environment = Field(Environment.PRODUCTION, description="`production` or `demo`.")
    database_url: str | None = Field(
        None, description="`postgresql://…` of a server with PostGIS. Unset: a private cluster in `data`."
    )
    data: Path = Field(Path("var"), description="Folder of the private cluster and its secrets.")
    secret_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Signs the tokens, 32 characters or more. Unset: made once and kept in `data`; "
        "set it where API processes do not share that folder.",
    )
    server: ServerSettings = ServerSettings()
    pool: PoolSettings = PoolSettings()
    tokens: TokenSettings = TokenSettings()
    photos: PhotoSettings = PhotoSettings()
    worker: WorkerSettings = WorkerSettings()
    inspectors: InspectorSettings = InspectorSettings()
    outbox: OutboxSettings = OutboxSettings()
    log: LogSettings = LogSettings()
    open311: Open311Settings = Open311Settings()
    sensors: SensorSettings = SensorSettings()
    hotline: HotlineSettings = HotlineSettings()

    @field_validator("database_url")
    @classmethod
    def _use_our_driver(cls, url: str | None) -> str | None:
        """`postgres://` and `postgresql://`, as hosting services hand them out, mean our driver."""
        if url is None:
            return None
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
            raise ValueError("must begin with postgresql://")
        return f"postgresql+psycopg://{rest}"
