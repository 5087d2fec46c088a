"""Any bytes whatever, for everything that reads what somebody else wrote: `fuzz/run`."""
