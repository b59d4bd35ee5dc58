"""WHO MUST ACT BY WHEN: units, conditions, matrix, calendar, limits, rulebook versions."""
