"""A booted Debian 12 on this machine, to which the instance's scripts cannot tell a difference from an ECS instance.

    image: root file system (mmdebstrap, once) ─▶ + what install.sh adds (once for each state of the package)
    machine: an overlay on the image, in systemd-nspawn and network namespaces of its own
    world: what it finds around it: the metadata service, and the way of its signals
    keeper: the process that keeps a machine of the local target up when everybody else has gone

The local target and tests/instance use the same.
"""
