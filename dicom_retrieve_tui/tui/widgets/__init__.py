"""Widgets: each draws what it is handed, and knows neither session nor store."""
