"""Tables of app.dispatch."""
