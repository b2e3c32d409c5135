"""Every address of the portal."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from ipai.observability.console import pages

handler400 = "ipai.observability.views.bad_request"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("ipai.api_urls")),
    path("", include("ipai.observability.urls")),
    *pages.urls(top=True),
]
