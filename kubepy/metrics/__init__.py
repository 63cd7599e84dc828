"""The metrics server: metrics.k8s.io, behind an APIService, from what the kubelets serve.

``exposition`` reads the kubelets' text and ``store`` makes usage of it (both pure); ``scraper`` asks the
kubelets, ``authentication`` believes the front proxy and asks the API server what its users may, ``server``
answers. It keeps two measurements of each container in memory and nothing else. It talks to the API server
by `client` and `informer`, to kubelets over HTTPS; aiohttp is used here.
"""
