"""Probes: asking containers how they are (`prober`), on their schedule (`worker`), for every pod (`manager`)."""
