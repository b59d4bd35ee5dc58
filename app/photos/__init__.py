"""照片: photos come in piece by piece, are kept by content, and are shown to whom they may be shown."""
