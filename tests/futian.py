"""福田区: the real district of the tests, as a manifest over the shared files."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import shared_file

CELLS = 1_365
SEGMENTS = 8_231
#: What is wrong with the files as they are, and has to be accepted: see `tests/grid/test_futian.py`.
ACCEPTED = "gap,outside_district"


def futian_manifest(folder: Path) -> Path:
    """Writes the manifest into the folder; the test is skipped where the shared files are absent."""

    def source(name: str) -> str:
        return f'file = "{shared_file(f"data/futian/{name}")}"'

    manifest = folder / "futian.toml"
    manifest.write_text(
        f"""
        valid_from = 2024-01-01
        [district]
        code = "440304"
        name = "福田区"
        [streets]
        {source("streets.geojson")}
        fields = {{ code = "street_code", name = "street_name", parent_code = "district_code" }}
        defaults = {{ area_class = "A" }}
        [communities]
        {source("communities.geojson")}
        fields = {{ code = "community_code_prov", name = "community_label", parent_code = "street_code" }}
        [cells]
        {source("cells.geojson")}
        fields = {{ code = "cell_code_prov", parent_code = "community_code_prov" }}
        [roads]
        {source("road_segments.geojson.gz")}
        fields = {{ code = "segment_id", road_class = "highway" }}
        """,
        "utf-8",
    )
    return manifest
