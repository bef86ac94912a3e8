"""The addresses of the Compute Nest console, as its published quick starts write them."""

from __future__ import annotations

from urllib.parse import quote, urlencode

_CREATE = "https://computenest.console.aliyun.com/service/instance/create/{site}?{query}"
SITES = {"mainland": "cn-hangzhou", "international": "ap-southeast-1"}


def links(service_id: str, name: str = "") -> dict[str, str]:
    """Where customers deploy a service, by site."""
    query = {"type": "user", "ServiceId": service_id, **({"ServiceName": name} if name else {})}
    return {key: _CREATE.format(site=site, query=urlencode(query, quote_via=quote)) for key, site in SITES.items()}
