"""TLS on the associations that we request, and on those that call our Storage SCP."""
