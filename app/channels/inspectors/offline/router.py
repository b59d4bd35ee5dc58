"""Route of what was done offline."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request, Response

from app.channels.inspectors.offline import service
from app.channels.inspectors.offline.schemas import OfflineBatch, OfflineReply
from app.identity.access import CallerRoleRequired
from app.identity.principal import Principal, Role
from app.requests import ServicesDep

router = APIRouter(prefix="/inspectors/me/batch")

_EXAMPLE: dict[str, Any] = {
    "offline": {
        "summary": "离线上报并补充照片说明",
        "value": {
            "sent_at": "2026-03-02T11:20:00+08:00",
            "commands": [
                {
                    "id": "0b6f7a4e-7a5f-4a53-9f6e-2f1f0c7f9f01",
                    "at": "2026-03-02T09:05:00+08:00",
                    "command": {
                        "action": "report",
                        "position": {"x": 122.0712, "y": 41.1198, "datum": "gcj02"},
                        "description": "污水井盖缺失，未设警示",
                    },
                },
                {
                    "id": "0b6f7a4e-7a5f-4a53-9f6e-2f1f0c7f9f02",
                    "at": "2026-03-02T09:06:00+08:00",
                    "made_by": "0b6f7a4e-7a5f-4a53-9f6e-2f1f0c7f9f01",
                    "command": {"action": "note", "text": "已放置警示桩"},
                },
            ],
        },
    }
}


@router.post("", summary="离线批量办理 Hand in what was done offline", response_model=OfflineReply)
async def hand_in(
    request: Request,
    parts: ServicesDep,
    inspector: Annotated[Principal, Depends(CallerRoleRequired((Role.INSPECTOR,)))],
    batch: Annotated[OfflineBatch, Body(openapi_examples=_EXAMPLE)],
) -> Response:
    """Commands in their order, each carried out and answered by itself. Sent again, each gives its first
    result; what happened to a case meanwhile is told in words."""
    results = await service.carry_out(parts, inspector, batch, request.url.path)
    return Response(json.dumps({"results": results}, ensure_ascii=False), media_type="application/json")
