"""Domain errors. They know no HTTP; `app/problems.py` gives each its status.

ChengguanError
├── Unauthenticated          who is asking is not known
│   └── TooManyAttempts      logging in is throttled
├── Forbidden                the role or the scope does not allow it
├── NotFound                 it does not exist, or the caller may not see it
├── InvalidInput             the content is wrong; `fields` says where
│   ├── OutsideDistrict      the place lies in no cell
│   ├── GridRefused          the map layers were refused as a whole
│   └── RulebookRefused      the rulebook was refused as a whole
├── Conflict                 it cannot be done in the present state
│   ├── ActionNotAllowed     the stage does not allow the action; `allowed` lists those it does
│   └── IdempotencyConflict  the key was used for a different request
├── VersionConflict          someone else changed it first; `current` is the state now
├── VersionRequired          a change must name the version it was made for
├── UnknownProtocol          an upload speaks a version of tus that is not spoken here
├── ChecksumMismatch         what came in is not what was sent: send it again
└── NotReady                 the service or its set-up is not ready for this
    └── Overloaded           too many requests at once; `retry_after` says when to try again
"""

from __future__ import annotations

from typing import Any, ClassVar


class ChengguanError(Exception):
    """Something the domain refuses. `detail` is one sentence that says what to do."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be carried out"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        #: Machine-readable members that go with the problem document.
        self.extra = extra


class Unauthenticated(ChengguanError):
    code = "unauthenticated"
    title = "Log in first"


class TooManyAttempts(Unauthenticated):
    """`retry_after` (seconds) is always given."""

    code = "too_many_attempts"
    title = "Too many attempts"

    def __init__(self, detail: str, *, retry_after: int, **extra: Any) -> None:
        super().__init__(detail, retry_after=retry_after, **extra)


class Forbidden(ChengguanError):
    code = "forbidden"
    title = "Not allowed for this role or scope"


class NotFound(ChengguanError):
    code = "not_found"
    title = "Not found"


class InvalidInput(ChengguanError):
    """`fields` maps a field's path to what is wrong with it."""

    code = "invalid_input"
    title = "The content is not valid"

    def __init__(self, detail: str, *, fields: dict[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail, **({"fields": fields} if fields else {}), **extra)
        self.fields = fields or {}


class OutsideDistrict(InvalidInput):
    code = "outside_district"
    title = "The place lies in no cell of the district"


class GridRefused(InvalidInput):
    code = "grid_refused"
    title = "The map layers were refused as a whole"


class RulebookRefused(InvalidInput):
    code = "rulebook_refused"
    title = "The rulebook was refused as a whole"


class Conflict(ChengguanError):
    code = "conflict"
    title = "Not possible in the present state"


class ActionNotAllowed(Conflict):
    """`allowed` lists the actions the case's stage allows this caller."""

    code = "action_not_allowed"
    title = "The case's stage does not allow this action"

    def __init__(self, detail: str, *, allowed: list[str], **extra: Any) -> None:
        super().__init__(detail, allowed=allowed, **extra)


class IdempotencyConflict(Conflict):
    code = "idempotency_conflict"
    title = "This Idempotency-Key was used for another request"


class VersionConflict(ChengguanError):
    code = "version_conflict"
    title = "Someone else changed it first"


class VersionRequired(ChengguanError):
    code = "version_required"
    title = "Say which version you are changing"


class UnknownProtocol(ChengguanError):
    code = "unknown_protocol"
    title = "This version of the protocol is not spoken here"


class ChecksumMismatch(ChengguanError):
    code = "checksum_mismatch"
    title = "What came in is not what was sent"


class NotReady(ChengguanError):
    code = "not_ready"
    title = "The service is not ready for this"


class Overloaded(NotReady):
    """`retry_after` (seconds) is always given."""

    code = "overloaded"
    title = "Too many requests at once"

    def __init__(self, detail: str, *, retry_after: int, **extra: Any) -> None:
        super().__init__(detail, retry_after=retry_after, **extra)
