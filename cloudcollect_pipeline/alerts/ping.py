"""The dead man's switch: an outside service that raises the alarm when it was not pinged in time.

By the convention of Healthchecks.io: a POST to the address says that all is well, `/fail` appended that it is not,
`/log` appended neither (that is how the address is tried out).
"""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from cloudcollect_pipeline.alerts.message import Message
from cloudcollect_pipeline.alerts.receivers import DEADLINE, post
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.settings import AlertSettings, News
from cloudcollect_pipeline.web import SystemClock

NAME = "health check"


@dataclass(frozen=True)
class HealthCheck:
    """A receiver that hears of nights only whether they went well."""

    url: str
    clock: Clock
    deadline: float
    name: str = NAME

    def wants(self, news: News, company: str) -> bool:
        """Nothing by itself: it is pinged."""
        return False

    def tell(self, key: str, message: Message) -> None:
        """Ping by the message's severity; anything but a test with an empty body."""
        suffix = "/log" if message.data.get("test") else "/fail" if message.severity == "off" else ""
        parts = urlsplit(self.url)
        post(urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix)), b"", self.clock, self.deadline)


def health_checks(
    settings: AlertSettings, clock: Clock | None = None, *, deadline: float = DEADLINE
) -> list[HealthCheck]:
    """The one that the settings name, if they do."""
    url = settings.health_check_url
    return [HealthCheck(url.get_secret_value(), clock or SystemClock(), deadline)] if url else []
