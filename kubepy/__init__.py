"""Kubernetes in Python.

The rooms of this house, from the ground up (docs/architecture.md draws them; import-linter
keeps the arrows pointing down):

``util``        clock, back-off, tasks, logging, component configuration
``machinery``   pure API machinery: kinds, selectors, quantities, patches, tables, Status errors
``api``         the built-in resources as data: schema, defaults, validation, printer columns
``storage``, ``cri``, ``cni``, ``netfilter``    the edges of the system
``client``, ``workqueue``, ``streaming``        what every component holds in its hands
``informer``, ``operator``                      the framework that controllers are written in
``apiserver``, ``controllers``, ``scheduler``, ``kubelet``, ``proxy``, ``dns``, ``kubectl``
``simnode``, ``metrics``                        simulated nodes; what `kubectl top` shows
``cluster``     composes the components into a cluster on one host;  ``bootstrap``  on machines with systemd
``testing``     a whole cluster inside a test;  ``cmd``  one file per command
"""

__version__ = "0.1.0"
KUBERNETES_VERSION = "v1.36.0"
