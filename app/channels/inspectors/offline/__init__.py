"""离线办理: what an inspector did without a connection, handed in as one batch."""
