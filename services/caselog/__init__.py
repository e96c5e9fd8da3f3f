"""The case log: the one book that holds every event of every case, in causal order, each entry chained to the one before."""
