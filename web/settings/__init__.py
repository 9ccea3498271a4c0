"""Groups of settings, and what is wrong with one; `web.config` has the rest."""
