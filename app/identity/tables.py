"""Tables of app.identity."""
