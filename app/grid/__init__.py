"""WHERE and WHO: district > street > community > cell, roads, street chiefs, components."""
