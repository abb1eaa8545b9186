"""Named sets of rules that comparisons use: models, store and routes."""
