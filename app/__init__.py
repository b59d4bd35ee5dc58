"""数字城管: the service that runs a grid-managed city's order, from report to closure."""
