"""What crashes leave on a host: logs, dumps, what the kernel and the journal tell, and how kdump stands."""
