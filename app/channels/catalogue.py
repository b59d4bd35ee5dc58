"""渠道目录: every channel of the service. A new one is added here, and its contract in `docs/channels/`."""

from __future__ import annotations

from app.channel import Channel
from app.channels.open311 import router as open311

CHANNELS: tuple[Channel, ...] = (
    Channel(
        name="open311",
        label="市民接口",
        summary="GeoReport v2：市民客户端上报、查询 Standard clients report and follow, below `/open311/v2`.",
        roots=(open311.router,),
    ),
)
