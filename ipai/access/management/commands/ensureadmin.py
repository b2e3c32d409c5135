"""Make the first administrator when there is none."""

from __future__ import annotations

from typing import Any

from ipai.access import services
from ipai.access.errors import AccessError
from ipai.access.management.base import AccessCommand


class Command(AccessCommand):
    help = "Makes the first administrator (admin) when there is none and prints the password once. Safe to run again."

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            person, password = services.ensure_admin()
        except AccessError as error:
            raise self.refused(error) from None
        name = person.get_username()
        data = {"username": name, "password": password, "created": password is not None}
        if password is not None:
            self.answer(options, data, f"First login: {name} / {password}   (shown this once; change it in the console)")
        else:
            self.answer(options, data, f"Login: {name} (exists). A new password: python manage.py changepassword {name}")
