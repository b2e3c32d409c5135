"""Receiving webhooks: an ASGI application of its own in front of Django, see :mod:`connectors.webhooks.receiver`."""
