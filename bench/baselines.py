"""基线: the scripts that pgbench runs, one for each work that has a bare statement."""

from __future__ import annotations

from bench.contest import Side
from bench.district import CELL_LAT, CELL_LON, SOUTH, WEST, Plan
from bench.pgbench import FOR_THESE_VALUES, Pgbench
from bench.statements import INTAKE, LOOK_UP, QUEUE_COUNT, QUEUE_PAGE, with_expressions
from bench.words import pairs

_DESCRIPTION = "兴隆台街与石油大街路口公交站旁摊贩占道经营油烟大，影响行人通行，请尽快派人处理"
_ADDRESS = "兴隆台街128号"


def _somewhere(plan: Plan) -> str:
    """pgbench's lines that set a point in some cell."""
    return (
        f"\\set column random(0, {plan.across - 1});;\\set row random(0, {plan.down - 1});;"
        f"\\set lon {WEST} + (:column + 0.5) * {CELL_LON};;\\set lat {SOUTH} + (:row + 0.5) * {CELL_LAT};;"
    )


def intake(pgbench: Pgbench, plan: Plan) -> Side:
    """A report taken in."""
    words = {
        "description": f"'{_DESCRIPTION}'::text", "address": f"'{_ADDRESS}'::text",
        "category": "'E0402'::text",
        "pairs": f"'{{{','.join(pairs(_DESCRIPTION, _ADDRESS))}}}'::text[]",
    }  # fmt: skip
    made = dict.fromkeys(("case_id", "entry_id", "clock_id", "reporter"), "gen_random_uuid()")
    values = (
        {"now": "now()", "lon": "(:lon)::float8", "lat": "(:lat)::float8", "key": "gen_random_uuid()::text"}
        | made
        | words
    )
    return pgbench.side("intake", _somewhere(plan) + with_expressions(INTAKE, values))


def look_up(pgbench: Pgbench, plan: Plan) -> Side:
    """The cell of a point."""
    values = {"lon": ":lon", "lat": ":lat", "now": "now()"}
    return pgbench.side("look_up", _somewhere(plan) + with_expressions(LOOK_UP, values))


def _of_a_street(pgbench: Pgbench, plan: Plan, name: str, statement: str) -> Side:
    script = f"\\set street random(1, {len(plan.street_codes)});;" + with_expressions(
        statement, {"street": f"'{plan.code}00:street'"}
    )
    return pgbench.side(name, script, options=FOR_THESE_VALUES, prepared=False)


def queue_page(pgbench: Pgbench, plan: Plan) -> Side:
    """A page of a street's work."""
    return _of_a_street(pgbench, plan, "queue_page", QUEUE_PAGE)


def queue_count(pgbench: Pgbench, plan: Plan) -> Side:
    """How much of it there is."""
    return _of_a_street(pgbench, plan, "queue_count", QUEUE_COUNT)
