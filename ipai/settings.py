"""Every setting, read from the environment (``.env`` is read too; ``NAME_FILE`` works for secrets)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ
from django.templatetags.static import static
from django.urls import reverse_lazy

from ipai.environment import (
    database,
    generated_secret,
    moment,
    redis_py_url,
    together,
    vault_keys,
    web_address,
    whole_number,
    yes_or_no,
)

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")

IPAI_HOME = Path(env.str("IPAI_HOME", default=str(BASE_DIR / ".ipai"))).expanduser().resolve()
IPAI_PORT = whole_number("IPAI_PORT", env.str("IPAI_PORT", default="8000"), 1, 65535)
IPAI_FILES_ROOTS = tuple(Path(root).expanduser().resolve() for root in env.str("IPAI_FILES_ROOTS", default="").split(":") if root)
IPAI_ALLOW_PRIVATE_URLS = yes_or_no("IPAI_ALLOW_PRIVATE_URLS", env.str("IPAI_ALLOW_PRIVATE_URLS", default="0"))
GITHUB_API_URL = web_address("GITHUB_API_URL", env.str("GITHUB_API_URL", default="https://api.github.com"))
IPAI_NOW = moment("IPAI_NOW", env.str("IPAI_NOW", default=""))  # a fixed clock for tests and demos: see ipai/clock.py
IPAI_LEASE_SECONDS = 30  # a worker that is silent this long has lost its streams
IPAI_SPOOL_DIR = IPAI_HOME / "spool"
IPAI_UPLOADS_DIR = IPAI_HOME / "uploads"
IPAI_DEMO_DIR = BASE_DIR / "connectors" / "demo"

# Services: embedded ones where none are configured.
IPAI_EMBEDDED_POSTGRES = not env.str("DATABASE_URL", default="")
IPAI_EMBEDDED_BROKER = not env.str("REDIS_URL", default="")
IPAI_SERVICES = None
if IPAI_EMBEDDED_POSTGRES or IPAI_EMBEDDED_BROKER:
    from ipai.embedded.services import Services

    IPAI_SERVICES = Services(IPAI_HOME)
DATABASE_URL = IPAI_SERVICES.database_url if IPAI_EMBEDDED_POSTGRES and IPAI_SERVICES else env.str("DATABASE_URL")
REDIS_URL = IPAI_SERVICES.redis_url if IPAI_EMBEDDED_BROKER and IPAI_SERVICES else env.str("REDIS_URL")

# An OpenAI-compatible language model; none without both an address and a model.
LLM_BASE_URL = env.str("LLM_BASE_URL", default="") and web_address("LLM_BASE_URL", env.str("LLM_BASE_URL"))
LLM_MODEL = together("LLM_MODEL", env.str("LLM_MODEL", default=""), "LLM_BASE_URL", LLM_BASE_URL)
LLM_API_KEY = env.str("LLM_API_KEY", default="")

DEBUG = yes_or_no("DEBUG", env.str("DEBUG", default="0"))
SECRET_KEY = env.str("SECRET_KEY", default="") or generated_secret(IPAI_HOME / "secret_key", embedded=IPAI_EMBEDDED_POSTGRES)
IPAI_VAULT_KEYS = vault_keys(env.str("IPAI_VAULT_KEYS", default=""), IPAI_HOME / "vault_keys", embedded=IPAI_EMBEDDED_POSTGRES)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = [f"https://{host.lstrip('.')}" for host in ALLOWED_HOSTS if host not in ("*", "[::1]")]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_celery_beat",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "ipai.embedded",
    "ipai.access",
    "ipai.vault",
    "ipai.lakehouse",
    "ipai.observability",
    "connectors",
    "devops",
    "finance",
]
MIDDLEWARE = [
    "ipai.observability.middleware.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "ipai.observability.middleware.ActorMiddleware",
]
ROOT_URLCONF = "ipai.urls"
ASGI_APPLICATION = "ipai.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES: dict[str, Any] = {
    "default": IPAI_SERVICES.database if IPAI_EMBEDDED_POSTGRES and IPAI_SERVICES else database(DATABASE_URL)
}
DATABASES["default"] |= {"CONN_MAX_AGE": 0, "DISABLE_SERVER_SIDE_CURSORS": True}
# Nothing may rest on the session: a transaction pooler may stand between us and the server.
DATABASES["default"].setdefault("OPTIONS", {}).update(prepare_threshold=None)
# Counts of requests, for all processes together. It shares the broker's database: never clear() it.
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_py_url(REDIS_URL),
        "KEY_PREFIX": "ipai",
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "access.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = IPAI_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

IPAI_CELERY_APP = "ipai.celery.app"  # by name: loaded only when something is sent
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 2
CELERY_BEAT_SCHEDULE = {
    "tend runs": {"task": "connectors.tend_runs", "schedule": 2.0},
    "tend webhooks": {"task": "connectors.tend_webhooks", "schedule": 2.0},
    "sweep webhooks": {"task": "connectors.sweep_webhooks", "schedule": 300.0},
    "refresh DevOps figures": {"task": "devops.refresh", "schedule": 900.0},
}
# Deliveries wait for no long read: a worker of their own takes them, and any other that is free.
CELERY_TASK_ROUTES = {f"connectors.{task}_webhooks": {"queue": "webhooks"} for task in ("tend", "process")}
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 24 * 3600}

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ipai.access.rest.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["ipai.access.rest.MayAct"],
    "DEFAULT_THROTTLE_CLASSES": ["ipai.access.rest.PrincipalThrottle"],
    "DEFAULT_THROTTLE_RATES": {"principal": "1200/min"},
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ipai.access.parsing.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "ipai.access.paging.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ipai.access.problems.problem_handler",
    "URL_FORMAT_OVERRIDE": None,  # ?format= is no parameter of ours
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "IPAI Databricks API",
    "DESCRIPTION": "Connectors, their runs, the catalog and the audit log. Errors are RFC 9457 problem+json.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],  # the description holds no data
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SWAGGER_UI_DIST": "SIDECAR",  # served by the portal itself: works offline
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "RunMode": "connectors.models.Mode",
        "RunStatus": "connectors.models.Status",
        "RunTrigger": "connectors.models.Trigger",
        "DeliveryStatus": "connectors.models.DeliveryStatus",
        "KindEnum": [("excluded", "excluded"), ("inferred", "inferred")],
        "OpenItemKind": "finance.api.reconciliation_shapes.ITEM_KINDS",
        "FitKind": "finance.api.reconciliation_shapes.FIT_KINDS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "ipai.access.openapi.describe_errors",
    ],
}
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "IPAI Databricks",
    "SITE_HEADER": "IPAI Databricks",
    "SITE_SYMBOL": "database",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("console/icon.svg")}],
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "BORDER_RADIUS": "6px",
    "DASHBOARD_CALLBACK": "ipai.observability.dashboard.context",
    "GLOBAL_CALLBACK": "ipai.observability.console.pages.each_page",
    "STYLES": [lambda request: static("console/console.css")],
    "SCRIPTS": [lambda request: static("console/console.js")],
    "SIDEBAR": {"show_search": False, "navigation": "ipai.observability.console.pages.navigation"},
    "COLORS": {
        "primary": {
            "50": "#eef2ff",
            "100": "#e0e7ff",
            "200": "#c7d2fe",
            "300": "#a5b4fc",
            "400": "#8e9bfa",
            "500": "#818cf8",
            "600": "#4f46e5",
            "700": "#4338ca",
            "800": "#3730a3",
            "900": "#312e81",
            "950": "#1e1b4b",
        }
    },
}

DEFAULT_EXCEPTION_REPORTER_FILTER = "ipai.vault.reporting.SecretsFilter"  # debug pages hide secrets too
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = None

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)-7s %(name)s: %(message)s"}},
    "filters": {"redact": {"()": "ipai.vault.redaction.RedactingFilter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redact"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"httpx": {"level": "WARNING"}, "botocore": {"level": "WARNING"}},
}
