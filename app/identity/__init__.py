"""Who is asking: accounts, roles, scope (areas, unit), tokens and API clients."""
