"""Images of Docker's first years, which have no config: what they claim, and the config that Docker makes of them."""
