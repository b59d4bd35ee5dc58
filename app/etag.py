"""版本: the version of what is changed, as `ETag` and `If-Match` headers carry it (RFC 9110 §8.8, §13.1); and
the replies of which nobody may keep a copy."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Response

from app.errors import InvalidInput, VersionRequired

_ONE_STRONG_TAG = re.compile(r'"(0|[1-9][0-9]{0,17})"')


def etag(version: int) -> str:
    """The `ETag` header of a version: `"7"`, quotes included."""
    return f'"{version}"'


def parse_if_match(header: str | None) -> int:
    """The version an `If-Match` header names.

    Errors: `VersionRequired` without the header, `InvalidInput` for weak tags, lists, `*` and garbage.
    """
    if header is None:
        raise VersionRequired("send If-Match with the ETag of the version you have seen")
    found = _ONE_STRONG_TAG.fullmatch(header.strip())
    if found is None:
        reason = 'send If-Match with one ETag as it was given, like "7"'
        raise InvalidInput(reason, fields={"If-Match": "not an ETag of this service"})
    return int(found[1])


#: The request's `If-Match`; `parse_if_match` gives the version the change is made for.
IfMatch = Annotated[str | None, Header(description='`ETag` of the version seen, like `"7"`.')]

#: The request's `If-None-Match`: what `unchanged` compares.
IfNoneMatch = Annotated[str | None, Header(description="`ETag` of the version the caller has.")]
#: For a route's `responses=`.
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "未变化 The version named by If-None-Match still holds."}
}


def unchanged(version: int, if_none_match: str | None, response: Response) -> Response | None:
    """304 when the caller already has this version (RFC 9110 §13.1.2); else the reply is tagged with it."""
    tag = etag(version)
    known = {part.strip().removeprefix("W/") for part in (if_none_match or "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    return None


async def _not_kept(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


#: For the `dependencies=` of a route whose reply tells a secret: nobody on its way keeps it (RFC 6749 §5.1).
NOT_KEPT = Depends(_not_kept)
