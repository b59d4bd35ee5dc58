"""取证: a photo that is to be attached to a case is looked up and examined."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import album
from app.cases.actions import Attach
from app.cases.permission import Situation
from app.cases.photo import Examined, examine
from app.errors import InvalidInput


async def examined(connection: AsyncConnection, command: Attach, s: Situation) -> Examined:
    """The photo with what speaks against it.

    Errors: `InvalidInput` when the caller has uploaded no such photo, or the case has it, or enough of its
    kind.
    """
    photo = await album.own_photo(connection, command.photo, s.actor.id)
    if photo is None:
        raise InvalidInput(
            "没有这张照片：请先上传完成，且只能使用本人上传的照片 / upload it first: no such photo of yours",
            fields={"photo": "unknown"},
        )
    case, policy = s.folded.case, s.rulebook.policy
    already, of_kind = await album.here_already(connection, case.id, photo.id, command.kind)
    if already:
        raise InvalidInput(
            "本案已有这张照片 / the case has this photo already", fields={"photo": "attached already"}
        )
    if of_kind >= policy.photos_per_kind:
        raise InvalidInput(
            f"该类照片已满 {policy.photos_per_kind} 张 / the case may have no more photos of this kind",
            fields={"kind": "too many"},
        )
    used = await album.used_before(connection, photo)
    place = (case.lon, case.lat) if case.placed else None
    return examine(photo, command.kind, used, place=place, policy=policy, now=s.now)
