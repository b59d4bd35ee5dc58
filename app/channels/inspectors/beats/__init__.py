"""责任网格: beats, each a named set of unit grids in the care of one or several inspectors."""
