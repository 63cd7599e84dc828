"""Machines of their own: makes one a master (init), a worker (join), or nothing again (reset).

What `kubepy up` does for network namespaces on one host, this does for machines with systemd: keys by
the cluster's authority or, on workers, by certificate requests; configuration files; units started.
Secrets do not travel: a worker comes with a bootstrap token and the hash of the authority's key.

May use ``cluster`` (keys, configuration, images, add-ons) and the client; runs ``systemctl``. Of a component
it knows the configuration file and nothing else, and decides nothing that one of them decides.
"""
