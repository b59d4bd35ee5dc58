"""渠道目录: every channel of the service. A new one is added here, and its contract in `docs/channels/`."""

from __future__ import annotations

from app.channel import Channel

CHANNELS: tuple[Channel, ...] = ()
