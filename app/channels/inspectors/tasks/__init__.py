"""我的任务: what an inspector has to do, where the inspector stands, and what may be reported."""
