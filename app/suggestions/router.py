"""The route of suggestions: what a case's words speak for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.cases import service as cases
from app.errors import NotFound
from app.identity.access import Asked, asking
from app.identity.principal import Role
from app.problems import problem_responses
from app.suggestions import service
from app.suggestions.model import Measured
from app.suggestions.service import Method, Suggestions

router = APIRouter(tags=["案卷 Cases"])

IntakeAsking = Annotated[Asked, asking(Role.INTAKE_CLERK, Role.SHIFT_LEADER)]


class Suggestion(BaseModel):
    """A filing condition the words speak for."""

    condition: str
    text: str
    category: str
    category_name: str
    share: float = Field(description="Of the probability; by `similarity`, how like the words are (cosine).")
    words: list[str] = Field(description="The words that speak for it.")


class ModelReply(BaseModel):
    """What was learned, from what, and how good it is on held-out cases."""

    id: UUID
    rulebook_id: UUID
    learned_at: datetime
    cases: int
    measured: Measured


class SuggestionsReply(BaseModel):
    """立案条件推荐, the likeliest first."""

    method: Method
    reason: str = Field(description="Why there are none, or why they are not learned; else empty.")
    suggestions: list[Suggestion]
    model: ModelReply | None


@router.get(
    "/cases/{case}/suggestions",
    summary="立案条件推荐 Filing conditions the case's words speak for",
    responses=problem_responses(NotFound),
)
async def case_suggestions(
    ask: IntakeAsking,
    case: str,
    limit: Annotated[int, Query(ge=1, le=20)] = 5,
) -> SuggestionsReply:
    """Of the rulebook in force. A hint for who files: nothing is ever filed by it."""
    case_id = await cases.resolve_id(ask.connection, case)
    situation = await cases.see(ask.connection, case_id, ask.principal, ask.now)
    found = await service.suggest(ask.connection, situation.folded.case.description, ask.now, limit=limit)
    return _told(found)


def _told(found: Suggestions) -> SuggestionsReply:
    conditions, categories = found.rulebook.condition_by_code, found.rulebook.category_by_code
    model = found.model
    return SuggestionsReply(
        method=found.method,
        reason=found.reason,
        suggestions=[
            Suggestion(
                condition=one.condition,
                text=conditions[one.condition].text,
                category=conditions[one.condition].category,
                category_name=categories[conditions[one.condition].category].name,
                share=one.share,
                words=list(one.words),
            )
            for one in found.ranked
        ],
        model=model
        and ModelReply(
            id=model.id,
            rulebook_id=model.rulebook_id,
            learned_at=model.learned_at,
            cases=model.cases,
            measured=model.measured,
        ),
    )
