"""What the notifications' worker is."""

from services.notifications import worker
from services.notifications.handlers import HANDLERS
from services.notifications.settings import settings as own_settings
from shared.service import Service
from shared.settings import Settings

SERVICE = Service(name="notifications", package="services.notifications", handlers=HANDLERS)


class Worker(worker.Worker):
    """The notifications' worker of this installation."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(SERVICE, settings, own_settings())
