#!/usr/bin/env python
"""Django's command line: ``python manage.py help`` lists the commands."""

import json
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ipai.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import DatabaseError
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed in {sys.executable}: run `make setup`, then use .venv/bin/python manage.py")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        print(f"Settings: {error}", file=sys.stderr)
        if "--json" in sys.argv:
            print(json.dumps({"error": {"kind": "usage", "message": f"Settings: {error}", "exit_code": 2}}))
        sys.exit(2)
    except DatabaseError as error:  # of Django's own commands; ours say it themselves
        from ipai.commands import database_trouble

        words = database_trouble(error)
        if words is None:
            raise
        sys.exit(words)


if __name__ == "__main__":
    main()
