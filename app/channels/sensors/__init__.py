"""感知 Sensors and cameras: what they see becomes a lead, and a lead a case once somebody has been there."""
