"""Leading reports through their whole life over HTTP, by a clock of its own."""
