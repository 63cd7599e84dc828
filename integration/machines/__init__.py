"""A cluster of machines with systemd, each a systemd-nspawn container, set up by the scripts of deploy/.

``base`` makes the root file system that all share and the wheel sets, ``nspawn`` boots, crashes and removes
machines, ``lab`` is four of them on a bridge.
"""
