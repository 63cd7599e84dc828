"""Endpoints: which pods answer a Service, as EndpointSlices and as the older Endpoints."""
