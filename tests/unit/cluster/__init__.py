"""Of the cluster: what needs no scheduler."""
