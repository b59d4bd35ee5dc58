"""12345 热线: orders in, by push or pull; signing, return, progress, result and call-back out."""
