"""Whether base_url can be the address of an API."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from coze_core._config import resolve_base_url
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok

# A Studio behind a proxy may have a path of its own, but hardly one of these.
_PATHS = ("v1", "v3", "open_api")


def run(patient: Patient) -> Result:
    """Check the address."""
    return judge(patient.base_url, patient.base_url_source, patient.regions)


def judge(base_url: str, source: str, regions: Mapping[str, str]) -> Result:
    """Say whether the address is one of an API."""
    hosts = " or ".join(regions.values())
    fix_en = f"Set it to {hosts}, or to your Coze Studio (COZE_API_BASE, --base-url, --region)."
    fix_zh = f"请设为 {hosts}，或您的 Coze Studio 地址（COZE_API_BASE、--base-url、--region）。"
    try:
        resolve_base_url(base_url, None)
        urlsplit(base_url).port  # noqa: B018 - raises for a port that is no number
    except ValueError as error:
        told = "is not an address" if "@" in base_url else f"is not usable: {error}"
        return failed(f"base_url ({source}) {told}", fix_en, fix_zh)
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if host.startswith("www.") or host in {"coze.com", "coze.cn"}:
        api = "api." + host.removeprefix("www.")
        return failed(
            f"{base_url} ({source}) is the web site, not the API",
            f"Set base_url to {parts.scheme}://{api}.",
            f"这是网站地址而非 API 地址，请设为 {parts.scheme}://{api}。",
        )
    known = host in {urlsplit(url).hostname for url in regions.values()}
    if parts.path and (known or parts.path.split("/")[1] in _PATHS):
        bare = f"{parts.scheme}://{parts.netloc}"
        return failed(
            f"{base_url} ({source}) ends in a path that the client adds by itself",
            f"Set base_url to {bare}.",
            f"base_url 不应包含接口路径，请设为 {bare}。",
        )
    region = next((name for name, url in regions.items() if url == base_url), None)
    return ok(f"{base_url} ({source}){f', region {region}' if region else ''}")
