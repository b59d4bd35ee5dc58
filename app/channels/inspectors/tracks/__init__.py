"""巡查轨迹: patrol tracks, and attendance and coverage of the beat from them."""
