"""备份: base backups, the archived log, and the way back to a moment (`docs/operations.md`)."""
