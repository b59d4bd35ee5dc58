"""WHAT HAPPENED: the case (案卷), its stages, its journal, its clocks and tasks."""
