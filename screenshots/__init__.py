"""Pictures of the application, drawn by itself: `python -m screenshots`."""
