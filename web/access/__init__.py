"""Who may use which route, from where, and how much a request may send."""
