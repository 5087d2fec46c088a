"""No example has a deadline: on a machine with other work, any of them takes its time."""

from hypothesis import settings

settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")
