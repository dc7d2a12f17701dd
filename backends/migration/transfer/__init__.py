"""The ways to carry a guest over, one file each. None of them says where the guest is: that is found out after."""
