"""libvirt. Nothing else imports it, and no object of it leaves this room: what crosses is frozen data."""
