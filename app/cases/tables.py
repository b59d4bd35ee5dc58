"""Tables of app.cases."""
