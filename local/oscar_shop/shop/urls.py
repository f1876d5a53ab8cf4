"""The shop's addresses."""

from django.apps import apps
from django.conf import settings
from django.conf.urls.static import static
from django.urls import include, path, re_path

from shop.views import Shelf

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/hashcart/", include("hashcart_api.urls")),
    path("api/", include("oscarapi.urls")),
    path("", Shelf.as_view()),
    path("catalogue/", Shelf.as_view()),
    re_path(r"^catalogue/category/[\w/-]+_(?P<pk>\d+)/$", Shelf.as_view()),
    path("", include(apps.get_app_config("oscar").urls[0])),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
