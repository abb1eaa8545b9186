"""`concord compare` as people and scripts run it: real processes."""
