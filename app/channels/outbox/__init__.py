"""对外: what happened, told to others: feed, live feed, webhooks, and what a device missed."""
