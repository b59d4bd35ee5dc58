"""gazetteer: points of interest, and every name of the grid spelled for the trigram index.

`pg_trgm` drops characters that the database's locale takes for no letters: all Chinese ones where it is C. So
a name is spelled in ASCII, three letters a character, and every two neighbouring characters make a word.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0011_gazetteer"
down_revision = "0010_inspectors"
branch_labels = None
depends_on = None

_SPELLED = """
CREATE FUNCTION spelled(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(string_agg(letters || following, ' ' ORDER BY place), '') FROM (
    SELECT place, letters, lead(letters) OVER (ORDER BY place) AS following FROM (
      SELECT place,
        chr(97 + number / 676 % 26) || chr(97 + number / 26 % 26) || chr(97 + number % 26) AS letters
      FROM regexp_split_to_table(
        translate(lower(normalize(words, NFKC)), E' \\t\\u200B\\u200E\\u200F()-·・,.、，。#', ''), ''
      ) WITH ORDINALITY AS one (glyph, place),
      LATERAL (SELECT ascii(glyph) AS number) AS code
    ) AS lettered
  ) AS paired WHERE following IS NOT NULL
$$
"""
# A road is one name in each street it runs through: the point of it nearest to its middle, and its reach.
_NAMES = """
CREATE MATERIALIZED VIEW place_name AS
SELECT kind, code, name, area_code, spelled(name) AS key, ST_X(point) AS lon, ST_Y(point) AS lat, extent_m,
       valid_from, valid_to
FROM (
    SELECT level AS kind, code, name, code AS area_code, ST_PointOnSurface(geom) AS point,
           ST_Length(ST_BoundingDiagonal(geom)::geography) AS extent_m, valid_from, valid_to
    FROM area WHERE level IN ('street', 'community') AND name <> code
    UNION ALL
    SELECT 'road', code, name, area_code, ST_ClosestPoint(geom, ST_Centroid(geom)),
           ST_Length(ST_BoundingDiagonal(geom)::geography), valid_from, valid_to
    FROM (
        SELECT (array_agg(code ORDER BY length_m DESC, code))[1] AS code, name,
               coalesce(street_code, district_code) AS area_code, ST_Collect(geom) AS geom,
               min(valid_from) AS valid_from, valid_to
        FROM road_segment WHERE name <> ''
        GROUP BY district_code, street_code, name, valid_to
    ) AS road
    UNION ALL
    SELECT 'poi', code, called, coalesce((
               SELECT area.code FROM area
               WHERE area.level = 'cell' AND area.valid_to IS NULL AND ST_Covers(area.geom, poi.geom)
               ORDER BY area.code LIMIT 1), district_code), geom, 0, valid_from, valid_to
    FROM poi, unnest(array_prepend(name, aliases)) AS called
) AS named
"""


def upgrade() -> None:
    op.create_table(
        "poi",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("district_code", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("aliases", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("geom", Geometry("POINT", srid=4490, spatial_index=False), nullable=False),
        sa.Column("valid_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("valid_to", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["import_run.id"], name="fk_poi_import_id_import_run"),
        sa.CheckConstraint("valid_from < valid_to", name="valid_period"),
        postgresql.ExcludeConstraint(
            (sa.func.hashtextextended(sa.column("code"), 0), "="),
            (sa.func.tstzrange(sa.column("valid_from"), sa.column("valid_to")), "&&"),
            name="ex_poi_code_period",
            using="gist",
            deferrable=True,
            initially="IMMEDIATE",
        ),
    )
    op.create_index("ix_poi_code", "poi", ["code"])
    op.create_index("ix_road_segment_name", "road_segment", ["name"])
    op.execute(_SPELLED)
    op.execute(_NAMES)
    op.execute("CREATE INDEX ix_place_name_key ON place_name USING gin (key gin_trgm_ops)")


def downgrade() -> None:
    op.execute("DROP MATERIALIZED VIEW place_name")
    op.execute("DROP FUNCTION spelled(text)")
    op.drop_index("ix_road_segment_name", "road_segment")
    op.drop_table("poi")
