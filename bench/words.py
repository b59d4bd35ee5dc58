"""文字: what people write of a problem, and where it is."""

from __future__ import annotations

from random import Random

_THINGS = (
    "垃圾", "井盖", "摊贩", "广告", "车辆", "路灯", "树枝", "污水", "噪音", "油烟", "护栏", "标牌", "渣土",
    "沙发",
)  # fmt: skip
_STATES = ("成堆", "破损", "占道", "乱贴", "乱停", "不亮", "倒伏", "外溢", "扰民", "缺失")
_NAMES = ("兴隆", "石油", "泰山", "市府", "惠宾", "大众", "林丰", "香稻", "芳草", "鹤翔")
_ROADS = tuple(name + kind for name in _NAMES for kind in ("街", "路", "大街", "巷"))
_SIDES = (
    "东北角", "西侧人行道", "南侧绿化带", "公交站旁", "小学门口", "菜市场入口", "小区北门", "桥下",
)  # fmt: skip
_REMARKS = (
    "影响行人通行", "请尽快派人处理", "已经反映过两次", "气味很大苍蝇乱飞", "夜里看不清容易摔跤",
    "附近居民意见很大", "影响市容", "堵住了消防通道",
)  # fmt: skip
#: Share of problems told with a shop's name, of two characters out of two thousand.
_NAMED = 0.3


class Words:
    """An endless supply of them, the same for the same random stream."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def told(self) -> tuple[str, str]:
        """A description and an address."""
        rng = self._rng
        road = rng.choice(_ROADS)
        shop = ""
        if rng.random() < _NAMED:
            shop = "".join(chr(0x4E00 + rng.randrange(2000)) for _ in range(2)) + "超市门前"
        where = f"{road}与{rng.choice(_ROADS)}路口{rng.choice(_SIDES)}{shop}"
        what = f"{rng.choice(_THINGS)}{rng.choice(_STATES)}，{rng.choice(_REMARKS)}，{rng.choice(_REMARKS)}"
        return where + what, f"{road}{rng.randrange(1, 300)}号"

    def brief(self) -> tuple[str, str, list[str]]:
        """Both in a few characters, with their pairs."""
        description = f"{self._rng.choice(_THINGS)}{self._rng.choice(_STATES)}，{self._rng.choice(_REMARKS)}"
        return description, (address := self._rng.choice(_ROADS)), pairs(description, address)

    def problem(self) -> tuple[str, str, list[str]]:
        """Both, and every two neighbouring characters of them."""
        description, address = self.told()
        return description, address, pairs(description, address)


def pairs(*texts: str) -> list[str]:
    """Every two neighbouring characters, as the service's text search keeps them."""
    return sorted({text[at : at + 2] for text in texts for at in range(len(text) - 1)})
