"""Probes: asking containers how they are (`prober`), on their schedule, for every pod (`manager`)."""
