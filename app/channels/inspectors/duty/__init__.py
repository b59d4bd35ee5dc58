"""勤务报备: going on and off duty."""
