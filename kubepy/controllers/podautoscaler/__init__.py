"""HorizontalPodAutoscaler: as many replicas as the metrics call for, no faster than the behaviour allows.

``grouping`` sorts pods by how far their metrics count, ``proportion`` makes a replica count of pods and
metrics, ``behavior`` holds that count back (windows, policies, bounds): all pure. ``metrics_client`` reads
the metrics APIs, ``proposals`` asks it for each metric of an autoscaler, ``controller`` observes and scales.
"""
