"""Keys with scopes and limits: what they allow, their file, and how it is edited and watched."""
