"""Where rows come from. `base` says what an engine may expect of every source."""
