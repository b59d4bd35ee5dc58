"""Open311 GeoReport v2: standard clients of citizens and of other systems report and follow."""
