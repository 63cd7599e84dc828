"""Aggregation: groups that another API server answers, by an APIService that names its Service.

The request is authenticated and authorized here; what is passed on names the user in the front proxy's
headers, over TLS with the front proxy's certificate. Availability is checked and written into the APIService.
Groups served here have an APIService too, as in Kubernetes.
"""

from kubepy.apiserver.aggregation.aggregator import Aggregator

__all__ = ["Aggregator"]
