"""过载: ten times what the service can do, all at once."""

from __future__ import annotations

import asyncio
import re

from app.line import SPREAD_SECONDS
from tests.unkillable.installation import Installation
from tests.unkillable.load import Load, percentile


async def test_a_spike_is_turned_away_and_gone_within_seconds(installation: Installation):
    """What is let in is answered soon, the rest at once; ten seconds later nothing is left of it."""

    def load() -> Load:
        return Load(installation.port, installation.world.headers["lan"])

    async with load() as usual, load() as spike, load() as after:
        await usual.one_after_another("warm", people=4, seconds=1)
        capacity = await usual.one_after_another("usual", people=16, seconds=3)
        await spike.at_a_rate("spike", a_second=10 * capacity, seconds=4)
        await asyncio.sleep(5)
        afterwards = await after.one_after_another("after", people=16, seconds=3)

    assert {answer.status for answer in spike.answers} == {201, 503}
    assert {(refused["code"], refused["instance"]) for refused in spike.refused()} == {
        ("overloaded", "/api/v1/cases")
    }
    told = {answer.headers["retry-after"] for answer in spike.answers if answer.status == 503}
    assert told == set(map(str, range(1, SPREAD_SECONDS + 1)))
    assert percentile(spike.stored(), 95) < 12, "to work off what was sent would have taken 40"
    assert usual.refused() == after.refused() == []
    assert afterwards > capacity / 4

    figures = installation.get("/metrics").text
    counted = re.search(r"^chengguan_http_requests_shed_total (\S+)", figures, re.M)
    assert counted is not None
    assert float(counted[1]) == len(spike.refused())
    cases = installation.ask("SELECT count(*) FROM case_file")
    assert cases == [(sum(len(load.stored()) for load in (usual, spike, after)),)]
