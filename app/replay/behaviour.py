"""How the people of a replay behave, as data: how long they take and how often something special happens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from random import Random


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of a limit work takes, log-normal: half of all work takes less than `median` of it.

    With 0.50 and 0.45, 6 in 100 take longer than the limit.
    """

    median: float
    spread: float

    def draw(self, rng: Random) -> float:
        """A share of the limit, above 0; more than 1 is late."""
        return rng.lognormvariate(math.log(self.median), self.spread)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Shares are of the cases that could go that way; times are shares of the limit of the clock that runs.

    The defaults give a district that works well: 90 to 95 in 100 on time, few declines and little rework.
    """

    #: 受理、核实、立案、派遣、核查、结案 and other stages of the two centres
    stage: Pace = Pace(0.35, 0.5)
    #: 签收
    signing: Pace = Pace(0.3, 0.5)
    #: 处置, from the dispatch on
    handling: Pace = Pace(0.5, 0.45)
    #: 阶段任务 (停工, 处罚)
    milestone: Pace = Pace(0.5, 0.3)

    #: 自行处置: an inspector deals with an event on the spot; and the audit fails
    own_handling: float = 0.15
    audit_fails: float = 0.05
    #: 核实 of sources that need not be verified
    doubted: float = 0.05
    #: 并案 of a hint this near (metres) that is still open
    same_place_m: float = 30.0
    #: 人工派遣: the dispatcher names another lead than the matrix
    dispatched_by_hand: float = 0.01

    #: 回退; it goes to another unit; and the other unit declines too
    declined: float = 0.03
    redispatched: float = 0.5
    declined_again: float = 0.2
    #: 延期 is asked for by a unit that sees it will need more than this share of its limit; and is granted
    short_of_time: float = 0.85
    asks_extension: float = 0.3
    extension_granted: float = 0.75
    #: 挂账, for so many days; and is granted
    suspended: float = 0.01
    suspension_days: tuple[int, int] = (2, 10)
    suspension_granted: float = 0.8
    #: 返工: the check on the spot fails; 重新核查: the leader wants to see better photos
    rework: float = 0.02
    rechecked: float = 0.005

    #: 协办反馈, 催办, 督办 (of those some 挂牌), 备注
    assisted: float = 0.05
    reminded: float = 0.03
    supervised: float = 0.015
    listed: float = 0.2
    noted: float = 0.02
    #: 作废 of what is not there is refused by the second leader
    voiding_rejected: float = 0.1
    #: 申诉 of cases judged late; and each review upholds it
    appealed: float = 0.3
    upheld: float = 0.6

    #: the one whose turn it is opens the case before acting, instead of acting from the list
    opens: float = 0.1
    #: a client repeats a request it thinks lost, with the same Idempotency-Key
    repeats: float = 0.02
    #: somebody acts on a version that is no longer the newest
    stale: float = 0.02

    #: the worker's jobs are run this often
    worker_every: timedelta = timedelta(minutes=30)
