"""Tables of app.grid."""
