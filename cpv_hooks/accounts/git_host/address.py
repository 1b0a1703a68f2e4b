"""The host and port behind a URL, as the program that will connect sees them: through proxies and `~/.ssh/config`."""

from __future__ import annotations

from urllib.parse import urlsplit

from cpv_hooks.accounts.git_host.client import effective
from cpv_hooks.named_tuple import NamedTuple

_PORTS = {"http": 80, "https": 443, "webdav": 80, "webdavs": 443, "ssh": 22, "git": 9418}


class Address(NamedTuple):
    """Where a TCP connection goes."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def of_url(url: str) -> Address | None:
    """The address behind a URL, or that of the proxy on the way to it; None for a path or an unknown scheme.

    Raises `CPVError` where ssh cannot be asked.
    """
    from urllib.request import getproxies, proxy_bypass

    found = _split(url)
    if found is None:
        return None
    scheme, host, port = found
    if scheme == "ssh":
        return _of_ssh(host, port)
    proxy = getproxies().get(scheme)
    if proxy and not proxy_bypass(host):
        through = _split(proxy if "://" in proxy else f"http://{proxy}")
        return Address(through[1], through[2] or 80) if through else None
    return Address(host, port or _PORTS[scheme])


def of_git_url(url: str) -> Address | None:
    """The address behind a Git URL, `user@host:path` among them; None for a path on this machine.

    The forms are those of git-fetch(1), "GIT URLS".
    """
    if "://" in url:
        return of_url(url)
    before, colon, _ = url.partition(":")
    # A slash before the colon makes it a path.
    if not colon or not before or "/" in before:
        return None
    return _of_ssh(before.rpartition("@")[2], None)


def _split(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme = "ssh" if parts.scheme in ("sftp", "git+ssh", "ssh+git") else parts.scheme
    return (scheme, parts.hostname, port) if parts.hostname and scheme in _PORTS else None


def _of_ssh(name: str, port: int | None) -> Address | None:
    """What `~/.ssh/config` makes of a host's name; None where it leads through another host."""
    settings = {key: values[0] for key, values in effective(name, port, None).items()}
    if any(settings.get(key, "none") != "none" for key in ("proxyjump", "proxycommand")):
        return None
    number = settings.get("port", "")
    return Address(settings.get("hostname", name), int(number) if number.isdigit() else 22)
