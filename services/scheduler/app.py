"""What the scheduler is: no queue, no handlers, a schema of its own."""

from shared.service import Service

SERVICE = Service(name="scheduler", package="services.scheduler", handlers={})
