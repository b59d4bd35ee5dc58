"""The demo rulebook adapted to Futian: its areas are exchanged, everything else stays as it is.

The eight street offices and the eight squads of the demo district give way to one of each for every one of
Futian's ten streets (`street_<code>`, `squad_<code>`, the squads with the duty `enforcement`); the demo's own
business district, 创新街道, becomes 华强北街道 (440304011) in the rows that name it. Departments, owners,
conditions, limits, matrix, fallback (operations_centre) and calendar are the demo's.
"""

from __future__ import annotations

import json

from app.demo import RULEBOOK
from app.dispatch.folder import read_folder
from app.dispatch.rulebook import Rulebook, Unit, UnitKind
from tests.conftest import shared_file

DISTRICT = "440304"
BUSINESS_DISTRICT = {"211103005": "440304011"}


def adapted() -> Rulebook:
    """The rulebook of 福田区."""
    demo = read_folder(RULEBOOK)
    document = json.loads(shared_file("data/futian/streets.geojson").read_text("utf-8"))
    streets = {f["properties"]["street_code"]: f["properties"]["street_name"] for f in document["features"]}
    units = [unit for unit in demo.units if not unit.areas]
    for code, name in sorted(streets.items()):
        units.append(
            Unit(code=f"street_{code}", name=f"{name}办事处", kind=UnitKind.STREET_OFFICE, areas=(code,))
        )
        units.append(
            Unit(
                code=f"squad_{code}",
                name=f"{name}驻街执法中队",
                kind=UnitKind.DEPARTMENT,
                parent="enforcement",
                areas=(code,),
                duties=("enforcement",),
            )
        )
    rows = [row.model_copy(update={"area": BUSINESS_DISTRICT.get(row.area, row.area)}) for row in demo.matrix]
    return demo.model_copy(
        update={
            "name": "福田区规则库（旅程测试）",
            "district_code": DISTRICT,
            "units": tuple(units),
            "matrix": tuple(rows),
        }
    )
