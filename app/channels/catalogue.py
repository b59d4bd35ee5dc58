"""渠道目录: every channel of the service. A new one is added here, and its contract in `docs/channels/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.channel import Channel
from app.channels.hotline import feed
from app.channels.hotline import jobs as hotline_jobs
from app.channels.hotline import router as hotline
from app.channels.inspectors.duty.jobs import end_shifts
from app.channels.inspectors.offline.service import forget as forget_offline
from app.channels.inspectors.router import ROUTERS as INSPECTORS
from app.channels.inspectors.tracks.jobs import tend_tracks
from app.channels.open311 import router as open311
from app.channels.outbox import jobs as outbox_jobs
from app.channels.outbox import router as outbox
from app.channels.sensors import jobs as sensor_jobs
from app.channels.sensors import router as sensors
from app.job import Job

if TYPE_CHECKING:
    import typer


def _hotline_commands() -> typer.Typer:
    from app.channels.hotline.commands import app

    return app


CHANNELS: tuple[Channel, ...] = (
    Channel(
        name="inspectors",
        label="监督员",
        summary="手机端：任务、勤务、责任网格、轨迹 The inspectors' app: tasks, duty, beats, tracks.",
        routers=INSPECTORS,
        jobs=(
            Job("end_shifts", lambda _: "*/5 * * * *", end_shifts),
            Job("tend_tracks", lambda _: "7 * * * *", tend_tracks),
            Job("forget_offline", lambda _: "37 3 * * *", forget_offline),
        ),
    ),
    Channel(
        name="hotline",
        label="12345热线",
        summary="工单接收、签收、退单、答复、回访与三率 Orders in; return, answer, call-back, three rates.",
        routers=(hotline.router,),
        jobs=(
            Job("hotline_pull", lambda _: "* * * * *", feed.pull),
            Job("hotline_forget", lambda _: "41 * * * *", hotline_jobs.forget),
        ),
        commands=_hotline_commands,
    ),
    Channel(
        name="open311",
        label="市民接口",
        summary="GeoReport v2：市民客户端上报、查询 Standard clients report and follow, below `/open311/v2`.",
        roots=(open311.router,),
    ),
    Channel(
        name="sensors",
        label="感知",
        summary="视频与传感器的线索，现场核验后立为案卷 What sensors and cameras see, verified on the spot.",
        routers=(sensors.router,),
        jobs=(
            Job("give_leads", lambda worker: f"* * * * * */{worker.sweep_seconds}", sensor_jobs.give_leads),
        ),
    ),
    Channel(
        name="outbox",
        label="对外推送",
        summary="事件流、实时推送、回调、增量同步 What happened, told to others: feed, live, webhooks, sync.",
        routers=(outbox.router,),
        jobs=outbox_jobs.JOBS,
    ),
)
