"""Widgets: each draws the values that it is given, and knows neither session nor store."""
