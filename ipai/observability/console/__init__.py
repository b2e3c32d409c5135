"""The pages of the operator console: Django views in the admin site, each registered with the right it needs."""
