"""The transition table, written by hand.

It is not derived from the code: a wrong table agrees with everything derived from it.
"""

from __future__ import annotations

from dataclasses import dataclass

# action: from → to : roles [party] {guards}; "+": starts, "-": stops, "=": pauses, "~": resumes clocks
GOLDEN = """
report                : → reported : inspector intake_clerk shift_leader street_chief integration : +accepting
report_handled        : → auditing : inspector street_chief : +auditing
accept                : reported → filing : ACCEPT {verified_if_needed} : +filing
request_verification  : reported filing → verifying : ACCEPT FILE {placed} : +verifying
verify                : verifying → filing : inspector [inspector] : +filing
audit_pass            : auditing → closed : ACCEPT CLOSE {not_reporter} :
audit_fail            : auditing → filing : ACCEPT CLOSE {not_reporter} : +filing
refuse                : reported filing → refused : ACCEPT FILE :
merge                 : reported filing → merged : ACCEPT FILE :
unmerge               : merged → reported : ACCEPT FILE : +accepting
locate                : reported verifying filing → : ACCEPT FILE :
file                  : filing → dispatching : FILE {placed verified_if_needed} : +dispatching
dispatch              : dispatching → signing : dispatcher : +signing +handling +milestone
return_to_unit        : ruling → handling : dispatcher : ~handling ~milestone
redispatch            : ruling → signing : dispatcher : -handling -milestone +signing +handling +milestone
sign                  : signing → handling : unit_officer [lead_unit] :
decline               : signing handling → ruling : unit_officer [lead_unit] {declines_left not_overdue} : =handling =milestone +ruling
reach_milestone       : handling → : unit_officer [lead_unit] {milestone_running} :
assist                : signing handling → : unit_officer [assisting_unit] :
request_extension     : handling → : unit_officer [lead_unit] {nothing_pending extensions_left not_overdue} :
approve_extension     : handling → : dispatcher {extension_pending} :
reject_extension      : handling → : dispatcher {extension_pending} :
request_suspension    : handling → : unit_officer [lead_unit] {nothing_pending suspensions_left not_overdue} :
approve_suspension    : handling → suspended : dispatcher {suspension_pending} : =handling =milestone +suspension
reject_suspension     : handling → : dispatcher {suspension_pending} :
resume                : suspended → handling : dispatcher system : ~handling ~milestone
hand_back             : handling → checking : unit_officer [lead_unit] : -handling -milestone +checking
check                 : checking → closing : inspector [inspector] : +closing
recheck               : closing → checking : CLOSE : +checking
rework                : closing → handling : CLOSE : +handling
close                 : closing → closed : CLOSE {check_passed} :
request_voiding       : OPEN → : intake_clerk shift_leader dispatcher {nothing_pending} :
approve_voiding       : OPEN → voided : shift_leader {voiding_pending not_requester} :
reject_voiding        : OPEN → : shift_leader {voiding_pending} :
assign_inspector      : verifying checking → : intake_clerk shift_leader system :
remind                : OPEN → : intake_clerk shift_leader dispatcher evaluator integration :
supervise             : OPEN → : shift_leader dispatcher evaluator : +replying
reply_supervision     : signing handling ruling suspended checking closing → : unit_officer [lead_unit] {order_unanswered} :
note                  : ALL → : intake_clerk shift_leader dispatcher inspector unit_officer street_chief evaluator :
supplement            : ALL → : intake_clerk integration :
call_back             : ALL → : intake_clerk shift_leader evaluator integration :
reveal_caller         : ALL → : intake_clerk shift_leader unit_officer {caller_known} :
attach                : OPEN → : inspector unit_officer street_chief intake_clerk shift_leader integration :
appeal                : closed → : unit_officer [lead_unit] {appealable} : +appealing
review_appeal         : closed → : shift_leader evaluator {appeal_in_first_review} :
decide_appeal         : closed → : evaluator {appeal_in_second_review not_first_reviewer} :
absorb                : OPEN → : system :
release               : ALL → : system :
follow                : merged → : system :
record_overrun        : ALL → : system :
"""  # noqa: E501

OPEN_STAGES = (
    "reported verifying auditing filing dispatching signing handling ruling suspended checking closing"
)
END_STAGES = "closed refused voided merged"


@dataclass(frozen=True)
class GoldenRow:
    """One line of the table. `roles` in capitals are those the rulebook's policy names."""

    action: str
    sources: frozenset[str]
    target: str | None
    roles: frozenset[str]
    party: str
    guards: tuple[str, ...]
    clocks: dict[str, list[str]]


def _row(line: str) -> GoldenRow:
    action, path, who, clocks = (part.strip() for part in line.split(":"))
    sources, target = (part.strip() for part in path.split("→"))
    sources = sources.replace("OPEN", OPEN_STAGES).replace("ALL", f"{OPEN_STAGES} {END_STAGES}")
    return GoldenRow(
        action=action,
        sources=frozenset(sources.split()),
        target=target or None,
        roles=frozenset(who.split("[")[0].split("{")[0].split()),
        party=who[who.index("[") + 1 : who.index("]")] if "[" in who else "anyone",
        guards=tuple(who[who.index("{") + 1 : who.index("}")].split()) if "{" in who else (),
        clocks={sign: [word[1:] for word in clocks.split() if word[0] == sign] for sign in "+-=~"},
    )


ROWS: dict[str, GoldenRow] = {row.action: row for row in map(_row, GOLDEN.strip().splitlines())}
