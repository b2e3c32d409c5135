"""The pages of this app join the console."""

from devops.pages import delivery, timeline, trends, wall

__all__ = ["delivery", "timeline", "trends", "wall"]
