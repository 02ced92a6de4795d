"""What the scheduler is: no queue, no handlers, a schema of its own."""

from services.scheduler import ticking
from shared.service import Service
from shared.settings import Settings

SERVICE = Service(name="scheduler", package="services.scheduler", handlers={})


class Worker(ticking.Scheduler):
    """The scheduler of this installation."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(SERVICE, settings)
