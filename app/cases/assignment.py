"""派遣、回退与裁定: who answers for the case. Pure effects of the actions that decide it."""

from __future__ import annotations

from typing import Any

from app.cases import actions
from app.cases.command import Command
from app.cases.outcome import Found, Outcome, unless_voiding
from app.cases.permission import Situation
from app.dispatch.matrix import Decision
from app.errors import InvalidInput


def decision_document(decision: Decision) -> dict[str, Any]:
    """A decision as the case keeps it, plain JSON. `manual`: a dispatcher named the lead."""
    return {
        "row": decision.row,
        "lead": decision.lead,
        "assisting": list(decision.assisting),
        "why": list(decision.why),
        "losers": [{"row": loser.row, "because": loser.because} for loser in decision.losers],
        "fallback": decision.fallback,
        "manual": False,
    }


def _known_units(s: Situation, *codes: str) -> None:
    for code in codes:
        if code not in s.rulebook.unit_by_code:
            raise InvalidInput(
                f"规则库中没有单位 {code} / no such unit in the case's rulebook",
                fields={"lead": "unknown unit"},
            )


def dispatched(command: actions.Dispatch, s: Situation, found: Found) -> Outcome:
    """派遣 by the matrix, or to the lead the dispatcher names."""
    decision = found.decision
    assert decision is not None
    document = decision_document(decision)
    if command.lead is not None:
        if command.lead != decision.lead and not command.reason:
            raise InvalidInput(
                "改变主办单位须说明理由 / give a reason for another lead unit than the matrix names",
                fields={"reason": "required"},
            )
        _known_units(s, command.lead)
        if command.lead != decision.lead:
            name = s.rulebook.unit_by_code[command.lead].name
            document |= {"lead": command.lead, "manual": True, "fallback": False}
            document["why"] = [*decision.why, f"派遣员改派{name}：{command.reason}"]
    if command.assisting is not None:
        _known_units(s, *command.assisting)
        document["assisting"] = list(command.assisting)
    return Outcome({**_led_by(document), "dispatched_at": s.now})


def _led_by(document: dict[str, Any]) -> dict[str, Any]:
    """主办 is one unit and never assists itself; each assisting unit is named once."""
    assisting = [unit for unit in dict.fromkeys(document["assisting"]) if unit != document["lead"]]
    return {
        "decision": {**document, "assisting": assisting},
        "matrix_row": document["row"],
        "lead_unit": document["lead"],
        "assisting_units": tuple(assisting),
    }


def declined(command: actions.Decline, s: Situation, _found: Found) -> Outcome:
    """回退: counted; what the unit asked for is no longer asked."""
    if command.suggested_unit is not None:
        _known_units(s, command.suggested_unit)
    return Outcome({"declines": s.folded.case.declines + 1, **unless_voiding(s)})


def _ruling(s: Situation) -> dict[str, Any]:
    """回退有限: the ruling on the last decline allowed is final and lists the case (挂牌督办)."""
    final = s.folded.case.declines >= s.rulebook.policy.max_declines
    return {"listed": True} if final else {}


def returned(_command: Command, s: Situation, _found: Found) -> Outcome:
    """维持原派遣: the unit has it, signed for or not."""
    signed = {} if s.folded.case.signed_at else {"signed_at": s.now}
    return Outcome({**_ruling(s), **signed})


def redispatched(command: actions.Redispatch, s: Situation, _found: Found) -> Outcome:
    """改派 to another unit, in place of the one that declined."""
    case = s.folded.case
    if command.lead == case.lead_unit:
        raise InvalidInput(
            "改派须换一个主办单位；维持原单位请用“维持原派遣” / name another unit, or use return_to_unit",
            fields={"lead": "same unit"},
        )
    _known_units(s, command.lead, *command.assisting)
    old = case.decision or {}
    document = {
        **old,
        "lead": command.lead,
        "assisting": list(command.assisting),
        "why": [*old.get("why", []), f"裁定改派{s.rulebook.unit_by_code[command.lead].name}：{command.note}"],
        "manual": True,
        "fallback": False,
    }
    return Outcome({**_led_by(document), **_ruling(s), "dispatched_at": s.now, "signed_at": None})
