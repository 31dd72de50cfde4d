"""The pool of workers that the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.settings import Settings
from tools.errors import Unavailable
from tools.pools import Pool

if TYPE_CHECKING:
    from tools.pools.local import LocalPool


def open_pool(settings: Settings) -> Pool:
    """Workers start at the first call. Raises ``Unavailable`` where Ray is asked for and not installed."""
    if settings.pool == "local":
        return open_local_pool(settings)
    try:
        from tools.pools.ray_pool import RayPool
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise Unavailable("Ray is not installed; get it with: pip install 'steadface[ray]'.") from None
    return RayPool(
        settings.home,
        settings.ray_address,
        {"render": settings.ray_render, "quick": settings.ray_quick},
        settings.cancel_grace,
        settings.ray_patience,
        artifacts_url=settings.artifacts_url,
    )


def open_local_pool(settings: Settings) -> LocalPool:
    """The workers of this machine, whatever the settings ask for."""
    from tools.pools.local import LocalPool

    return LocalPool(settings.home, settings.cancel_grace, artifacts_url=settings.artifacts_url)
