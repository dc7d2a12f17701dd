"""What hosts can do, who can take whose guests, and how safe it all is set up."""
